//! The issuers: do our clocks agree, and are there keys?

use super::finding::Finding;
use super::known::Known;
use crate::control::settings::Config;
use crate::decide::reason::Reason;
use crate::decide::time::Moment;
use crate::idp::settings::{IssuerSettings, KeySource};
use crate::settings::Span;
use crate::state::keys::Standing;
use crate::telemetry::describe::Words;
use std::time::Duration;

/// `Date` is told in seconds: no offset below this can be told from none.
const ROUNDING: Duration = Duration::from_secs(1);

const KEYS: &str = "doctor.md#keys";
const CLOCKS: &str = "doctor.md#clocks";

pub(super) fn look(config: &Config, known: &Known, now: Moment) -> Vec<Finding> {
    let of = |(name, settings): (&String, &IssuerSettings)| {
        let what = format!("issuers.{name}");
        let Some(standing) = known.keys.get(name) else {
            return vec![
                Finding::unknown(what, "nothing is known of its keys").cure("mend what is told of it besides", KEYS),
            ];
        };
        let mut found = Vec::new();
        // A set without one key that can be used is told of as such.
        match published(&what, standing) {
            Some(finding) if standing.keys == 0 => found.push(finding),
            told => found.extend(told.into_iter().chain([keys(&what, settings, standing, now)])),
        }
        if matches!(settings.keys, KeySource::Discovery(_) | KeySource::Url(_)) && standing.age.is_some() {
            found.push(clock(&what, settings, standing));
        }
        found
    };
    config.issuers.iter().flat_map(of).collect()
}

fn keys(what: &str, settings: &IssuerSettings, standing: &Standing, now: Moment) -> Finding {
    let limit = settings.max_stale.get();
    let why = standing.last_error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    let count = counted(standing.keys);
    match standing.age {
        None => Finding::wrong(what, format!("there are no keys{why}")).then(refused(Reason::KeyUnavailable)).cure(
            "see whether the provider answers, and whether `keys`, `ca` and `allow_private_network` are right",
            KEYS,
        ),
        Some(age) if matches!(settings.keys, KeySource::Secret(_)) => {
            let _ = age;
            Finding::fine(what, format!("{count}: a secret, which does not age"))
        }
        Some(age) if age >= limit => Finding::wrong(what, format!("{count}, {} old{why}", words(age)))
            .at(now.wall.minus(age).plus(limit))
            .then("they are not used any more: every token of it is refused")
            .cure("have the provider publish its keys again; `max_stale` says how long it may be silent", KEYS),
        Some(age) if standing.last_error.is_some() => {
            Finding::soon(what, format!("{count}, {} old, and they cannot be fetched{why}", words(age)))
                .at(now.wall.plus(limit.saturating_sub(age)))
                .then(format!("the keys are over `max_stale` ({}): every token of it is refused", Span::from(limit)))
                .cure("see whether the provider answers; until then a key that it rotates in is unknown", KEYS)
        }
        Some(age) => {
            let next = settings.refresh.get().saturating_sub(age);
            let next = format!("fetched again in {} at the latest", words(next));
            Finding::fine(what, format!("{count}, {} old, {next}", words(age)))
        }
    }
}

fn clock(what: &str, settings: &IssuerSettings, standing: &Standing) -> Finding {
    let Some(skew) = standing.skew_ms else {
        let says = "its answers carry no `Date`: whether its clock agrees with ours cannot be told";
        return Finding::unknown(what, says).cure("have the provider send `Date` (RFC 9110 §6.6.1)", CLOCKS);
    };
    let (apart, leeway) = (Duration::from_millis(skew.unsigned_abs()), settings.leeway.get());
    if apart <= ROUNDING {
        return Finding::fine(what, "its clock and ours agree, as far as `Date` can tell (1 s)");
    }
    let whose = if skew < 0 { "ahead of" } else { "behind" };
    let says = format!("its clock is {} {whose} ours; its leeway is {}", words(apart), settings.leeway);
    let then = if skew < 0 {
        "a token that was just issued is refused: not yet valid, or issued in the future"
    } else {
        "its tokens end too early for their users: here they expire before the provider thinks so"
    };
    let cure = "run NTP on both sides, and look at `timedatectl` here first: if all issuers differ, it is this machine";
    if apart > leeway + ROUNDING {
        Finding::wrong(what, says).then(then).cure(cure, CLOCKS)
    } else if apart * 2 > leeway {
        Finding::unwise(what, says).then(then).cure(cure, CLOCKS)
    } else {
        Finding::fine(what, says)
    }
}

fn published(what: &str, standing: &Standing) -> Option<Finding> {
    if standing.private > 0 {
        let says = format!("{} of its keys is published with its private half", standing.private);
        let then = "whoever has read it signs tokens; this gateway takes none of that key";
        return Some(Finding::wrong(what, says).then(then).cure("tell the provider now: the key is burnt", KEYS));
    }
    (standing.keys == 0 && standing.age.is_some()).then(|| {
        let says = format!("its key set has no key that can be used, of {}", counted(standing.ignored));
        let then = refused(Reason::KeyUnknown);
        Finding::wrong(what, says).then(then).cure("compare `algorithms` with what the provider publishes", KEYS)
    })
}

fn refused(reason: Reason) -> String {
    format!("every token of it is refused: {}", reason.code())
}

fn counted(keys: usize) -> String {
    format!("{keys} {}", if keys == 1 { "key" } else { "keys" })
}

pub(super) fn words(span: Duration) -> Words {
    let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    // Nobody wants fractions of what is told in minutes.
    Words(if ms >= 10_000 { ms / 1000 * 1000 } else { ms })
}
