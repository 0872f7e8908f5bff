//! What if the identity provider is slow, dead, lying or huge? Keys and revocations, over real sockets.

#![allow(missing_docs, reason = "a test tells what it proves in its name and its comment")]

#[path = "../support/mod.rs"]
mod support;

mod claims;
mod feeds;
mod former;
mod keys;
mod provider;
mod restart;
mod slow_disk;
mod statuses;
mod streams;

use curfew::decide::time::{Moment, Timestamp};
use curfew::idp::room::{Idp, Means};
use curfew::idp::settings::{IssuerSettings, Settings};
use curfew::settings::Span;
use curfew::state::clock::{Clock, HandClock};
use curfew::state::fingerprint::Fingerprints;
use curfew::state::journal::{Check, Journal};
use curfew::state::revocations::Revocations;
use curfew::state::statuses::StatusLists;
use provider::Provider;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Waits for something that must come; the bound is for a test that fails.
pub async fn bounded<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it did not come")
}

/// A room of tasks with a clock set by hand.
pub struct House {
    pub idp: Idp,
    pub clock: Arc<HandClock>,
    pub revocations: Arc<Revocations>,
    pub statuses: Arc<StatusLists>,
    pub fingerprints: Arc<Fingerprints>,
    _cancel: tokio_util::sync::DropGuard,
}

impl House {
    pub fn open() -> Self {
        Self::with(|_, _, _| None)
    }

    /// One whose sources are kept in a directory.
    pub fn kept(state_dir: &std::path::Path) -> Self {
        Self::with(|check, set, clock| Some(Journal::in_directory(state_dir, check, set, clock).unwrap()))
    }

    /// One with a journal of one's own.
    pub fn with(journal: impl FnOnce(Check, Arc<Revocations>, Arc<dyn Clock>) -> Option<Journal>) -> Self {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let clock = Arc::new(HandClock::at(Timestamp::from_millis(0).plus(wall)));
        clock.set_steady(Duration::from_secs(1_000));
        let revocations = Arc::new(Revocations::default());
        let statuses = Arc::new(StatusLists::default());
        let fingerprints = Arc::new(Fingerprints::derived(b"a key for tests").unwrap());
        let cancel = CancellationToken::new();
        let means = Means {
            runtime: tokio::runtime::Handle::current(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            revocations: Arc::clone(&revocations),
            statuses: Arc::clone(&statuses),
            fingerprints: Arc::clone(&fingerprints),
            audit: None,
        };
        let (set, hand) = (Arc::clone(&revocations), Arc::clone(&clock) as Arc<dyn Clock>);
        let journal = journal(fingerprints.check(), set, hand).map(Arc::new);
        let idp = Idp::new(means, cancel.clone()).with_journal(journal);
        Self { idp, clock, revocations, statuses, fingerprints, _cancel: cancel.drop_guard() }
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    pub fn apply(&self, settings: &Settings) {
        if let Err(faults) = self.idp.apply(settings) {
            panic!("{faults:?}");
        }
    }

    /// Waits, from one attempt to the next, until it is so.
    pub async fn until(&self, so: impl Fn() -> bool) {
        let mut news = self.idp.news();
        bounded(async {
            while !so() {
                news.changed().await.unwrap();
            }
        })
        .await;
    }

    pub async fn ready(&self) {
        self.until(|| self.idp.readiness(self.now()).is_empty()).await;
    }
}

/// An issuer at this provider, fetched from as fast as is allowed.
pub fn corp(provider: &Provider) -> IssuerSettings {
    IssuerSettings {
        refresh: Span::secs(1),
        fetch_timeout: Span::secs(5),
        unknown_key_wait: Span::secs(5),
        allow_http: true,
        ..IssuerSettings::new(&provider.url(""))
    }
}

pub fn settings(issuer: IssuerSettings) -> Settings {
    Settings { issuers: [("corp".to_owned(), issuer)].into(), ..Settings::default() }
}
