//! Is this revoked, by which entry, from which feed, since when and until when; and how fresh is what each feed knows.

use super::entry::Understood;
use crate::decide::checks::revocation::is_hit;
use crate::decide::revocation::{Entries, Entry};
use crate::decide::time::{Moment, Timestamp};
use crate::state::State;
use crate::state::revocations::{FeedStanding, Known, Target};
use serde::Serialize;

/// What is known of a token, or of a name.
#[derive(Serialize)]
pub struct Answered {
    /// Of a token: whether an entry hits it. Of a name: whether there is an entry.
    revoked: bool,
    issuer: String,
    /// The entries that name it, those of its issuer as a whole too.
    entries: Vec<Named>,
    /// The feeds that speak for its issuer.
    feeds: Vec<Feed>,
}

#[derive(Serialize)]
struct Named {
    r#type: &'static str,
    feed: String,
    /// Whether it hits the token that was asked about; of a name it depends on when the token was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<bool>,
    cutoff: String,
    since: String,
    until: Option<String>,
}

/// One feed.
#[derive(Serialize)]
pub struct Feed {
    feed: String,
    issuer: String,
    entries: usize,
    /// How many it may hold; `None` where there is no bound.
    max_entries: Option<usize>,
    /// How full it is by that, of a hundred.
    filled_percent: Option<f64>,
    /// Whether all that it said could be kept.
    complete: bool,
    /// `None` if it was never heard.
    age_seconds: Option<f64>,
    max_staleness_seconds: Option<f64>,
    stale: bool,
    failures: u64,
    last_error: Option<String>,
}

/// All feeds.
#[derive(Serialize)]
pub struct Feeds {
    feeds: Vec<Feed>,
}

/// What is known of an entry's name or token.
#[must_use]
pub fn known(asked: &Understood, state: &State, now: Moment) -> Answered {
    let named = |known: &Known| {
        let name = state.revocations.source_name(known.source);
        Named {
            r#type: known.target.word(),
            feed: name.map_or_else(String::new, |name| name.as_str().to_owned()),
            hits: asked.claims.as_ref().map(|claims| is_hit(&alone(known), claims)),
            cutoff: known.cutoff.to_string(),
            since: known.learned.to_string(),
            until: known.until.map(|until: Timestamp| until.to_string()),
        }
    };
    let entries: Vec<Named> = state.revocations.named(&asked.issuer, &asked.handles).iter().map(named).collect();
    let feeds = feeds(state, now).feeds.into_iter().filter(|feed| feed.issuer == asked.issuer.as_str()).collect();
    let revoked = entries.iter().any(|entry| entry.hits.unwrap_or(true));
    Answered { revoked, issuer: asked.issuer.as_str().to_owned(), entries, feeds }
}

/// How fresh each feed is.
#[must_use]
pub fn feeds(state: &State, now: Moment) -> Feeds {
    Feeds { feeds: state.revocations.standing(now).into_iter().map(Feed::of).collect() }
}

impl Feed {
    fn of(standing: FeedStanding) -> Self {
        let (age, max) = (standing.age, standing.max_staleness);
        let most = standing.max_entries;
        let tenths = |most: usize| standing.entries.saturating_mul(1000).checked_div(most);
        Self {
            max_entries: most,
            filled_percent: most.and_then(tenths).map(|tenths| tenths as f64 / 10.0),
            feed: standing.source.as_str().to_owned(),
            issuer: standing.issuer.as_str().to_owned(),
            entries: standing.entries,
            complete: standing.complete,
            age_seconds: age.map(|age| age.as_secs_f64()),
            max_staleness_seconds: max.map(|max| max.as_secs_f64()),
            stale: age.is_none_or(|age| max.is_some_and(|max| age > max)),
            failures: standing.failures,
            last_error: standing.last_error.map(|error| error.to_string()),
        }
    }
}

/// The entry as the only one there is, as the line would be told of it.
fn alone(known: &Known) -> Entries {
    let entry = Some(Entry { cutoff: known.cutoff, source: known.source, learned: known.learned });
    match known.target {
        Target::Token(_) => Entries { token: entry, ..Entries::default() },
        Target::Session(_) => Entries { session: entry, ..Entries::default() },
        Target::Subject(_) => Entries { subject: entry, ..Entries::default() },
        Target::Client(_) => Entries { client: entry, ..Entries::default() },
        Target::Claim(_) => Entries { claim: entry, ..Entries::default() },
        Target::Issuer => Entries { issuer: entry, ..Entries::default() },
        Target::Beside(_) => Entries::default(),
    }
}
