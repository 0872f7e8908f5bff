//! The part of the channel that stays when the settings change: the queue, the feeds and the counts.

use super::member::{Member, Progress};
use super::note::Voice;
use super::outbox::Outbox;
use super::server::Server;
use super::settings::FleetSettings;
use super::standing::{Counts, Standing};
use super::stands::{Shared, Stands};
use super::telling::Telling;
use super::words::Keys;
use crate::decide::id::SourceId;
use crate::idp::keeping::Kept;
use crate::idp::reception::Reception;
use crate::idp::refresh::{self, News};
use crate::idp::room::Means;
use crate::idp::signed::Signer;
use crate::notice::Trouble;
use crate::state::journal::{Account, Journal};
use crate::state::revocations::Feed;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The channel, whether or not there is one.
pub(in crate::idp) struct Hub {
    pub(super) means: Means,
    pub(super) news: News,
    pub(super) reception: Arc<Reception>,
    /// Where what the others told is kept over a restart, if it is.
    pub(in crate::idp) journal: Option<Arc<Journal>>,
    cancel: CancellationToken,
    outbox: Arc<Outbox>,
    pub(in crate::idp) stands: Arc<Stands>,
    counts: Arc<Counts>,
    origin: [u8; 16],
    running: Mutex<Option<Running>>,
}

pub(super) struct Running {
    settings: FleetSettings,
    issuers: Vec<(String, Arc<str>, bool)>,
    pub(super) member: Arc<Member>,
    cancel: CancellationToken,
}

/// An issuer that entries may be of.
pub(in crate::idp) struct Spoken {
    /// Its name in the config.
    pub(in crate::idp) name: String,
    /// Its `iss`.
    pub(in crate::idp) iss: Arc<str>,
    /// Whose words count for it.
    pub(in crate::idp) signer: Signer,
    /// Whether its tokens are judged by the age of the channel.
    pub(in crate::idp) ages: bool,
}

/// A feed of this instance that is told to the others.
pub(in crate::idp) type Own = (SourceId, Shared);

impl Hub {
    pub(in crate::idp) fn new(means: Means, news: News, reception: Arc<Reception>, cancel: CancellationToken) -> Self {
        let mut origin = [0; 16];
        // Without randomness the time of the start tells two instances from each other, or almost.
        if aws_lc_rs::rand::fill(&mut origin).is_err() {
            origin = i128::from(means.clock.now().wall.millis()).to_be_bytes();
        }
        let (outbox, stands, counts) = (Arc::default(), Arc::default(), Arc::default());
        let (journal, running) = (None, Mutex::default());
        Self { means, news, reception, journal, cancel, outbox, stands, counts, origin, running }
    }

    /// How what is accepted here is told to the others.
    pub(in crate::idp) fn telling(&self, voice: Voice) -> Telling {
        Telling { outbox: Arc::clone(&self.outbox), stands: Arc::clone(&self.stands), voice }
    }

    /// What operators enter into this feed from now on is told to the others, and what they lift elsewhere leaves it.
    pub(in crate::idp) fn entered(&self, feed: SourceId, iss: &Arc<str>, account: Option<Arc<Account>>) {
        self.stands.share(feed, Shared { voice: Voice::Operator, iss: Arc::clone(iss), account });
    }

    /// How the channel stands; `None` if there is none.
    pub(in crate::idp) fn standing(&self) -> Option<Standing> {
        self.running().as_ref().map(|_| self.counts.standing(self.outbox.depth()))
    }

    /// Until all is told to the others that was accepted here.
    pub(in crate::idp) async fn told(&self) {
        while self.running().is_some() && !self.outbox.is_told() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The first of the feeds that was never heard, and is waited for.
    pub(in crate::idp) fn unheard(&self) -> Option<Arc<Feed>> {
        let stands = self.stands.all();
        stands.iter().map(|stand| &stand.providers.feed).find(|feed| !feed.was_heard()).cloned()
    }

    /// Takes up settings: what did not change goes on.
    pub(in crate::idp) fn take_up(
        &self,
        new: Option<(&FleetSettings, Option<Server>)>,
        issuers: Vec<Spoken>,
        own: Vec<Own>,
        kept: &mut BTreeMap<String, Kept>,
    ) {
        let names: Vec<_> = issuers.iter().map(|one| (one.name.clone(), Arc::clone(&one.iss), one.ages)).collect();
        let Some((settings, server)) = new else {
            self.running().take().iter().for_each(|old| old.cancel.cancel());
            self.outbox.rebound(0);
            self.seat(Vec::new(), Vec::new(), None, kept);
            return;
        };
        let same = self.running().as_ref().is_some_and(|old| old.settings == *settings && old.issuers == names);
        // Who asks how the channel is does not wait for the disk.
        self.seat(issuers, own, Some(settings), kept);
        let Some(server) = server.filter(|_| !same) else { return };
        let mut running = self.running();
        running.take().iter().for_each(|old| old.cancel.cancel());
        self.outbox.rebound(settings.queue);
        let cancel = self.cancel.child_token();
        let member = self.start(settings, server, cancel.clone());
        *running = Some(Running { settings: settings.clone(), issuers: names, member, cancel });
    }

    fn start(&self, settings: &FleetSettings, server: Server, cancel: CancellationToken) -> Arc<Member> {
        let member = Arc::new(Member {
            settings: settings.clone(),
            server,
            keys: Keys::new(&settings.prefix),
            revocations: Arc::clone(&self.means.revocations),
            prints: Arc::clone(&self.means.fingerprints),
            clock: Arc::clone(&self.means.clock),
            outbox: Arc::clone(&self.outbox),
            stands: Arc::clone(&self.stands),
            counts: Arc::clone(&self.counts),
            origin: self.origin,
            sequence: AtomicU64::new(0),
            progress: Mutex::new(Progress::default()),
            away: Trouble::default(),
            name: settings.name(),
            beat: AtomicU64::new(0),
            roster: Mutex::default(),
            unheard: Trouble::default(),
            has_left: AtomicBool::new(false),
        });
        let running = Arc::clone(&member);
        refresh::supervise(&self.means.runtime, "revocation.fleet".into(), move || {
            let (member, cancel) = (Arc::clone(&running), cancel.clone());
            async move { member.run(&cancel).await }
        });
        member
    }

    pub(super) fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
