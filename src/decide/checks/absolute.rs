//! Absolute: a session ends so long after its user signed in, however busy it is.

use super::idle::{Unidentified, known, lost};
use super::jitter::earlier;
use super::step_up::signed_in;
use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Quantity};
use crate::decide::reason::Reason;
use crate::decide::session::{KeySource, Knowledge, OnStateLoss};
use crate::decide::time::{Timestamp, millis};
use std::time::Duration;

/// Refuses iff `now - start > limit + leeway`, where the start is `auth_time`, else what is known of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absolute {
    /// The longest session that is accepted.
    pub limit: Limit<Duration>,
    /// By how much at most a session ends earlier, each by a part of its own; never later.
    pub jitter: Duration,
    /// What to do with a token that names no session and does not say when its user signed in.
    pub unidentified: Unidentified,
    /// What to do while other instances may know more, and cannot be asked.
    pub on_state_loss: OnStateLoss,
}

impl Check for Absolute {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        let began = match signed_in(claims, rules, evidence.moment) {
            Ok(began) => began,
            Err(finding) => return finding,
        };
        let (about, age) = match self.age(began, evidence) {
            Ok(found) => found,
            Err(finding) => return finding,
        };
        let limit = earlier(self.limit.value, self.jitter, evidence.session.lot());
        let leeway = rules.leeway.value;
        let compared = Compared::about(about)
            .found(Quantity::Span(age))
            .against(Quantity::Span(limit), self.limit.origin)
            .with_leeway(leeway);
        let left = limit.saturating_add(millis(leeway)).saturating_sub(age);
        if left < 0 {
            Finding::fail(Reason::SessionAbsoluteTimeout, compared)
        } else if began.is_none() && self.on_state_loss == OnStateLoss::Deny && is_lost(&evidence.session) {
            lost()
        } else {
            Finding::pass_for(left.saturating_add(1), compared)
        }
    }
}

impl Absolute {
    /// Where the token says when its user signed in, it is enough; what we saw ourselves can only make it older.
    fn age(&self, began: Option<Timestamp>, evidence: &Evidence<'_>) -> Result<(&'static str, i64), Finding> {
        let seen = known(&evidence.session, self.unidentified);
        match (began.map(|began| evidence.moment.wall.since(began)), seen) {
            (Some(age), Ok((.., sight))) if sight.age > age => Ok(("steady now - auth_time", sight.age)),
            (Some(age), _) => Ok(("now - auth_time", age)),
            (None, Ok((key, _, sight))) => Ok((start(key.source), sight.age)),
            (None, Err(finding)) => Err(finding),
        }
    }
}

/// Others may know that it began earlier. Where the token says when its user signed in, that is of no matter.
const fn is_lost(session: &Knowledge) -> bool {
    matches!(session, Knowledge::Known(_, basis, _) if basis.is_lost())
}

const fn start(source: KeySource) -> &'static str {
    match source {
        KeySource::Claim => "now - first seen (by session claim)",
        KeySource::SignIn => "now - first seen (by sub, auth_time, client)",
        KeySource::Client => "now - first seen (by sub, client)",
        KeySource::Token => "now - first seen (by token)",
    }
}
