//! One revocation: as a source gives it, and packed as it is stored.

use super::name::{Name, shard};
use crate::decide::id::{Fingerprint, SourceId};
use crate::decide::revocation::{Cutoff, Entry};
use crate::decide::time::Timestamp;
use std::time::Duration;

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// One token.
    Token(Fingerprint),
    /// All tokens of a session.
    Session(Fingerprint),
    /// All tokens of a subject.
    Subject(Fingerprint),
    /// All tokens of a client.
    Client(Fingerprint),
    /// All tokens with a value in a claim.
    Claim(Fingerprint),
    /// All tokens of the issuer that the source speaks for.
    Issuer,
    /// No token: what a source notes for itself beside what it says of a name.
    Beside(Fingerprint),
}

/// One revocation, as a source gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// What is revoked.
    pub target: Target,
    /// Which of its tokens, by their time of issue.
    pub cutoff: Cutoff,
    /// When the last token that it hits has expired; `None` if that is not known.
    pub until: Option<Timestamp>,
}

/// The levels that are looked up by fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Level {
    Token,
    Session,
    Subject,
    Client,
    Claim,
    Beside,
}

/// In what an entry came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// All that its source has to say: it replaces what was said before.
    Snapshot,
    /// Something more: it is merged with what was said before.
    Delta,
    /// The same of a source whose words are lifted by their time: it said all of it when it said this.
    Again,
    /// What is said of this one now, in the place of what was said before.
    Instead,
}

/// How many levels there are.
pub(super) const LEVELS: usize = 6;

impl Target {
    pub(super) const fn level(self) -> Option<(Level, Fingerprint)> {
        Some(match self {
            Self::Token(print) => (Level::Token, print),
            Self::Session(print) => (Level::Session, print),
            Self::Subject(print) => (Level::Subject, print),
            Self::Client(print) => (Level::Client, print),
            Self::Claim(print) => (Level::Claim, print),
            Self::Beside(print) => (Level::Beside, print),
            Self::Issuer => return None,
        })
    }
}

impl Target {
    /// What it is, in a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Session(_) => "session",
            Self::Subject(_) => "subject",
            Self::Client(_) => "client",
            Self::Claim(_) => "claim",
            Self::Issuer => "issuer",
            Self::Beside(_) => "none",
        }
    }

    /// The hash of its name; an issuer's tokens have none in common.
    #[must_use]
    pub fn print(self) -> Option<Fingerprint> {
        self.level().filter(|(level, _)| !matches!(level, Level::Beside)).map(|(_, print)| print)
    }

    /// The target as the set holds it: a name with less of the fingerprint, which finds the same entries.
    #[must_use]
    pub fn held(self) -> Self {
        self.level().map_or(Self::Issuer, |(level, print)| Self::of(Name::new(level, &print), shard(&print)))
    }

    /// What a name of this shard names.
    pub(super) fn of(name: Name, shard: usize) -> Self {
        let print = name.print(shard);
        match name.level() {
            0 => Self::Token(print),
            1 => Self::Session(print),
            2 => Self::Subject(print),
            3 => Self::Client(print),
            4 => Self::Claim(print),
            _ => Self::Beside(print),
        }
    }

    /// Bits of its name, enough to tell it from others.
    pub(super) fn bits(self) -> u64 {
        let Some((level, print)) = self.level() else { return 0 };
        let [bits, _] = print.0.as_chunks::<8>().0 else { return 0 };
        u64::from_be_bytes(*bits) ^ (level as u64)
    }

    /// Where a source notes something for itself beside what it says of this.
    #[must_use]
    pub fn beside(self) -> Self {
        Self::Beside(self.level().map_or_else(Fingerprint::default, |(_, print)| print))
    }
}

/// An entry never leaves before this many seconds have passed after its `until`: the largest leeway that an
/// issuer can have (JWT-20), by which a token may outlive its `exp`.
const SLACK_S: i64 = 300;

/// The same: for so long after the last token that an entry hits has expired, somebody may hold it.
pub const SLACK: Duration = Duration::from_secs(SLACK_S.unsigned_abs());

/// An `until` that never comes.
const NEVER: u32 = u32::MAX;

/// Two snapshots of a source that follow each other have different colours, and so have their entries. When a
/// snapshot begins, all that its source said before has the other colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Colour(pub(super) bool);

impl Colour {
    pub(super) const EVEN: Self = Self(false);
    pub(super) const ODD: Self = Self(true);
}

/// When something was learned of: seconds since the epoch, and the milliseconds of that second. These are held only of
/// what is lifted by its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Learned {
    pub(super) s: u32,
    pub(super) ms: u16,
}

impl Learned {
    pub(super) fn by_the_second(at: Timestamp) -> Self {
        Self { s: seconds(at.secs()), ms: 0 }
    }

    pub(super) fn exactly(at: Timestamp) -> Self {
        Self { ms: u16::try_from(at.millis().rem_euclid(1000)).unwrap_or_default(), ..Self::by_the_second(at) }
    }

    pub(super) fn at(self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.s) * 1000 + i64::from(self.ms))
    }
}

/// An entry as the tables hold it; `layout` says how it is packed.
#[derive(Clone, Copy)]
pub(super) struct Stored {
    pub(super) name: Name,
    pub(super) cutoff: Cutoff,
    pub(super) learned: Learned,
    pub(super) until_s: u32,
    pub(super) source: SourceId,
    /// Which of its source's snapshots it was last in.
    pub(super) colour: Colour,
}

impl Stored {
    pub(super) fn new(name: Name, what: &Revoked, writer: (SourceId, Colour), learned: Learned) -> Self {
        let (source, colour) = writer;
        let until_s = what.until.map_or(NEVER, seconds_up);
        Self { name, cutoff: what.cutoff, learned, until_s, source, colour }
    }

    pub(super) fn entry(&self) -> Entry {
        Entry { cutoff: self.cutoff, source: self.source, learned: self.learned.at() }
    }

    /// When the last token that it hits has expired; `None` if that is not known.
    pub(super) fn until(&self) -> Option<Timestamp> {
        (self.until_s != NEVER).then(|| Timestamp::from_secs(i64::from(self.until_s)))
    }

    /// Takes the place of what a former snapshot of the same source said of the same thing.
    fn renew(&mut self, newer: &Self) {
        let learned = if self.cutoff == newer.cutoff { self.learned } else { newer.learned };
        *self = Self { learned, ..*newer };
    }

    /// Takes in what the same source says of the same thing besides. The stricter of the two stays, so the
    /// order in which they came does not matter.
    fn merge(&mut self, newer: &Self) {
        self.colour = newer.colour;
        let merged = self.cutoff.max(newer.cutoff);
        if merged != self.cutoff {
            self.cutoff = merged;
            self.learned = newer.learned;
        }
        self.until_s = self.until_s.max(newer.until_s);
    }

    /// Writes what a snapshot or a delta says over this entry; tells whether it was from a former snapshot.
    pub(super) fn update(&mut self, newer: &Self, by: By) -> bool {
        let former = self.colour != newer.colour;
        match by {
            By::Instead => self.renew(newer),
            By::Snapshot if former => self.renew(newer),
            By::Snapshot | By::Delta => self.merge(newer),
            By::Again => {
                let learned = self.learned.max(newer.learned);
                self.merge(newer);
                self.learned = learned;
            }
        }
        former
    }

    /// Could a token that it hits still pass? What a source noted for itself is needed until that takes it out.
    pub(super) fn is_needed(&self, now: Timestamp) -> bool {
        let noted = self.name.level() == Level::Beside as usize;
        noted || self.until_s == NEVER || now.secs() < i64::from(self.until_s).saturating_add(SLACK_S)
    }
}

/// The same of an entry with this end, before it is stored.
pub(super) fn is_needed(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| now.secs() < i64::from(seconds_up(until)).saturating_add(SLACK_S))
}

/// Seconds since the epoch, held to what 32 bits can say: until the year 2106.
fn seconds(s: i64) -> u32 {
    u32::try_from(s.max(0)).unwrap_or(NEVER)
}

fn seconds_up(at: Timestamp) -> u32 {
    seconds(at.plus(std::time::Duration::from_millis(999)).secs())
}
