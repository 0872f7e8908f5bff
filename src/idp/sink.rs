//! Where a source writes: its own feed of the revocation set, in the words of a feed.

use super::events::Events;
use super::feed::{Heard, Revokes, Understood};
use super::fleet::Telling;
use super::held_back::HeldBack;
use super::place::Place;
use super::refresh::News;
use super::signed::Signer;
use super::sources::poll::Percent;
use crate::decide::revocation::Cutoff;
use crate::decide::time::{Moment, Timestamp};
use crate::notice::Trouble;
use crate::settings::OrOff;
use crate::state::clock::Clock;
use crate::state::fingerprint::{ClaimValue, Fingerprints, Kind};
use crate::state::journal::{Account, Receipt, Unwritten, sum};
use crate::state::revocations::{Feed, Full, Revocations, Revoked, Snapshot, Target};
use crate::state::statuses::StatusLists;
use arc_swap::ArcSwap;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

pub(super) use audited::Audited;
use audited::Batch;

/// Not all that was said could be kept; what could be is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotKept {
    /// The source is at its bound.
    #[error(transparent)]
    Full(#[from] Full),
    /// It would be forgotten over a restart.
    #[error(transparent)]
    Unwritten(#[from] Unwritten),
}

/// What is enforced, and not yet known to be kept.
pub(super) type Enforced = (Result<(), Full>, Option<Receipt>);

/// Where one source writes.
#[derive(Clone)]
pub struct Sink {
    pub(super) revocations: Arc<Revocations>,
    pub(super) statuses: Arc<StatusLists>,
    pub(super) feed: Arc<Feed>,
    /// Where it is kept over a restart, if it is.
    pub(super) account: Option<Arc<Account>>,
    /// What tells these settings of the source from others: a cursor means something to the same publisher only.
    pub(super) mark: [u8; 8],
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
    /// Whether something is held back, and was confirmed.
    pub(super) held_back: Arc<HeldBack>,
    /// That the source cannot be heard.
    pub(super) trouble: Arc<Trouble>,
    /// Where it stands who told what.
    pub(super) audited: Audited,
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

    /// Where the last poll that was kept ended, so that the next one need not ask for all again; empty if the source has
    /// to begin anew, as after its settings were changed.
    #[must_use]
    pub fn place(&self) -> Place {
        let kept = self.account.as_ref().and_then(|account| account.cursor());
        kept.and_then(|kept| Place::read(&self.mark, &kept)).unwrap_or_default()
    }

    /// Takes in what was heard to a question asked at this moment. Says whether all of it was understood and
    /// kept; only then is the source fresh by it. Over a restart it is kept as far as its cursor is.
    pub fn take(&self, heard: &Heard, asked: Moment, max_shrink: OrOff<Percent>) -> bool {
        let learned = self.clock.now().wall;
        let all: Vec<Revoked> = heard.entries.iter().map(|entry| self.revoked(entry, learned)).collect();
        // What was not understood may be what is still revoked: nothing is taken back.
        let complete = heard.complete && heard.fault.is_none();
        // It asks for the account's cursor, so before the turn is taken.
        let (late, batch) = (self.late(complete), Batch::default());
        let turn = self.account.as_ref().map(|account| account.turn());
        let unknown = turn.as_ref().map(|_| self.unknown(&heard.entries, &all)).unwrap_or_default();
        let stated = self.feed.is_stated();
        let news = |at: usize, news| {
            batch.saw(all.get(at), news);
            late.tell(news, heard.entries.get(at).and_then(|entry| entry.happened));
        };
        let taken = if complete {
            let max_shrink = if heard.shrunk { OrOff::Off } else { max_shrink };
            self.replace(&all, learned, (max_shrink, &batch), news)
        } else {
            self.add(&all, learned, news).map_err(|full| full.to_string())
        };
        self.audit_batch(&batch, taken.is_ok());
        let whole = taken.is_ok() && heard.fault.is_none();
        let place = Place { cursor: heard.cursor.clone(), issued: None };
        let cursor = place.kept(&self.mark).filter(|_| whole);
        match turn {
            Some(turn) if complete && whole => turn.replaced(&all, said(heard, &all), learned, cursor.as_deref()),
            Some(turn) if whole => {
                let unwritten = if stated { picked(&all, &unknown) } else { all };
                turn.polled(&unwritten, learned, cursor.as_deref());
            }
            // It is said again until it can be taken in as a whole, and is not noted as often.
            Some(turn) => turn.polled(&self.fitting(&picked(&all, &unknown), false), learned, None),
            None => {}
        }
        let fault = heard.fault.as_ref().map(ToString::to_string);
        match fault.or_else(|| taken.err()) {
            None => self.heard(asked),
            Some(why) => {
                self.failed(&why);
                return false;
            }
        }
        true
    }

    /// Enforces these in place of what the source said.
    fn replace(
        &self,
        all: &[Revoked],
        learned: Timestamp,
        (max_shrink, batch): (OrOff<Percent>, &Batch),
        mut news: impl FnMut(usize, bool),
    ) -> Result<(), String> {
        let full = |full: Full| full.to_string();
        let Some(mut snapshot) = self.revocations.begin(&self.feed, learned) else {
            // Another one is under way: two cannot both say what is taken back.
            return self.quiet().add(all, learned, news).map_err(full);
        };
        all.iter().enumerate().try_for_each(|(at, what)| {
            news(at, snapshot.put(what).map_err(full)?);
            Ok::<(), String>(())
        })?;
        self.finish(snapshot, max_shrink, batch)
    }

    /// All came: what is not among it is taken back, unless that is suspiciously much.
    fn finish(&self, snapshot: Snapshot<'_>, max_shrink: OrOff<Percent>, batch: &Batch) -> Result<(), String> {
        let fault = self.held_back.judge(snapshot.before(), snapshot.counts(), max_shrink);
        fault.map_or(Ok(()), |fault| Err(fault.to_string()))?;
        let before = self.held();
        let whole = snapshot.finish();
        batch.left(before.saturating_sub(self.held()));
        whole.map_err(|full| format!("{full}, with what is left of answers that failed: it is asked for all once more"))
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
    pub async fn accept(&self, entries: &[Understood]) -> Result<(), NotKept> {
        let learned = self.clock.now().wall;
        let all: Vec<Revoked> = entries.iter().map(|entry| self.revoked(entry, learned)).collect();
        self.keep(&all).await
    }

    /// The same of entries whose names are hashed already.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub async fn keep(&self, all: &[Revoked]) -> Result<(), NotKept> {
        let (taken, receipt) = self.enforce(all);
        let kept = self.kept(taken, receipt).await;
        self.audit_entered(all, kept.is_ok());
        kept
    }

    /// The first half of that: they are enforced, and will be kept.
    pub(super) fn enforce(&self, all: &[Revoked]) -> Enforced {
        let learned = self.clock.now().wall;
        let entered = |telling: &Telling| telling.entered(&self.revocations, &self.issuer, all, learned);
        let learned = self.telling.as_ref().map_or(learned, entered);
        let turn = self.account.as_ref().map(|account| account.turn());
        // Who told of an event says itself how late it was.
        let taken = self.told(all, |what| self.revocations.offer(&self.feed, what, learned), learned, |_, _| {});
        let fit = self.fitting(all, taken.is_ok());
        (taken, turn.map(|turn| turn.added(&fit, learned)))
    }

    /// The other half: waits until they are kept.
    pub(super) async fn kept(&self, taken: Result<(), Full>, receipt: Option<Receipt>) -> Result<(), NotKept> {
        self.written(receipt).await?;
        taken.inspect_err(|full| self.overfull(*full))?;
        self.feed.kept();
        Ok(())
    }

    fn overfull(&self, full: Full) {
        let why = format!("an event was refused: {full} (`max_entries`)");
        if self.feed.unkept(&why) {
            tracing::error!(source = %self.feed.name, error = why, "a revocation source is full: its events are refused");
        }
    }

    /// Takes back what this source said of these, here and on the other instances, and nothing that another source says.
    /// Tells of each whether there was something to take back here.
    ///
    /// # Errors
    /// If it would come back over a restart. It is taken back until then.
    pub async fn lift(&self, targets: &[Target]) -> Result<Vec<bool>, NotKept> {
        let at = self.clock.now().wall;
        let mut receipts = Vec::new();
        let lifted = {
            let turn = self.account.as_ref().map(|account| account.turn());
            let mut lift = |target: &Target| {
                let void = |telling: &Telling| telling.void(&self.revocations, &self.issuer, *target, at);
                let void = self.telling.as_ref().map(|telling| (telling, void(telling)));
                let lifted = self.revocations.lift(&self.feed, *target);
                let told =
                    |(telling, void): (&Telling, _)| telling.lifted(&self.issuer, (*target, void), at, self.feed.id);
                receipts.extend(void.and_then(told));
                lifted
            };
            let lifted = targets.iter().map(&mut lift).collect();
            receipts.extend(turn.map(|turn| turn.lifted(targets, at)));
            lifted
        };
        for receipt in receipts {
            self.written(Some(receipt)).await?;
        }
        Ok(lifted)
    }

    async fn written(&self, receipt: Option<Receipt>) -> Result<(), NotKept> {
        let Some(receipt) = receipt else { return Ok(()) };
        // The journal itself has told the log: one line, however many events come meanwhile.
        receipt.kept().await.inspect_err(|unwritten| _ = self.feed.unkept(&unwritten.to_string()))?;
        Ok(())
    }

    /// Enforces, and tells the other instances of what is.
    fn add(&self, all: &[Revoked], learned: Timestamp, news: impl FnMut(usize, bool)) -> Result<(), Full> {
        self.told(all, |what| self.revocations.add(&self.feed, what, learned), learned, news)
    }

    fn told(
        &self,
        all: &[Revoked],
        add: impl Fn(&Revoked) -> Result<bool, Full>,
        learned: Timestamp,
        mut news: impl FnMut(usize, bool),
    ) -> Result<(), Full> {
        let mut taken = Ok(());
        for (at, what) in all.iter().enumerate() {
            match add(what) {
                Ok(new) => {
                    news(at, new);
                    self.telling.iter().for_each(|telling| telling.accepted(&self.issuer, *what, learned));
                }
                Err(full) => taken = Err(full),
            }
        }
        taken
    }

    /// Those for which there was room: what was refused is not kept over a restart either.
    fn fitting<'a>(&self, all: &'a [Revoked], fit: bool) -> Cow<'a, [Revoked]> {
        if fit {
            return Cow::Borrowed(all);
        }
        let held = |what: &&Revoked| self.revocations.of_source(&self.feed, what.target).is_some();
        all.iter().filter(held).copied().collect()
    }

    /// The same, and nobody else is told: no other instance, and not the audit log.
    fn quiet(&self) -> Self {
        Self { telling: None, audited: Audited::default(), ..self.clone() }
    }

    /// The source says of itself that it does not speak, or speaks again. While it does not, nothing is known.
    pub fn silent(&self, silent: bool) {
        self.feed.silent(silent);
        self.tried();
    }

    /// Nothing is new since this question was asked.
    pub fn heard(&self, asked: Moment) {
        self.feed.heard(asked);
        if let Some(out) = self.trouble.over() {
            tracing::info!(source = %self.feed.name, %out, "the revocation source is heard again");
        }
        self.tried();
    }

    /// The source could not be heard. What it said before stays, and ages.
    pub fn failed(&self, why: &str) {
        if let Some(repeats) = self.trouble.met(why) {
            let source = &self.feed.name;
            tracing::warn!(%source, error = why, repeats, "the revocation source could not be heard");
        }
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

/// Those that were unknown.
fn picked(all: &[Revoked], unknown: &[bool]) -> Vec<Revoked> {
    all.iter().zip(unknown).filter(|(_, unknown)| **unknown).map(|(what, _)| *what).collect()
}

/// A sum of the entries as the source said them, whenever it did.
fn said(heard: &Heard, all: &[Revoked]) -> u128 {
    let said = all.iter().zip(&heard.entries).map(|(what, entry)| Revoked { until: entry.until, ..*what });
    said.fold(0, |before, what| sum(before, &what))
}

mod audited;
mod blocked;
mod coming;
mod known;
mod late;

#[cfg(test)]
pub(super) mod tests;
