//! What operators enter themselves: a feed of its own for each issuer, which nobody else writes, so that what an
//! operator takes back is never what a provider said. It is opened with the first entry: an issuer about which nothing
//! was entered is not spoken for. Who may enter something is not told here.

use super::events::Events;
use super::fleet;
use super::former::Leaving;
use super::keeping::Kept;
use super::room::Idp;
use super::running::Running;
use super::sink::{NotKept, Sink};
use crate::decide::id::{IssuerName, SourceName};
use crate::state::journal::{Account, Voice};
use crate::state::revocations::{Bounds, Feed, Full, Revoked, Target};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many entries operators may have for one issuer at a time.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Where operators write about one issuer.
pub struct Operator {
    sink: Sink,
    /// Who enters something has the turn from asking for room until it is taken.
    turn: Mutex<()>,
}

/// The name of the feed. No source of the settings has a `/` in its name.
#[must_use]
pub fn feed_name(issuer: &str) -> String {
    format!("operator/{issuer}")
}

impl Operator {
    /// The feed.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.sink.feed
    }

    /// Its place in the journal, if there is one.
    pub(super) fn account(&self) -> Option<Arc<Account>> {
        self.sink.account.clone()
    }

    /// How many more entries there is room for. What does not fit is refused before it is tried: a feed that could not
    /// keep something is incomplete, and all tokens of its issuer would answer for it.
    #[must_use]
    pub fn room(&self) -> usize {
        self.feed().room()
    }

    /// Whether there is room for these. What is there already needs none.
    #[must_use]
    pub fn has_room_for(&self, all: &[Revoked]) -> bool {
        let room = self.room();
        // A target that stands there twice is counted twice.
        all.len() <= room || all.iter().filter(|what| !self.holds(what.target)).count() <= room
    }

    fn holds(&self, target: Target) -> bool {
        target == Target::Issuer || self.sink.revocations.of_source(self.feed(), target).is_some()
    }

    /// Enforced, and kept, once this is `Ok`: only then may the operator be told so.
    ///
    /// # Errors
    /// If there is no room for all of it: then nothing was done. If not all of it could be kept: what could be is enforced
    /// all the same.
    pub async fn revoke(&self, all: &[Revoked]) -> Result<(), NotKept> {
        let (taken, receipt) = {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.has_room_for(all) {
                return Err(Full(self.feed().bounds().max_entries).into());
            }
            self.sink.enforce(all)
        };
        self.sink.kept(taken, receipt).await
    }

    /// Takes back what operators entered. Tells of each whether there was something.
    ///
    /// # Errors
    /// If it could not be kept that it was taken back.
    pub async fn lift(&self, targets: &[Target]) -> Result<Vec<bool>, NotKept> {
        self.sink.lift(targets).await
    }
}

impl Idp {
    /// Where operators write about an issuer; `None` if there is no such issuer. The first time it waits for the disk: not
    /// for who answers.
    #[must_use]
    pub fn operator(&self, issuer: &str) -> Option<Arc<Operator>> {
        self.opened(issuer).or_else(|| self.change(|running| self.open_for_operators(running, issuer)))
    }

    fn open_for_operators(&self, running: &mut Running, issuer: &str) -> Option<Arc<Operator>> {
        if let Some(operator) = running.operators.get(issuer) {
            return Some(Arc::clone(operator));
        }
        let opened = self.open_operator(issuer, self.voice_of(running, issuer)?)?;
        let kept = self.take_up(vec![opened]).pop()?;
        self.begin_operator(running, issuer, kept)
    }

    /// The feeds of operators who entered something before the gateway was started again, or before the issuer was given
    /// another name in the config.
    pub(super) fn kept_operators(&self, running: &Running, leaving: &[Leaving]) -> Vec<(Voice, Arc<Feed>)> {
        let before = |voice: &Voice| leaving.iter().any(|one| one.voice.is_of(voice));
        let new = running.issuers.keys().filter(|issuer| !running.operators.contains_key(*issuer));
        let kept = new.filter_map(|issuer| Some((issuer, self.voice_of(running, issuer)?)));
        let kept =
            kept.filter(|(_, voice)| before(voice) || self.journal().is_some_and(|journal| journal.holds(voice)));
        kept.filter_map(|(issuer, voice)| self.open_operator(issuer, voice)).collect()
    }

    /// What operators entered then is theirs to take back.
    pub(super) fn resume_operators(&self, running: &mut Running, opened: &mut BTreeMap<String, Kept>) {
        let issuers: Vec<String> = running.issuers.keys().cloned().collect();
        for issuer in issuers {
            if let Some(kept) = opened.remove(&feed_name(&issuer)) {
                self.begin_operator(running, &issuer, kept);
            }
        }
    }

    fn voice_of(&self, running: &Running, issuer: &str) -> Option<Voice> {
        let iss = running.issuers.get(issuer)?.settings.issuer.as_str().into();
        Some(Voice { source: SourceName::from(&*feed_name(issuer)), iss })
    }

    fn open_operator(&self, issuer: &str, voice: Voice) -> Option<(Voice, Arc<Feed>)> {
        let bounds = Bounds { max_entries: MAX_ENTRIES, max_staleness: None };
        let feed = self.means.revocations.open(&voice.source, &IssuerName::from(issuer), bounds)?;
        feed.lift_by_time();
        Some((voice, feed))
    }

    fn begin_operator(&self, running: &mut Running, issuer: &str, kept: Kept) -> Option<Arc<Operator>> {
        let operator = Arc::new(Operator { sink: self.sink_of(running, issuer, kept)?, turn: Mutex::default() });
        self.fleet.entered(operator.feed().id, &operator.sink.issuer, operator.account());
        // There is nothing to wait for: what was never entered is not missing.
        operator.sink.heard(operator.sink.now());
        running.operators.insert(issuer.into(), Arc::clone(&operator));
        Some(operator)
    }

    /// The same, if something was entered about it.
    #[must_use]
    pub fn opened(&self, issuer: &str) -> Option<Arc<Operator>> {
        self.running().operators.get(issuer).cloned()
    }

    fn sink_of(&self, running: &Running, issuer: &str, (feed, account): Kept) -> Option<Sink> {
        let spoken_for = running.issuers.get(issuer)?;
        Some(Sink {
            revocations: Arc::clone(&self.means.revocations),
            feed,
            account,
            mark: Default::default(),
            fingerprints: Arc::clone(&self.means.fingerprints),
            issuer: spoken_for.settings.issuer.as_str().into(),
            retain: None,
            clock: Arc::clone(&self.means.clock),
            news: self.news.clone(),
            signer: Arc::new(ArcSwap::from_pointee(spoken_for.signer())),
            events: Arc::<Events>::default(),
            statuses: Arc::clone(&self.means.statuses),
            telling: Some(self.fleet.telling(fleet::Voice::Operator)),
            trouble: Arc::default(),
            audited: Default::default(),
            held_back: Arc::default(),
        })
    }

    /// What was entered about an issuer leaves with it, and when the name is another issuer's now.
    pub(super) fn retire_operators(&self, running: &mut Running) -> Vec<Leaving> {
        let mut gone = Vec::new();
        let Running { issuers, operators, .. } = running;
        operators.retain(|name, operator| {
            let stays = issuers.get(name).is_some_and(|issuer| *issuer.settings.issuer == *operator.sink.issuer);
            if !stays {
                let (iss, feed) = (operator.sink.issuer.as_ref().into(), Arc::clone(&operator.sink.feed));
                let voice = Voice { source: SourceName::from(&*feed_name(name)), iss };
                gone.push(Leaving { voice, feed, account: operator.account() });
            }
            stays
        });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::id::Fingerprint;
    use crate::decide::revocation::Cutoff;
    use crate::idp::sink::tests::sink;

    /// Two imports that each found room, and not for both: one of them is refused, and the feed is whole.
    #[tokio::test]
    async fn imports_at_once_do_not_overflow_the_feed() {
        let operator = Operator { sink: sink(), turn: Mutex::default() };
        let import = |from: u8| -> Vec<Revoked> {
            let target = |number| Target::Token(Fingerprint([from + number; 16]));
            (0..60).map(|number| Revoked { target: target(number), cutoff: Cutoff::Always, until: None }).collect()
        };
        let (one, other) = (import(0), import(100));
        assert!(one.len() <= operator.room() && other.len() <= operator.room());
        assert_eq!(operator.revoke(&one).await, Ok(()));
        assert_eq!(operator.revoke(&other).await, Err(NotKept::Full(Full(100))));
        let standing = operator.feed().standing(operator.sink.now());
        assert!(standing.complete && standing.entries == 60, "{standing:?}");
        // What is there already needs no room, also beside something new.
        assert_eq!(operator.revoke(&other[..40]).await, Ok(()));
        assert_eq!(operator.room(), 0);
        assert_eq!(operator.revoke(&one).await, Ok(()));
        assert_eq!(operator.revoke(&other).await, Err(NotKept::Full(Full(100))));
    }
}
