//! The feeds of revocations: is what is known fresh, and until when?

use super::finding::Finding;
use super::issuers::words;
use super::known::Known;
use crate::control::settings::Config;
use crate::decide::time::Moment;
use crate::idp::source::SourceSettings;
use crate::state::revocations::FeedStanding;
use std::time::Duration;

const PAGE: &str = "doctor.md#feeds";

pub(super) fn look(config: &Config, known: &Known, now: Moment) -> Vec<Finding> {
    let of = |(name, settings): (&String, &SourceSettings)| {
        let what = format!("revocation.sources.{name}");
        let standing = known.feeds.iter().find(|feed| feed.source.as_str() == name);
        let mut found = vec![match standing {
            Some(standing) => fresh(&what, settings, standing, now),
            None if settings.kind().is_told() && !known.listens => {
                Finding::unknown(what.clone(), "it is told by its provider, to the gateway: ask that, with --node")
            }
            None => {
                Finding::unknown(what.clone(), "nothing is known of it").cure("mend what is told of it besides", PAGE)
            }
        }];
        found.extend(standing.and_then(|standing| full(&what, settings, standing)));
        found
    };
    config.revocation.sources.iter().flat_map(of).collect()
}

fn fresh(what: &str, settings: &SourceSettings, feed: &FeedStanding, now: Moment) -> Finding {
    let why = feed.last_error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    let then = "tokens of its issuer are refused (503), or asked about, as `on_stale` of the policy says";
    let cure = "see whether the source answers from here, and what it answers";
    let (says, limit) = (format!("{} entries", feed.entries), feed.max_staleness);
    match (feed.age, limit) {
        (None, _) if !feed.complete => {
            Finding::wrong(what, format!("{says}, and it said more than `max_entries` allows"))
                .then(then)
                .cure("raise `max_entries`: what is incomplete is never fresh", PAGE)
        }
        // Who is told only speaks when there is something to tell.
        (None, _) if settings.kind().is_told() && feed.last_error.is_none() => {
            Finding::fine(what, format!("{says}; nothing was told since the start"))
        }
        (None, _) => Finding::wrong(what, format!("it was never heard{why}")).then(then).cure(cure, PAGE),
        (Some(age), Some(limit)) if age >= limit => {
            Finding::wrong(what, format!("{says}, heard {} ago{why}", words(age)))
                .at(now.wall.minus(age).plus(limit))
                .then(then)
                .cure(cure, PAGE)
        }
        (Some(age), Some(limit)) if feed.last_error.is_some() => {
            Finding::soon(what, format!("{says}, heard {} ago, and it fails now{why}", words(age)))
                .at(now.wall.plus(limit.saturating_sub(age)))
                .then(format!("it is stale: {then}"))
                .cure(cure, PAGE)
        }
        (Some(age), Some(limit)) => {
            let finding = Finding::fine(
                what,
                format!("{says}, heard {} ago; stale after {} of silence", words(age), words(limit)),
            );
            slow(&finding, settings, limit).unwrap_or(finding)
        }
        (Some(age), None) if feed.last_error.is_some() => {
            Finding::unwise(what, format!("{says}, heard {} ago, and it fails now{why}", words(age)))
                .then("what is revoked from now on passes: `max_staleness` is off")
                .cure(cure, PAGE)
        }
        (Some(age), None) => Finding::fine(what, format!("{says}, heard {} ago; never stale", words(age))),
    }
}

/// At its pace it is stale before the next poll, or after one that failed.
fn slow(finding: &Finding, settings: &SourceSettings, limit: Duration) -> Option<Finding> {
    let SourceSettings::Poll(poll) = settings else { return None };
    let pace = poll.interval.get();
    (pace * 2 > limit).then(|| {
        let says = format!("{}, and it is asked each {} only", finding.says, words(pace));
        let then = "one poll that fails makes it stale";
        Finding::unwise(finding.what.clone(), says).then(then).cure("make `interval` a third of `max_staleness`", PAGE)
    })
}

/// What is close to its bound.
fn full(what: &str, settings: &SourceSettings, feed: &FeedStanding) -> Option<Finding> {
    let most = settings.kind().bounds().max_entries;
    (feed.complete && feed.entries.saturating_mul(5) >= most.saturating_mul(4) && most > 0).then(|| {
        let says = format!("{} of at most {most} entries (`max_entries`)", feed.entries);
        let (then, cure) = if settings.kind().is_told() {
            ("one entry more than that, and its events are refused (503)", "raise `max_entries` and reload")
        } else {
            let cure = "raise `max_entries`, or have the source leave out what has expired";
            ("one entry more than that, and it is never fresh", cure)
        };
        Finding::soon(what, says).then(then).cure(cure, PAGE)
    })
}
