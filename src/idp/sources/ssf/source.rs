//! The source as a whole: what it is made of, and its life.

use super::accounts::Accounts;
use super::metadata::Metadata;
use super::poll::Place;
use super::settings::{SignedBy, SsfSettings};
use super::stream::Stream;
use super::stream_settings::Delivery;
use crate::idp::backoff::Backoff;
use crate::idp::build::BuildError;
use crate::idp::exchange::Exchange;
use crate::idp::fetch::{Fetcher, Manner};
use crate::idp::jwks::{MAX_JWKS, Origin, Provider, Remote};
use crate::idp::receive::Receiver;
use crate::idp::refresh::{Rhythm, keep_keys};
use crate::idp::signed::Signer;
use crate::idp::sink::Sink;
use crate::idp::source::{Source, Task};
use crate::idp::sources::poll::AuthSettings;
use crate::idp::terms::Replays;
use crate::idp::web_url::WebUrl;
use crate::state::keys::{IssuerKeys, Patience};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// After this time the metadata is read again.
const METADATA: Duration = Duration::from_secs(3600);

/// The longest pause before a stream that is gone is looked for again. One that lived longer is not waited for.
const LONGEST: Duration = Duration::from_secs(60);

/// How often it is looked whether there are keys by now.
const KEYS: Duration = Duration::from_millis(50);

/// How keys are had.
const PATIENCE: Patience = Patience {
    max_stale: Some(Duration::from_secs(24 * 3600)),
    cooldown: Duration::from_secs(30),
    wait: Duration::from_secs(2),
};

/// Between two fetches of the keys.
const RHYTHM: Rhythm = Rhythm { refresh: Duration::from_secs(600), floor: Duration::from_secs(30) };

/// A Shared Signals receiver.
pub(super) struct Ssf {
    pub(super) settings: SsfSettings,
    pub(super) exchange: Exchange,
    pub(super) authorization: Option<Agreed>,
    pub(super) replays: Replays,
    pub(super) accounts: Accounts,
    keys: Arc<IssuerKeys>,
    stream: Mutex<Stream>,
    place: Mutex<Place>,
}

/// The `Authorization` that was agreed on.
pub(super) struct Agreed(SecretString);

impl Agreed {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl Ssf {
    pub(super) fn new(settings: &SsfSettings) -> Result<Self, BuildError> {
        let agreed = match &*settings.delivery {
            Delivery::Push(push) => push.authorization.as_ref().map(|secret| secret.read().map(Agreed)).transpose()?,
            Delivery::Poll(_) => None,
        };
        // Read now to fail now; read again when it is used.
        settings.auth.as_ref().map(AuthSettings::read).transpose()?;
        Ok(Self {
            exchange: Exchange::new(settings.allowed(), settings.max_bytes.len(), settings.ca.as_deref())?,
            authorization: agreed,
            replays: Replays::default(),
            accounts: Accounts::default(),
            keys: Arc::new(IssuerKeys::new(PATIENCE)),
            stream: Mutex::default(),
            place: Mutex::default(),
            settings: settings.clone(),
        })
    }

    /// The `iss` of the transmitter's events.
    pub(super) fn transmitter<'a>(&'a self, sink: &'a Sink) -> &'a str {
        self.settings.transmitter.as_deref().unwrap_or(&sink.issuer)
    }

    /// Whose signature counts.
    pub(super) fn signer(&self, sink: &Sink) -> Signer {
        let issuer = sink.signer();
        let (iss, leeway) = (self.transmitter(sink).into(), issuer.leeway);
        if self.settings.keys == SignedBy::Issuer {
            return Signer { iss, leeway, keys: Arc::clone(&issuer.keys), algorithms: issuer.algorithms };
        }
        let algorithms = self.settings.algorithms().into_iter().collect();
        Signer { iss, leeway, keys: Arc::clone(&self.keys), algorithms }
    }

    /// Whom its events are meant for.
    pub(super) fn audiences(&self) -> Vec<String> {
        [self.settings.audiences.as_slice(), &self.stream().audiences].concat()
    }

    /// The parts of subjects that must be understood.
    pub(super) fn critical(&self) -> Vec<String> {
        self.stream().critical.clone()
    }

    pub(super) fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Ssf {
    fn run<'a>(&'a self, sink: &'a Sink, cancel: &'a CancellationToken) -> Task<'a> {
        Box::pin(async move {
            cancel.run_until_cancelled(self.live(sink, cancel)).await;
        })
    }

    fn receiver(&self) -> Option<&dyn Receiver> {
        matches!(*self.settings.delivery, Delivery::Push(_)).then_some(self as &dyn Receiver)
    }
}

impl Ssf {
    async fn live(&self, sink: &Sink, cancel: &CancellationToken) {
        let mut known = None;
        let mut backoff = Backoff::new(Duration::from_millis(500), LONGEST);
        loop {
            let metadata = self.metadata(sink, known.take()).await;
            let begun = Instant::now();
            let work = tokio::time::timeout(METADATA, self.work(sink, metadata.as_ref()));
            tokio::select! {
                () = self.keep_keys(sink, metadata.as_ref(), cancel) => return,
                _ = work => known = metadata,
            }
            if begun.elapsed() > LONGEST {
                backoff.succeeded();
            } else {
                // A stream that is gone as soon as it is there is not asked for without a pause.
                tokio::time::sleep(backoff.failed()).await;
            }
        }
    }

    /// The metadata, as soon as it is had; what was known is better than nothing.
    async fn metadata(&self, sink: &Sink, known: Option<Metadata>) -> Option<Metadata> {
        if !self.settings.needs_metadata() {
            return None;
        }
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60));
        loop {
            match self.discover(self.transmitter(sink)).await {
                Ok(metadata) => return Some(metadata),
                Err(error) => {
                    sink.failed(&error.to_string());
                    if known.is_some() {
                        return known;
                    }
                }
            }
            tokio::time::sleep(backoff.failed()).await;
        }
    }

    /// Keeps the transmitter's keys fresh; those of the issuer are kept by somebody else.
    async fn keep_keys(&self, sink: &Sink, metadata: Option<&Metadata>, cancel: &CancellationToken) {
        let url = match &self.settings.keys {
            SignedBy::Issuer => None,
            SignedBy::Url(url) => Some(url.clone()),
            SignedBy::Metadata => metadata.map(|metadata| metadata.jwks_uri.clone()),
        };
        let provider = url.and_then(|url| self.provider(sink, url));
        match provider {
            Some(provider) => keep_keys(provider, RHYTHM, cancel.clone(), sink.news.clone()).await,
            None => std::future::pending().await,
        }
    }

    fn provider(&self, sink: &Sink, url: WebUrl) -> Option<Provider> {
        let timeout = self.settings.timeout.get();
        let manner = Manner { allowed: self.settings.allowed(), timeout, max_bytes: MAX_JWKS };
        let fetcher = Fetcher::new(manner, self.settings.ca.as_deref());
        let fetcher = fetcher.inspect_err(|error| sink.failed(&error.to_string())).ok()?;
        Some(Provider {
            name: sink.feed.name.as_str().into(),
            issuer: self.transmitter(sink).into(),
            allowed: self.settings.algorithms().into(),
            leeway: sink.signer.load().leeway,
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&sink.clock),
            from: Origin::Remote(Remote::new(fetcher, Ok(url), None)),
        })
    }

    /// Works until the stream is gone. An event that came before there are keys could not be told from a forged one.
    async fn work(&self, sink: &Sink, metadata: Option<&Metadata>) {
        while self.signer(sink).keys.age(sink.now()).is_none() {
            tokio::time::sleep(KEYS).await;
        }
        match (&self.settings.stream, metadata) {
            (Some(stream), Some(metadata)) => {
                self.establish(sink, stream, metadata).await;
                tokio::select! {
                    () = self.watch(sink, stream, metadata) => {}
                    () = self.poll_on(sink) => {}
                }
            }
            _ => {
                if matches!(*self.settings.delivery, Delivery::Push(_)) {
                    sink.heard(sink.now());
                }
                self.poll_on(sink).await;
            }
        }
    }
}
