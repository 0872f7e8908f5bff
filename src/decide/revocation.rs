//! What is known about revocation of one token, as values. How it is stored is not told here.

use super::id::{Fingerprint, SourceId};
use super::status::Status;
use super::time::Timestamp;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Which tokens an entry hits, by their time of issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cutoff {
    /// Every token, whenever it was issued.
    Always,
    /// Tokens issued before the instant: a "not before" that a policy set.
    Before(Timestamp),
    /// Tokens issued at or before the instant: an event's time. Whole-second `iat` would otherwise let a
    /// token minted in the second of the event live on.
    UpTo(Timestamp),
}

impl Cutoff {
    /// Does it hit a token issued at `issued`? A token that does not say when it was issued is hit.
    #[must_use]
    pub fn hits(self, issued: Option<Timestamp>) -> bool {
        match (self, issued) {
            (Self::Always, _) | (_, None) => true,
            (Self::Before(at), Some(issued)) => issued < at,
            (Self::UpTo(at), Some(issued)) => issued.secs() <= at.secs(),
        }
    }

    /// The instant, where there is one.
    #[must_use]
    pub fn instant(self) -> Option<Timestamp> {
        match self {
            Self::Always => None,
            Self::Before(at) | Self::UpTo(at) => Some(at),
        }
    }

    /// The stricter of two: cut-offs only ever move forward.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> (bool, i128) {
        match self {
            Self::Always => (true, 0),
            Self::Before(at) => (false, at.millis().into()),
            // "Up to" an instant reaches to the end of its second.
            Self::UpTo(at) => (false, (i128::from(at.secs()) + 1) * 1000),
        }
    }
}

impl Display for Cutoff {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Before(at) => write!(f, "issued before {at}"),
            Self::UpTo(at) => write!(f, "issued up to the second of {at}"),
        }
    }
}

/// One entry of the revocation set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which tokens it hits.
    pub cutoff: Cutoff,
    /// Where it came from.
    pub source: SourceId,
    /// When we learned of it.
    pub learned: Timestamp,
}

/// The names under which one token may be revoked, hashed once when its signature was verified.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Handles {
    /// (`iss`, `jti`), or the digest of the signing input of a token without one; never the digest of the
    /// whole token, because an ECDSA signature can be rewritten.
    pub token: Fingerprint,
    /// (`iss`, the session claim).
    pub session: Option<Fingerprint>,
    /// (`iss`, `sub`).
    pub subject: Option<Fingerprint>,
    /// (`iss`, `client_id` or `azp`).
    pub client: Option<Fingerprint>,
    /// (`iss`, a claim's name and value), of the claims that the issuer's settings name. Most issuers name none.
    pub claims: Box<[Fingerprint]>,
}

/// The entries that name a token, at each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// By token id.
    pub token: Option<Entry>,
    /// By session.
    pub session: Option<Entry>,
    /// By subject.
    pub subject: Option<Entry>,
    /// By client.
    pub client: Option<Entry>,
    /// By any of its other claims.
    pub claim: Option<Entry>,
    /// By issuer.
    pub issuer: Option<Entry>,
}

/// How fresh our knowledge of an issuer's revocations is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Freshness {
    /// No source speaks for this issuer.
    #[default]
    Unfed,
    /// Every source of the issuer has been heard; the age is that of the oldest knowledge.
    Heard {
        /// How long ago the knowledge was true.
        age: Duration,
        /// The age from which on it is stale; `None` if it never is.
        max: Option<Duration>,
        /// The source whose knowledge is nearest to being stale.
        source: SourceId,
    },
    /// A source of the issuer was heard and cannot be relied on: it is incomplete, or says of itself that it is silent.
    Never {
        /// That source.
        source: SourceId,
    },
    /// A source of the issuer was not heard at all since the start.
    Cold {
        /// That source.
        source: SourceId,
        /// Whether, besides, the knowledge of another one is not fresh.
        stale: bool,
    },
}

/// All that is known about the revocation of one token at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// The entries that name it.
    pub entries: Entries,
    /// How fresh the knowledge is.
    pub freshness: Freshness,
    /// What its status list says.
    pub status: Status,
}

#[cfg(test)]
mod tests {
    use super::{Cutoff, Timestamp};

    /// A token minted in the same second as the event is hit by an event, and not by a policy's "not before".
    #[test]
    fn the_second_of_the_event() {
        let at = Timestamp::from_millis(10_700);
        let minted = Some(Timestamp::from_secs(10));
        assert!(Cutoff::UpTo(at).hits(minted) && Cutoff::UpTo(at).hits(Some(at)));
        assert!(!Cutoff::UpTo(at).hits(Some(Timestamp::from_secs(11))));
        assert!(Cutoff::Before(at).hits(minted) && !Cutoff::Before(Timestamp::from_secs(10)).hits(minted));
        assert!(Cutoff::Always.hits(Some(Timestamp::from_secs(i64::MAX / 1000))) && Cutoff::Before(at).hits(None));
    }

    #[test]
    fn cutoffs_only_move_forward() {
        let (early, late) = (Cutoff::Before(Timestamp::from_secs(1)), Cutoff::UpTo(Timestamp::from_secs(2)));
        assert_eq!(early.max(late), late);
        assert_eq!(late.max(early), late);
        assert_eq!(late.max(Cutoff::Always), Cutoff::Always);
    }
}
