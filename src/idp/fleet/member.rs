//! One instance in the fleet: it joins, reads and writes until something is wrong, and joins again.

use super::block::{self, Manner};
use super::note::Note;
use super::outbox::Outbox;
use super::presence::Marks;
use super::roster::Roster;
use super::server::{Link, Server, ServerError};
use super::settings::FleetSettings;
use super::standing::{Counts, count};
use super::stands::Stands;
use super::words::{Id, Keys, WAIT, hex};
use crate::decide::id::Fingerprint;
use crate::decide::time::Moment;
use crate::idp::backoff::Backoff;
use crate::notice::Trouble;
use crate::state::clock::Clock;
use crate::state::fingerprint::{Fingerprints, Kind};
use crate::state::revocations::Revocations;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One instance.
pub(in crate::idp) struct Member {
    pub(super) settings: FleetSettings,
    pub(super) server: Server,
    pub(super) keys: Keys,
    pub(super) revocations: Arc<Revocations>,
    pub(super) prints: Arc<Fingerprints>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) stands: Arc<Stands>,
    pub(super) counts: Arc<Counts>,
    /// Which process this is.
    pub(super) origin: [u8; 16],
    pub(super) sequence: AtomicU64,
    pub(super) progress: Mutex<Progress>,
    /// That it is not in the fleet.
    pub(super) away: Trouble,
    /// What it is called.
    pub(super) name: String,
    pub(super) beat: AtomicU64,
    pub(super) roster: Mutex<Roster>,
    /// That it does not hear how far the others are.
    pub(super) unheard: Trouble,
    /// Whether it has said that it goes.
    pub(super) has_left: AtomicBool,
}

/// How far it has come.
#[derive(Default)]
pub(super) struct Progress {
    /// Which stream it is.
    pub(super) epoch: Option<String>,
    /// The last entry that was read, and is enforced.
    pub(super) read: Id,
    /// The last entry that was written.
    pub(super) written: Id,
    /// Some of those that were written since it was looked whether they are still there.
    wrote: Vec<Id>,
    /// Whether there was something of an issuer that is not ours: what is held here is not all there is.
    pub(super) foreign: bool,
    /// For how many entries there was no room since the stream was read from its beginning.
    pub(super) refused: u64,
    /// When it was read from its beginning for their sake.
    pub(super) made_good: Option<Moment>,
    /// What was told, and where it is.
    pub(super) marks: Marks,
}

/// So many of those that were written are looked for at most.
const SOME: usize = 16;

impl Progress {
    /// What is left of it where another stream is read from its beginning. What there was no room for is not in that one
    /// before the others have told it again: it is taken for whole after a rest.
    fn anew(&self, epoch: Option<String>, now: Moment) -> Self {
        let (refused, made_good) = (self.refused, (self.refused > 0).then_some(now));
        Self { epoch, refused, made_good, ..Self::default() }
    }

    /// This was written.
    pub(super) fn wrote(&mut self, at: Id) {
        self.written = at;
        if self.wrote.len() == SOME {
            let mut stays = false;
            self.wrote.retain(|_| {
                stays = !stays;
                stays
            });
        }
        self.wrote.push(at);
    }
}

impl Member {
    /// Until cancelled.
    pub(super) async fn run(&self, cancel: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let Some(ended) = cancel.run_until_cancelled(self.session(&mut backoff)).await else { break };
            self.counts.connected.store(false, Relaxed);
            if let Err(error) = ended {
                self.failed(&error);
            }
            if cancel.run_until_cancelled(tokio::time::sleep(backoff.failed())).await.is_none() {
                break;
            }
        }
        self.counts.connected.store(false, Relaxed);
    }

    fn failed(&self, error: &ServerError) {
        let why = error.to_string();
        count(&self.counts.failures, 1);
        self.stands.failed(&why);
        let other = matches!(error, ServerError::OtherKey);
        count(&self.counts.refusals, u64::from(other));
        let Some(repeats) = self.away.met(&why) else { return };
        if other {
            tracing::error!(
                error = why,
                repeats,
                "this instance does not join the fleet: revocations are not exchanged"
            );
        } else {
            tracing::warn!(
                error = why,
                repeats,
                "the fleet's channel is down; this instance goes on with what it knows"
            );
        }
    }

    /// Reading waits for news, so it has a connection of its own.
    async fn session(&self, backoff: &mut Backoff) -> Result<(), ServerError> {
        let mut reader = self.server.connect(WAIT).await?;
        let mut writer = self.server.connect(Duration::ZERO).await?;
        let epoch = self.join(&mut writer).await?;
        backoff.succeeded();
        self.counts.connected.store(true, Relaxed);
        match self.away.over() {
            Some(out) => tracing::info!(%out, "joined the fleet again"),
            None => tracing::info!("joined the fleet"),
        }
        let exchange = futures_util::future::try_join(self.read(&mut reader, &epoch), self.write(&mut writer));
        tokio::select! {
            both = exchange => both.map(|_| ()),
            never = self.herald() => match never {},
        }
    }

    /// Finds the stream, or begins it; tells its name. If it is another one than before, or lacks what it had, all that
    /// is held is written into it.
    async fn join(&self, link: &mut Link) -> Result<String, ServerError> {
        let within = self.server.timeout();
        let ours = hex(self.prints.of(Kind::Fleet, "key", b"").0);
        if self.keys.check(link, &ours, within).await? != ours {
            return Err(ServerError::OtherKey);
        }
        if self.keys.epoch(link, within).await?.is_none() {
            let mut name = Fingerprint::default().0;
            // Without randomness the time tells two streams from each other.
            let _ = aws_lc_rs::rand::fill(&mut name);
            let epoch = format!("{}-{}", hex(name), self.clock.now().wall.millis());
            self.keys.begin(link, &epoch, &self.block(Manner::Mark, &[]), within).await?;
        }
        let epoch = self.keys.epoch(link, within).await?.ok_or(ServerError::Lost)?;
        let (same, read, written) = {
            let progress = self.progress();
            (progress.epoch.as_ref() == Some(&epoch), progress.read, progress.written)
        };
        if !(same && self.keys.has(link, read, within).await? && self.keys.has(link, written, within).await?) {
            let mut progress = self.progress();
            *progress = progress.anew(Some(epoch.clone()), self.clock.now());
            drop(progress);
            self.outbox.want_all();
        }
        Ok(epoch)
    }

    /// Looks whether the stream still has what was read and written: a server that took the place of another one, behind
    /// the same connection, may have less. Then it is joined anew, and has all that is held written into it.
    pub(super) async fn look(&self, link: &mut Link) -> Result<(), ServerError> {
        let all = {
            let progress = self.progress();
            [&progress.wrote[..], &[progress.read, progress.written]].concat()
        };
        for at in all {
            if !self.keys.has(link, at, self.server.timeout()).await? {
                let mut progress = self.progress();
                *progress = progress.anew(None, self.clock.now());
                return Err(ServerError::Lost);
            }
        }
        self.progress().wrote.clear();
        Ok(())
    }

    /// A block of these, as it is written.
    pub(super) fn block(&self, manner: Manner, notes: &[Note]) -> Vec<u8> {
        let sequence = self.sequence.fetch_add(1, Relaxed);
        block::write(&self.prints, manner, (self.origin, sequence), notes)
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
