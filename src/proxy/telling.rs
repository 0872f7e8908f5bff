//! When the session of an admitted request will end, on its response: `Curfew-Session`, a dictionary (RFC 9651 §3.2)
//! such as `ends=@1700000873, in=873, reason=idle, extendable=?1`. That of an upstream is no word of ours.

use super::report::Report;
use super::sessions::{Extend, SessionPolicy};
use crate::decide::outlook::{End, Outlook};
use crate::decide::policy::Policy;
use crate::decide::session::Knowledge;
use crate::decide::time::{Timestamp, millis};
use crate::decide::verdict::Verdict;
use crate::settings::Span;
use crate::state::fingerprint::Kind;
use crate::state::sessions::Activity;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;
use std::time::Duration;

/// When it ends, and why.
pub const SESSION: HeaderName = HeaderName::from_static("curfew-session");

/// The same, from `warn_before` on.
pub const WARNING: HeaderName = HeaderName::from_static("curfew-session-warning");

/// How long before its end its user is warned, where nobody says.
pub const WARN_BEFORE: Duration = Duration::from_secs(120);

/// Whether a request shows its user, and what is known of the session.
type Shows<'a> = (Activity, &'a Knowledge);

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telling {
    /// How long before the end there is a warning.
    pub warn_before: Duration,
    /// May the user ask for more time?
    pub extend: bool,
}

impl Telling {
    /// As a policy and the defaults say.
    #[must_use]
    pub fn of(policy: &SessionPolicy, defaults: &SessionPolicy) -> Self {
        Self {
            warn_before: policy.warn_before.or(defaults.warn_before).map_or(WARN_BEFORE, Span::get),
            extend: policy.extend.or(defaults.extend).unwrap_or_default() == Extend::Allow,
        }
    }

    /// When it ends, once the request was remembered.
    pub(super) fn outlook(self, verdict: &Verdict, policy: &Policy, (activity, session): Shows<'_>) -> Outlook {
        let outlook = Outlook::of(&verdict.trail);
        let longest = || policy.longest_silence(verdict.limits.as_ref(), session);
        // What finds no room is judged by its token each time, however busy its user is.
        if activity == Activity::User && !session.is_unkept() { outlook.active(longest()) } else { outlook }
    }

    /// Would asking for more time help against this end?
    #[must_use]
    pub fn extends(self, end: End) -> bool {
        self.extend && end == End::Idle
    }
}

impl Report {
    /// Tells the client, where the route says so.
    pub(super) fn tell_session(&self, headers: &mut HeaderMap) {
        let Some(telling) = self.route.as_ref().and_then(|route| route.telling) else { return };
        headers.remove(SESSION);
        headers.remove(WARNING);
        let Some((end, left)) = self.outlook.and_then(|outlook| outlook.first()) else { return };
        let gone = self.shared.state.clock.steady().saturating_sub(self.moment.steady);
        let rest = left.saturating_sub(gone);
        let text = written(self.moment.wall.plus(left), rest, end, telling.extends(end));
        let Ok(value) = HeaderValue::try_from(text) else { return };
        if rest <= telling.warn_before {
            headers.insert(WARNING, value.clone());
        }
        headers.insert(SESSION, value);
    }

    /// By which those who try again are spread: the session's number, else one of the client's address.
    pub(super) fn lot(&self) -> u32 {
        match self.verified() {
            Some(verified) => verified.session.key().lot,
            None => self.lot_of_the_peer(),
        }
    }

    fn lot_of_the_peer(&self) -> u32 {
        let address = match self.seen.peer().ip().to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let print = self.shared.state.fingerprints.of(Kind::Session, "peer", &address.octets());
        let [.., a, b, c, d] = print.0;
        u32::from_le_bytes([a, b, c, d])
    }
}

/// The instant is of our own clock, in whole seconds as structured fields have it, and never too late (RFC 9651 §3.3.7).
fn written(ends: Timestamp, left: Duration, end: End, extendable: bool) -> String {
    let (at, left) = (ends.millis().div_euclid(1000), millis(left).div_euclid(1000));
    format!("ends=@{at}, in={left}, reason={}, extendable=?{}", end.name(), u8::from(extendable))
}

#[cfg(test)]
mod tests {
    use super::{Duration, End, Timestamp, written};

    #[test]
    fn it_is_never_told_too_late() {
        let told = written(Timestamp::from_millis(1_700_000_873_999), Duration::from_millis(873_999), End::Idle, true);
        assert_eq!(told, "ends=@1700000873, in=873, reason=idle, extendable=?1");
        let told = written(Timestamp::from_millis(1_700_000_000_001), Duration::ZERO, End::SignIn, false);
        assert_eq!(told, "ends=@1700000000, in=0, reason=sign-in, extendable=?0");
    }
}
