//! What a token must be like by which an issuer tells us of its users: for us, of now, and told apart from every other
//! kind of token. And the memory of those that came already.

use super::signed::{Signed, SignedFault, Signer};
use crate::decide::claims::Claims;
use crate::decide::id::Fingerprint;
use crate::decide::time::{Moment, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// How the `typ` of a token is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TypePolicy")]
pub enum TypePolicy {
    /// The token's own type, or `JWT`, or none: older providers do not say it.
    #[default]
    Compat,
    /// The token's own type only.
    Strict,
}

/// Why a token is not acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// It is not proven to be the issuer's.
    #[error(transparent)]
    Unsigned(#[from] SignedFault),
    /// It is another kind of token.
    #[error("not a token of this type")]
    Type,
    /// It is of another issuer.
    #[error("another issuer")]
    Issuer,
    /// It is meant for somebody else.
    #[error("meant for another audience")]
    Audience,
    /// It has no time of issue, or no end where one is needed.
    #[error("without `iat` or `exp`")]
    Timeless,
    /// It is expired, or too old.
    #[error("expired")]
    Expired,
    /// It comes from the future.
    #[error("issued in the future, or not valid yet")]
    Early,
    /// It has no id, so that a repetition could not be told.
    #[error("without `jti`")]
    Nameless,
    /// What it says is not what such a token says.
    #[error("{0}")]
    Content(&'static str),
}

/// The terms of one source.
pub(super) struct Terms<'a> {
    /// The token's own type.
    pub typ: &'static str,
    pub types: TypePolicy,
    /// One of these must be in its `aud`.
    pub audiences: &'a [String],
    /// Must it say when it ends?
    pub require_exp: bool,
    /// However late it says that it ends, it is too old then.
    pub max_lifetime: Duration,
    /// How long it may be, in bytes.
    pub limit: usize,
}

/// A token that may be acted on.
#[derive(Debug)]
pub(super) struct Fit {
    pub claims: Claims,
    pub id: Box<str>,
    pub issued: Timestamp,
    /// From then on it would not be accepted any more.
    pub until: Timestamp,
    /// Whether it says of itself that it is of this type.
    pub typed: bool,
}

impl Terms<'_> {
    /// Verifies a token and judges it, but for what it says.
    pub async fn accept(&self, token: &str, signer: &Signer, now: Moment) -> Result<Fit, Unfit> {
        let signed = signer.verify(token, self.limit, now).await?;
        self.judge(signed, signer, now.wall)
    }

    fn judge(&self, Signed { typ, claims }: Signed, signer: &Signer, now: Timestamp) -> Result<Fit, Unfit> {
        let loose = self.types == TypePolicy::Compat && matches!(&*typ, "" | "jwt");
        if *typ != *self.typ && !loose {
            return Err(Unfit::Type);
        }
        if claims.issuer != signer.iss {
            return Err(Unfit::Issuer);
        }
        let meant = |audience: &str| self.audiences.iter().any(|ours| ours == audience);
        if !claims.audience.iter().flatten().any(|audience| meant(audience)) {
            return Err(Unfit::Audience);
        }
        let issued = claims.issued.ok_or(Unfit::Timeless)?;
        if self.require_exp && claims.expires.is_none() {
            return Err(Unfit::Timeless);
        }
        let oldest = issued.plus(self.max_lifetime);
        let until = claims.expires.map_or(oldest, |expires| expires.min(oldest)).plus(signer.leeway);
        if now >= until {
            return Err(Unfit::Expired);
        }
        let soonest = now.plus(signer.leeway);
        if issued > soonest || claims.not_before.is_some_and(|not_before| not_before > soonest) {
            return Err(Unfit::Early);
        }
        let id = claims.token_id.clone().filter(|id| !id.is_empty()).ok_or(Unfit::Nameless)?;
        Ok(Fit { claims, id, issued, until, typed: *typ == *self.typ })
    }
}

/// How many tokens are remembered, each until it would not be accepted any more.
const REMEMBERED: usize = 1 << 16;

/// The tokens that were acted on. To act on one again would change nothing, unless an operator took back meanwhile
/// what it said: so it is remembered, and when there are too many the one that ends first is forgotten.
#[derive(Default)]
pub(super) struct Replays(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    ends: HashMap<Fingerprint, Timestamp>,
    order: BTreeSet<(Timestamp, [u8; 16])>,
}

impl Replays {
    /// Was this one acted on?
    pub fn knows(&self, token: Fingerprint) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ends.contains_key(&token)
    }

    /// Claims one before it is acted on: of any number that come at once, one is the first.
    pub fn claim(&self, token: Fingerprint, until: Timestamp, now: Timestamp) -> Option<Claim<'_>> {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = !remembered.ends.contains_key(&token);
        if first {
            remembered.add(token, until, now);
        }
        // Made only if it is one: what is dropped gives the claim back.
        first.then(|| Claim { replays: self, token, acted: false })
    }

    fn release(&self, token: Fingerprint) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = remembered.ends.remove(&token) {
            remembered.order.remove(&(end, token.0));
        }
    }

    /// This one was acted on, and could be used again before `until`.
    pub fn remember(&self, token: Fingerprint, until: Timestamp, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(token, until, now);
    }
}

/// A claim. Whoever gives it up, because it failed or took too long, has not acted: it can be used again.
#[must_use]
pub struct Claim<'a> {
    replays: &'a Replays,
    token: Fingerprint,
    acted: bool,
}

impl Claim<'_> {
    /// It was acted on.
    pub fn acted(mut self) {
        self.acted = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.acted {
            self.replays.release(self.token);
        }
    }
}

impl Remembered {
    fn add(&mut self, token: Fingerprint, until: Timestamp, now: Timestamp) {
        if let Some(before) = self.ends.insert(token, until) {
            self.order.remove(&(before, token.0));
        }
        self.order.insert((until, token.0));
        while self.order.first().is_some_and(|(end, _)| *end < now) || self.ends.len() > REMEMBERED {
            let Some((_, first)) = self.order.pop_first() else { return };
            self.ends.remove(&Fingerprint(first));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::rules::Algorithms;
    use crate::state::keys::{IssuerKeys, Patience};
    use std::sync::Arc;

    fn token(number: u32) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Fingerprint(bytes)
    }

    /// To the millisecond: what is accepted up to an instant is not accepted at it.
    #[test]
    fn times_are_judged_at_their_bounds() {
        let patience = Patience { max_stale: None, cooldown: Duration::ZERO, wait: Duration::ZERO };
        let (keys, leeway) = (Arc::new(IssuerKeys::new(patience)), Duration::from_secs(60));
        let signer = Signer { iss: "i".into(), keys, algorithms: Algorithms::default(), leeway };
        let judge = |ms: i64, issued: i64, expires: Option<i64>, begins: Option<i64>, require_exp: bool| {
            let max_lifetime = Duration::from_secs(1000);
            let (audiences, types) = (&["us".to_owned()], TypePolicy::Strict);
            let terms = Terms { typ: "t", types, audiences, require_exp, max_lifetime, limit: 0 };
            let claims = Claims {
                issuer: "i".into(),
                audience: Some(["us".into()].into()),
                issued: Some(Timestamp::from_secs(issued)),
                expires: expires.map(Timestamp::from_secs),
                not_before: begins.map(Timestamp::from_secs),
                token_id: Some("id".into()),
                ..Claims::default()
            };
            let signed = Signed { typ: "t".into(), claims };
            terms.judge(signed, &signer, Timestamp::from_millis(ms)).map(|fit| fit.until.secs())
        };
        for (now, issued, expires, begins, judged) in [
            (159_999, 0, Some(100), None, Ok(160)),
            (160_000, 0, Some(100), None, Err(Unfit::Expired)),
            (1_059_999, 0, Some(9000), None, Ok(1060)),
            (1_060_000, 0, Some(9000), None, Err(Unfit::Expired)),
            (40_000, 100, Some(200), None, Ok(260)),
            (39_999, 100, Some(200), None, Err(Unfit::Early)),
            (0, 0, Some(200), Some(60), Ok(260)),
            (0, 0, Some(200), Some(61), Err(Unfit::Early)),
            (0, 0, None, None, Err(Unfit::Timeless)),
        ] {
            assert_eq!(judge(now, issued, expires, begins, true), judged, "{now} {issued} {expires:?} {begins:?}");
        }
        assert_eq!(judge(1_059_999, 0, None, None, false), Ok(1060));
        assert_eq!(judge(1_060_000, 0, None, None, false), Err(Unfit::Expired));
    }

    /// Who took too long, and was dropped where he waited, has not acted: what is sent again is taken.
    #[test]
    fn a_claim_that_is_given_up_is_free_again() {
        let (replays, at) = (Replays::default(), Timestamp::from_secs);
        let claim = replays.claim(token(1), at(10), at(0));
        assert!(claim.is_some() && replays.claim(token(1), at(10), at(0)).is_none());
        drop(claim);
        replays.claim(token(1), at(10), at(0)).unwrap().acted();
        assert!(replays.claim(token(1), at(10), at(0)).is_none() && replays.knows(token(1)));
    }

    #[test]
    fn what_was_acted_on_is_known_until_its_end_and_the_memory_is_bounded() {
        let (replays, at) = (Replays::default(), Timestamp::from_secs);
        replays.remember(token(1), at(10), at(0));
        assert!(replays.knows(token(1)) && !replays.knows(token(2)));
        replays.remember(token(1), at(20), at(0));
        replays.remember(token(2), at(30), at(15));
        assert!(replays.knows(token(1)));
        replays.remember(token(3), at(30), at(21));
        assert!(!replays.knows(token(1)) && replays.knows(token(2)));
        for number in 0..REMEMBERED as u32 {
            replays.remember(token(number + 10), at(40), at(21));
        }
        assert!(!replays.knows(token(2)) && replays.knows(token(10)));
        assert_eq!(replays.0.lock().unwrap().order.len(), REMEMBERED);
    }
}
