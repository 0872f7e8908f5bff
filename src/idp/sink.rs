//! Where a source writes: its own feed of the revocation set, in the words of a feed.

use super::events::Events;
use super::feed::{Heard, Revokes, Understood};
use super::fleet::Telling;
use super::refresh::News;
use super::signed::Signer;
use crate::decide::revocation::Cutoff;
use crate::decide::time::{Moment, Timestamp};
use crate::state::clock::Clock;
use crate::state::fingerprint::{ClaimValue, Fingerprints, Kind};
use crate::state::revocations::{Feed, Full, Revocations, Revoked, Target};
use crate::state::statuses::StatusLists;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;

/// Where one source writes.
#[derive(Clone)]
pub struct Sink {
    pub(super) revocations: Arc<Revocations>,
    pub(super) statuses: Arc<StatusLists>,
    pub(super) feed: Arc<Feed>,
    pub(super) fingerprints: Arc<Fingerprints>,
    pub(super) issuer: Arc<str>,
    pub(super) retain: Option<Duration>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) news: News,
    /// Whose words count for this issuer; exchanged when the issuer's settings are.
    pub(super) signer: Arc<ArcSwap<Signer>>,
    /// What became of the events of this source.
    pub(super) events: Arc<Events>,
    /// How what is accepted is told to the other instances; `None` for what they told us.
    pub(super) telling: Option<Telling>,
}

impl Sink {
    /// Now. Taken before a source asks: its knowledge is as old as the question, not as the answer.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The issuer that the source speaks for, and the keys that its tokens are signed with.
    #[must_use]
    pub fn signer(&self) -> Arc<Signer> {
        self.signer.load_full()
    }

    /// What became of the events of this source.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Takes in what was heard to a question asked at this moment. Says whether all of it was understood and
    /// kept; only then is the source fresh by it.
    pub fn take(&self, heard: &Heard, asked: Moment) -> bool {
        let learned = self.clock.now().wall;
        let all = heard.entries.iter().map(|entry| self.revoked(entry, learned));
        let taken = if heard.complete && heard.fault.is_none() {
            self.revocations.replace(&self.feed, all, learned)
        } else {
            // What was not understood may be what is still revoked: nothing is taken back.
            let add = |taken: Result<(), _>, what: Revoked| taken.and(self.revocations.add(&self.feed, &what, learned));
            all.fold(Ok(()), add)
        };
        let fault = heard.fault.as_ref().map(ToString::to_string);
        match fault.or_else(|| taken.err().map(|full| full.to_string())) {
            None => self.heard(asked),
            Some(why) => {
                self.failed(&why);
                return false;
            }
        }
        true
    }

    /// Takes in what is still coming, entry by entry; `complete` says whether these will be all. What the source said
    /// before and is not among them is taken back once they came to their good end, never before. Blocks for as long as
    /// they come: not for a task. Whether the source is fresh by it is left to who asked.
    ///
    /// # Errors
    /// The first fault: of those that were coming, or that not all could be kept. Then nothing is taken back.
    pub fn take_in<E: std::fmt::Display>(
        &self,
        mut entries: impl Iterator<Item = Result<Understood, E>>,
        complete: bool,
    ) -> Result<(), String> {
        let learned = self.clock.now().wall;
        let told = |entry: Result<Understood, E>| entry.map_err(|fault| fault.to_string());
        if !complete {
            return entries.try_for_each(|entry| {
                let what = self.revoked(&told(entry)?, learned);
                self.revocations.add(&self.feed, &what, learned).map_err(|full| full.to_string())
            });
        }
        let mut snapshot = self.revocations.begin(&self.feed, learned).ok_or("another snapshot is under way")?;
        entries.try_for_each(|entry| {
            let what = self.revoked(&told(entry)?, learned);
            snapshot.put(&what).map_err(|full| full.to_string())
        })?;
        snapshot.finish();
        Ok(())
    }

    /// How many entries the source holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.feed.standing(self.clock.now()).entries
    }

    /// Takes in what an event said. Enforced, and kept, once this is `Ok`: only then may its sender be told so.
    /// The other instances are told soon after; nobody waits for that, for they may be away. The source is not fresh by it: that an event came does not say that none was lost.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub async fn accept(&self, entries: &[Understood]) -> Result<(), Full> {
        let learned = self.clock.now().wall;
        let all: Vec<Revoked> = entries.iter().map(|entry| self.revoked(entry, learned)).collect();
        self.keep(&all).await
    }

    /// The same of entries whose names are hashed already.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub(super) async fn keep(&self, all: &[Revoked]) -> Result<(), Full> {
        let learned = self.clock.now().wall;
        let mut taken = Ok(());
        for what in all {
            let added = self.revocations.add(&self.feed, what, learned);
            if let (Ok(()), Some(telling)) = (added, &self.telling) {
                telling.accepted(&self.issuer, *what, learned);
            }
            taken = taken.and(added);
        }
        taken
    }

    /// Takes back what this source said of these, here and on the other instances, and nothing that another source says.
    /// Tells of each whether there was something to take back here.
    ///
    /// # Errors
    /// If it could not be kept that it was taken back.
    pub(super) async fn lift(&self, targets: &[Target]) -> Result<Vec<bool>, Full> {
        let learned = self.clock.now().wall;
        let lift = |target: &Target| {
            let lifted = self.revocations.lift(&self.feed, *target);
            self.telling.iter().for_each(|telling| telling.lifted(&self.issuer, *target, learned));
            lifted
        };
        Ok(targets.iter().map(lift).collect())
    }

    /// Takes in what another instance accepted, each with the time that it learned of it. It is told to nobody.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub(super) async fn merge(&self, accepted: &[(Revoked, Timestamp)]) -> Result<(), Full> {
        let add = |taken: Result<(), _>, (what, learned): &(Revoked, Timestamp)| {
            taken.and(self.revocations.add(&self.feed, what, *learned))
        };
        accepted.iter().fold(Ok(()), add)
    }

    /// Nothing is new since this question was asked.
    pub fn heard(&self, asked: Moment) {
        self.feed.heard(asked);
        self.tried();
    }

    /// The source could not be heard. What it said before stays, and ages.
    pub fn failed(&self, why: &str) {
        tracing::warn!(source = %self.feed.name, error = why, "the revocation source could not be heard");
        self.feed.failed(why);
        self.tried();
    }

    fn tried(&self) {
        self.news.send_modify(|attempts| *attempts = attempts.wrapping_add(1));
    }

    fn revoked(&self, entry: &Understood, learned: Timestamp) -> Revoked {
        let target = target(&self.fingerprints, &self.issuer, &entry.revokes, &entry.id);
        let until = entry.until.or_else(|| self.retained(entry, learned));
        Revoked { target, cutoff: entry.cutoff, until }
    }

    /// Until when an entry is kept that does not say: `retain` after the youngest token that it can hit was
    /// issued. One without a cut-off hits tokens yet to be issued, unless it names one token.
    fn retained(&self, entry: &Understood, learned: Timestamp) -> Option<Timestamp> {
        let youngest = match (entry.cutoff, &entry.revokes) {
            (Cutoff::Before(at) | Cutoff::UpTo(at), _) => at,
            (Cutoff::Always, Revokes::Token) => learned,
            (Cutoff::Always, _) => return None,
        };
        self.retain.map(|retain| youngest.plus(retain))
    }
}

/// What a name is called in the set, of the issuer whose tokens carry this `iss`.
#[must_use]
pub fn target(fingerprints: &Fingerprints, iss: &str, revokes: &Revokes, id: &str) -> Target {
    let print = |kind| fingerprints.of(kind, iss, id.as_bytes());
    match revokes {
        Revokes::Token => Target::Token(print(Kind::Token)),
        Revokes::Session => Target::Session(print(Kind::Session)),
        Revokes::Subject => Target::Subject(print(Kind::Subject)),
        Revokes::Client => Target::Client(print(Kind::Client)),
        Revokes::Claim { name, number } => {
            let number = number.then(|| id.parse::<serde_json::Number>().ok()).flatten();
            let value = number.as_ref().map_or(ClaimValue::Text(id), ClaimValue::Number);
            Target::Claim(fingerprints.of_claim(iss, name, value))
        }
        Revokes::Issuer => Target::Issuer,
    }
}
