//! Idle: a session that was left alone for too long has ended, whatever its token says. It stays ended when it is used
//! again: only a newer sign-in revives it (NIST SP 800-63B §5.2).

use super::step_up::signed_in;
use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Quantity};
use crate::decide::reason::Reason;
use crate::decide::session::{Basis, Key, KeySource, Knowledge, Sight};
use crate::decide::time::millis;
use std::time::Duration;

/// What to do with a token that names no session: it has neither the issuer's session claim nor a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unidentified {
    /// Refuse it.
    #[default]
    Deny,
    /// Take the token for its session: the next token is then another session.
    Token,
}

/// Refuses iff `now - last activity > limit`, or the session was ever quiet for longer than that since its user signed
/// in. There is no leeway: it is our own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// The longest silence that is accepted.
    pub limit: Limit<Duration>,
    /// What to do with a token that names no session.
    pub unidentified: Unidentified,
}

impl Check for Idle {
    fn ask(&self, evidence: &Evidence<'_>) -> Finding {
        let Some((claims, rules)) = evidence.ground() else { return Finding::Moot };
        if let Err(finding) = signed_in(claims, rules, evidence.moment) {
            return finding;
        }
        match known(&evidence.session, self.unidentified) {
            Ok((key, basis, sight)) => self.judge(key, basis, sight),
            Err(finding) => finding,
        }
    }
}

impl Idle {
    /// Is a session that looks like this still alive?
    #[must_use]
    pub fn judge(&self, key: Key, basis: Basis, sight: Sight) -> Finding {
        let limit = millis(self.limit.value);
        let (about, found) = if sight.quiet <= limit && sight.silence > limit {
            (silence(key.source), sight.silence)
        } else {
            (quiet(key.source, basis), sight.quiet)
        };
        let compared = Compared::about(about).found(Quantity::Span(found)).against(self.limit.value, self.limit.origin);
        if found > limit {
            Finding::fail(Reason::SessionIdleTimeout, compared)
        } else {
            // At the limit itself it is still accepted: it holds for one millisecond more than is left.
            Finding::pass_for((limit - found).saturating_add(1), compared)
        }
    }
}

/// What is known of the session, or the answer where that is not enough.
pub(super) fn known(knowledge: &Knowledge, unidentified: Unidentified) -> Result<(Key, Basis, Sight), Finding> {
    let source = match knowledge {
        Knowledge::Unasked => None,
        Knowledge::Undated(key) | Knowledge::NoRoom(key) | Knowledge::Known(key, ..) => Some(key.source),
    };
    if source == Some(KeySource::Token) && unidentified == Unidentified::Deny {
        return Err(Finding::fail(Reason::SessionUnidentified, Compared::about("session")));
    }
    match knowledge {
        Knowledge::Known(key, basis, sight) => Ok((*key, *basis, *sight)),
        Knowledge::Undated(_) => Err(Finding::fail(Reason::ClaimMissing, Compared::about("iat"))),
        Knowledge::NoRoom(_) => Err(unavailable("no room for another")),
        Knowledge::Unasked => Err(unavailable("not looked up")),
    }
}

fn unavailable(why: &'static str) -> Finding {
    Finding::fail(Reason::SessionUnavailable, Compared::about("session").found(Quantity::Word(why)))
}

const fn quiet(source: KeySource, basis: Basis) -> &'static str {
    match (source, basis) {
        (KeySource::Claim, Basis::Held) => "now - last activity (by session claim)",
        (KeySource::SignIn, Basis::Held) => "now - last activity (by sub, auth_time, client)",
        (KeySource::Client, Basis::Held) => "now - last activity (by sub, client)",
        (KeySource::Token, Basis::Held) => "now - last activity (by token)",
        (KeySource::Claim, Basis::Token) => "now - max(auth_time, iat) (not held, by session claim)",
        (KeySource::SignIn, Basis::Token) => "now - max(auth_time, iat) (not held, by sub, auth_time, client)",
        (KeySource::Client, Basis::Token) => "now - max(auth_time, iat) (not held, by sub, client)",
        (KeySource::Token, Basis::Token) => "now - max(auth_time, iat) (not held, by token)",
    }
}

const fn silence(source: KeySource) -> &'static str {
    match source {
        KeySource::Claim => "longest silence since sign-in (by session claim)",
        KeySource::SignIn => "longest silence since sign-in (by sub, auth_time, client)",
        KeySource::Client => "longest silence since sign-in (by sub, client)",
        KeySource::Token => "longest silence since sign-in (by token)",
    }
}
