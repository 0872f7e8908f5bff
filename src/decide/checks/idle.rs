//! Idle: a session that was left alone for too long has ended, whatever its token says. It stays ended when it is used
//! again: only a newer sign-in revives it (NIST SP 800-63B §5.2).

use super::jitter::earlier;
use super::step_up::signed_in;
use crate::decide::check::Check;
use crate::decide::evidence::Evidence;
use crate::decide::finding::{Compared, Finding, Limit, Quantity};
use crate::decide::reason::Reason;
use crate::decide::session::{Basis, Key, KeySource, Knowledge, OnStateLoss, Sight};
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
    /// By how much at most a silence ends a session earlier, each by a part of its own; never later.
    pub jitter: Duration,
    /// What to do with a token that names no session.
    pub unidentified: Unidentified,
    /// What to do while other instances may know more, and cannot be asked.
    pub on_state_loss: OnStateLoss,
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
    /// The longest silence that this session may have.
    #[must_use]
    pub fn span(&self, key: Key) -> Duration {
        Duration::from_millis(u64::try_from(earlier(self.limit.value, self.jitter, key.lot)).unwrap_or(0))
    }

    /// The shortest that any session is held to.
    #[must_use]
    pub const fn shortest(&self) -> Duration {
        self.limit.value.saturating_sub(self.jitter)
    }

    /// Is a session that looks like this still alive?
    #[must_use]
    pub fn judge(&self, key: Key, basis: Basis, mut sight: Sight) -> Finding {
        let limit = earlier(self.limit.value, self.jitter, key.lot);
        if basis.is_lost() && self.on_state_loss == OnStateLoss::Local {
            // What others may have seen is not what this instance saw.
            sight.silence = sight.silence.max(sight.doubted);
        }
        // What this instance knows to have ended for good has ended, whatever others know.
        if basis.is_lost() && sight.silence <= limit {
            match self.on_state_loss {
                OnStateLoss::Deny => return lost(),
                OnStateLoss::Local => {}
                OnStateLoss::Allow => {
                    let compared = Compared::about("session (redis lost, allowed)");
                    return Finding::pass_for(limit.saturating_add(1), compared.found(Quantity::Word(LOST)));
                }
            }
        }
        let (about, found) = if sight.quiet <= limit && sight.silence > limit {
            (silence(key.source), sight.silence)
        } else {
            (quiet(key.source, basis), sight.quiet)
        };
        let compared =
            Compared::about(about).found(Quantity::Span(found)).against(Quantity::Span(limit), self.limit.origin);
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
    if knowledge.key().is_some_and(|key| key.source == KeySource::Token) && unidentified == Unidentified::Deny {
        return Err(Finding::fail(Reason::SessionUnidentified, Compared::about("session")));
    }
    match knowledge {
        Knowledge::Known(key, basis, sight) => Ok((*key, *basis, *sight)),
        Knowledge::Undated(_) => Err(Finding::fail(Reason::ClaimMissing, Compared::about("iat"))),
        Knowledge::NoRoom(_) => Err(unavailable("no room for another")),
        Knowledge::Unasked => Err(unavailable("not looked up")),
    }
}

const LOST: &str = "unknown: redis does not answer";

/// The answer where others may know more, and cannot be asked.
pub(super) fn lost() -> Finding {
    Finding::fail(Reason::SessionStateUnknown, Compared::about("session").found(Quantity::Word(LOST)))
}

fn unavailable(why: &'static str) -> Finding {
    Finding::fail(Reason::SessionUnavailable, Compared::about("session").found(Quantity::Word(why)))
}

macro_rules! about {
    ($what:literal, $source:expr) => {
        match $source {
            KeySource::Claim => concat!($what, "by session claim)"),
            KeySource::SignIn => concat!($what, "by sub, auth_time, client)"),
            KeySource::Client => concat!($what, "by sub, client)"),
            KeySource::Token => concat!($what, "by token)"),
        }
    };
}

const fn quiet(source: KeySource, basis: Basis) -> &'static str {
    match basis {
        Basis::Held => about!("now - last activity (", source),
        Basis::Token => about!("now - max(auth_time, iat) (not held, ", source),
        Basis::Shared => about!("now - last activity (redis, ", source),
        Basis::Alone => about!("now - last activity (redis lost, local, ", source),
        Basis::Unkept => about!("now - max(auth_time, iat) (no room, ", source),
        Basis::Unheard => about!("now - max(auth_time, iat) (redis lost, not held, ", source),
    }
}

const fn silence(source: KeySource) -> &'static str {
    about!("longest silence since sign-in (", source)
}
