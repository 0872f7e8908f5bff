//! The room as a whole: which tasks run, how they are exchanged when the settings change, and what is not
//! ready yet. Who uses the keys and the revocations is not told here.

use super::build::{BuildError, BuiltIssuer};
use super::fleet::{self, Hub, Voice};
use super::former::Leaving;
use super::keeping::{Kept, mark};
use super::prepared::BuiltSources;
pub use super::prepared::Prepared;
use super::reception::{Parts, Reception};
use super::refresh::{self, News};
use super::running::{Running, RunningIssuer, RunningSource, iss, issuer_place, source_place};
use super::settings::{IssuerSettings, Settings};
use super::sink::{Audited, Sink};
use super::source::{Source, SourceSettings};
use crate::decide::time::Moment;
use crate::settings::Seal;
use crate::state::clock::Clock;
use crate::state::fingerprint::Fingerprints;
use crate::state::journal::{self, Journal};
use crate::state::keys::IssuerKeys;
use crate::state::revocations::Revocations;
use crate::state::statuses::StatusLists;
use crate::telemetry::audit::Audit;
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A fault of the settings, and where it is.
#[derive(Debug)]
pub struct BuildFault {
    /// The block: `issuers.corp`, `revocation.sources.feed`.
    pub place: String,
    /// What is wrong.
    pub error: BuildError,
}

/// What still waits for its first load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// What: `issuers.corp`, `revocation.sources.feed`.
    pub what: String,
    /// Why, as far as is known.
    pub why: String,
}

/// What the tasks are given.
#[derive(Clone)]
pub struct Means {
    /// Where the tasks run: the control plane's runtime.
    pub runtime: Handle,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where sources write.
    pub revocations: Arc<Revocations>,
    /// Where status lists are kept.
    pub statuses: Arc<StatusLists>,
    /// How names are hashed.
    pub fingerprints: Arc<Fingerprints>,
    /// Where it stands what sources told, if anybody wants to know.
    pub audit: Option<Arc<Audit>>,
}

/// The tasks that keep keys and revocations fresh.
pub struct Idp {
    pub(super) means: Means,
    pub(super) journal: Option<Arc<Journal>>,
    cancel: CancellationToken,
    pub(super) news: News,
    reception: Arc<Reception>,
    pub(super) fleet: Hub,
    running: Mutex<Running>,
    /// Held by who changes what runs. That may wait for the disk, and who only looks must not.
    turn: Mutex<()>,
}

impl Idp {
    /// Without issuers and sources. All its tasks end when `cancel` does.
    #[must_use]
    pub fn new(means: Means, cancel: CancellationToken) -> Self {
        let (clock, set) = (Arc::clone(&means.clock), Arc::clone(&means.revocations));
        let child = cancel.clone();
        let purge = move || refresh::purge(Arc::clone(&set), Arc::clone(&clock), child.clone());
        refresh::supervise(&means.runtime, "purge".into(), purge);
        let reception = Arc::new(Reception::new(means.runtime.clone(), Arc::clone(&means.clock)));
        let news = watch::Sender::new(0);
        let fleet = Hub::new(means.clone(), news.clone(), Arc::clone(&reception), cancel.clone());
        let (running, turn) = (Mutex::default(), Mutex::default());
        Self { means, journal: None, cancel, news, reception, fleet, running, turn }
    }

    /// Where events are handed in.
    #[must_use]
    pub fn reception(&self) -> Arc<Reception> {
        Arc::clone(&self.reception)
    }

    /// Counts attempts, good and bad: whoever waits for a first load waits for this to change.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The keys of an issuer.
    #[must_use]
    pub fn keys(&self, issuer: &str) -> Option<Arc<IssuerKeys>> {
        self.running().issuers.get(issuer).map(|running| Arc::clone(&running.keys))
    }

    /// What still waits for its first load. What was loaded once is ready: that it ages is told by policies.
    #[must_use]
    pub fn readiness(&self, now: Moment) -> Vec<NotReady> {
        let running = self.running();
        let waits = |what: String, error: Option<Arc<str>>| NotReady {
            what,
            why: error.map_or_else(|| "its first load is under way".into(), |error| error.to_string()),
        };
        let issuers = running.issuers.iter().filter(|(_, one)| one.keys.age(now).is_none());
        let sources = running.sources.iter().filter(|(_, one)| !one.feed.was_heard());
        let issuers = issuers.map(|(name, one)| waits(issuer_place(name), one.keys.standing(now).last_error));
        let sources = sources.map(|(name, one)| waits(source_place(name), one.feed.last_error()));
        let fleet = self.fleet.unheard().map(|feed| waits(fleet::PLACE.into(), feed.last_error()));
        self.unread().into_iter().chain(issuers).chain(sources).chain(fleet).collect()
    }

    /// Takes up new settings: what did not change keeps its task and its state.
    ///
    /// # Errors
    /// All faults; then nothing was changed.
    pub fn apply(&self, settings: &Settings) -> Result<(), Vec<BuildFault>> {
        self.prepare(settings).map(|prepared| self.commit(prepared))
    }

    /// Takes up what was prepared. Waits for the disk: not for who answers.
    pub fn commit(&self, prepared: Prepared) {
        self.change(|running| self.take_up_prepared(running, prepared));
    }

    fn take_up_prepared(&self, running: &mut Running, prepared: Prepared) {
        running.state_dir.clone_from(&prepared.settings.state_dir);
        running.issuers.retain(|name, old| {
            let stays = prepared.settings.issuers.contains_key(name);
            (!stays).then(|| old.cancel.cancel());
            stays
        });
        for (name, built) in prepared.issuers {
            if let Some(settings) = prepared.settings.issuers.get(&name) {
                let started = self.start_issuer(&name, settings, built, running.issuers.get(&name));
                running.issuers.insert(name, started);
            }
        }
        let mut leaving = self.retire_sources(running, &prepared.settings, &prepared.sources);
        leaving.extend(self.retire_operators(running));
        leaving.extend(self.retire_former(running, &prepared.settings));
        let mut opened = self.open_feeds(running, &prepared.settings, prepared.sources.keys(), &leaving);
        self.resume_operators(running, &mut opened);
        for (name, source) in prepared.sources {
            let (settings, kept) = (prepared.settings.sources.get(&name), opened.remove(&name));
            let started = settings.and_then(|settings| self.start_source(running, &name, settings, source, kept));
            if let Some(started) = started {
                running.sources.insert(name, started);
            }
        }
        for source in running.sources.values() {
            if let Some(issuer) = running.issuers.get(source.feed.issuer.as_str()) {
                source.signer.store(Arc::new(issuer.signer()));
            }
        }
        self.fleet.tend(running, prepared.settings.fleet.as_ref(), prepared.fleet, &mut opened);
    }

    /// An issuer whose keys come from where they came before goes on with those it has.
    fn start_issuer(
        &self,
        name: &str,
        settings: &IssuerSettings,
        built: BuiltIssuer,
        old: Option<&RunningIssuer>,
    ) -> RunningIssuer {
        let cancel = self.cancel.child_token();
        if let Some(old) = old {
            old.cancel.cancel();
            let same = |one: &IssuerSettings| (one.issuer.clone(), one.keys.clone(), one.allowed().to_vec());
            if built.provider.is_some() && same(&old.settings) == same(settings) {
                built.keys.adopt(&old.keys);
            }
        }
        if let Some(provider) = built.provider {
            let (child, news, rhythm) = (cancel.clone(), self.news.clone(), built.rhythm);
            let task = move || refresh::keep_keys(provider.clone(), rhythm, child.clone(), news.clone());
            refresh::supervise(&self.means.runtime, issuer_place(name).into(), task);
        }
        if let Some(teller) = &built.teller {
            teller.start(&self.means.runtime, &cancel);
        }
        let (keys, seal, teller) = (built.keys, built.seal, built.teller);
        RunningIssuer { settings: settings.clone(), seal, keys, teller, cancel }
    }

    /// Ends the tasks of sources that changed or left. The feed of a source leaves only if the source does, speaks for
    /// another issuer now, or is told now where it asked before, or asks.
    fn retire_sources(&self, running: &mut Running, settings: &Settings, anew: &BuiltSources) -> Vec<Leaving> {
        let mut gone = Vec::new();
        running.sources.retain(|name, old| {
            let new = settings.sources.get(name);
            if new.is_none() || anew.contains_key(name) {
                old.cancel.cancel();
            }
            let is_told = old.settings.kind().is_told();
            let as_before = |new: &SourceSettings| {
                let kind = new.kind();
                kind.issuer() == old.feed.issuer.as_str() && kind.is_told() == is_told
            };
            let stays = new.is_some_and(as_before);
            let stays = stays && iss(settings, new) == Some(&old.issuer);
            if !stays || !matches!(new, Some(SourceSettings::StatusList(_))) {
                self.means.statuses.close(&old.feed.name);
            }
            if !stays {
                self.reception.close(name);
                let voice = journal::Voice::of_source(name, &old.issuer, is_told);
                gone.push(Leaving { voice, feed: Arc::clone(&old.feed), account: old.account.clone() });
            }
            stays
        });
        gone
    }

    fn start_source(
        &self,
        running: &mut Running,
        name: &str,
        settings: &SourceSettings,
        (source, seal): (Box<dyn Source>, Seal),
        opened: Option<Kept>,
    ) -> Option<RunningSource> {
        let kind = settings.kind();
        let spoken_for = running.issuers.get(kind.issuer())?;
        let (issuer, signer) = (spoken_for.settings.issuer.clone(), spoken_for.signer());
        let signer = Arc::new(ArcSwap::from_pointee(signer));
        let (feed, account) = match running.sources.remove(name) {
            Some(old) => {
                old.feed.rebound(kind.bounds());
                if !kind.catches_up() {
                    old.feed.is_behind(false);
                }
                (old.feed, old.account)
            }
            None => opened?,
        };
        let cancel = self.cancel.child_token();
        let sink = Sink {
            revocations: Arc::clone(&self.means.revocations),
            statuses: Arc::clone(&self.means.statuses),
            feed: Arc::clone(&feed),
            account: account.clone(),
            mark: mark(settings),
            fingerprints: Arc::clone(&self.means.fingerprints),
            issuer: issuer.as_str().into(),
            retain: kind.retain(),
            clock: Arc::clone(&self.means.clock),
            news: self.news.clone(),
            signer: Arc::clone(&signer),
            events: self.reception.events(name),
            telling: kind.is_told().then(|| self.fleet.telling(Voice::Provider)),
            trouble: Arc::default(),
            audited: Audited::new(self.means.audit.as_ref(), settings),
            held_back: Arc::default(),
        };
        let held_back = Arc::clone(&sink.held_back);
        let parts = Arc::new((source, sink));
        self.reception.open(name, settings, &parts);
        self.run_source(name, parts, cancel.clone());
        Some(RunningSource { settings: settings.clone(), seal, issuer, feed, account, signer, held_back, cancel })
    }

    fn run_source(&self, name: &str, parts: Parts, cancel: CancellationToken) {
        refresh::supervise(&self.means.runtime, source_place(name).into(), move || {
            let (parts, cancel) = (Arc::clone(&parts), cancel.clone());
            async move {
                let (source, sink) = &*parts;
                source.run(sink, &cancel).await;
            }
        });
    }

    /// Changes what runs, one at a time: a copy, which is then put in its place, so that nobody who looks waits.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Running) -> T) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = self.running().clone();
        let changed = change(&mut running);
        *self.running() = running;
        changed
    }

    pub(super) fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
