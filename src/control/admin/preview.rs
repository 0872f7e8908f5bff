//! Whom entries would hit, as far as can be seen: they are held against the tokens that are remembered because they were
//! used lately. Nothing is revoked by it.

use super::entry::Understood;
use crate::decide::checks::revocation::is_hit;
use crate::decide::claims::Claims;
use crate::decide::id::{Fingerprint, SourceName};
use crate::decide::time::{Moment, Timestamp};
use crate::proxy::gate::Shared;
use crate::state::revocations::{Bounds, Revocations};
use crate::state::verified::Verified;
use serde::Serialize;
use std::collections::HashSet;

/// What is counted, in words.
const COUNTED: &str = "tokens that this instance verified and still remembers, and that have not expired: those used here \
                       lately, as many as limits.token_cache holds; tokens used elsewhere, or not yet, are not among them";

/// Whom it would hit.
#[derive(Serialize)]
pub struct Counted {
    preview: bool,
    /// How many entries there are.
    entries: usize,
    /// How many tokens were looked at.
    looked_at: usize,
    /// How many of them would be refused.
    tokens: usize,
    /// How many sessions those are of.
    sessions: usize,
    /// How many subjects.
    subjects: usize,
    counted: &'static str,
}

/// Counts. The entries go into a set of their own, that decides as the real one would.
#[must_use]
pub fn count(entries: &[Understood], shared: &Shared, now: Moment) -> Counted {
    let set = rehearsal(entries, now.wall);
    let plan = shared.plan.load();
    let (mut looked_at, mut tokens) = (0, 0);
    let (mut sessions, mut subjects): (HashSet<Fingerprint>, HashSet<Fingerprint>) = Default::default();
    shared.state.verified.each(|verified| {
        let Some(claims) = alive(verified, now.wall) else { return };
        let Some((_, issuer)) = plan.issuers.find(&claims.issuer) else { return };
        looked_at += 1;
        let handles = &verified.token.handles;
        if is_hit(&set.look_up(&issuer.rules.name, handles), claims) {
            tokens += 1;
            sessions.extend(handles.session);
            subjects.extend(handles.subject);
        }
    });
    let (sessions, subjects) = (sessions.len(), subjects.len());
    Counted { preview: true, entries: entries.len(), looked_at, tokens, sessions, subjects, counted: COUNTED }
}

fn rehearsal(entries: &[Understood], learned: Timestamp) -> Revocations {
    let set = Revocations::default();
    let bounds = Bounds { max_entries: entries.len(), max_staleness: None };
    let mut feeds = std::collections::HashMap::new();
    for entry in entries {
        let open = || set.open(&SourceName::from("preview"), &entry.issuer, bounds);
        if let Some(feed) = feeds.entry(entry.issuer.clone()).or_insert_with(open) {
            // There is room for all of them.
            let _ = set.add(feed, &entry.revoked, learned);
        }
    }
    set
}

/// What it says, unless it has expired.
fn alive(verified: &Verified, now: Timestamp) -> Option<&Claims> {
    let claims = verified.token.claims.as_ref().ok()?;
    claims.expires.is_none_or(|expires| now < expires).then_some(claims)
}
