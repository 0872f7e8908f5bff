//! Where one issuer's keys come from: one attempt at having them. When attempts are made is told in `refresh`.

use super::discovery::{self, DiscoveryError};
use super::fetch::{Answer, FetchError, Fetcher, Said};
use super::file::Watched;
use super::settings::Discovery;
use super::store::Store;
use super::web_url::WebUrl;
use crate::decide::rules::Algorithm;
use crate::decide::time::{Moment, Timestamp};
use crate::notice::Trouble;
use crate::settings::Span;
use crate::state::clock::Clock;
use crate::state::keys::{IssuerKeys, SetFault};
use bytes::Bytes;
use http::HeaderValue;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A key set is never longer (MD-05).
pub const MAX_JWKS: usize = 512 * 1024;

/// A `Date` is cut to the second: clocks that differ by less may agree.
const ROUNDING: Duration = Duration::from_secs(1);

/// How far the provider's clock is from ours, of what the leeway allows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    Within,
    Half,
    Beyond,
}

impl Apart {
    fn of(skew: Duration, leeway: Duration) -> Self {
        if skew > leeway + ROUNDING {
            Self::Beyond
        } else if skew > leeway / 2 + ROUNDING {
            Self::Half
        } else {
            Self::Within
        }
    }
}

/// Why an attempt brought no keys; the last good ones stay.
#[derive(Debug, Error)]
pub enum JwksError {
    /// The provider's metadata.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The set could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was fetched is no set.
    #[error("the key set of {0} is refused: {1}")]
    Set(WebUrl, SetFault),
    /// What the file holds is no set.
    #[error("the key set in {0} is refused: {1}")]
    Content(String, SetFault),
    /// The file cannot be read.
    #[error("the key file cannot be read: {0}")]
    File(#[from] std::io::Error),
}

/// One issuer's provider.
#[derive(Clone)]
pub(super) struct Provider {
    pub(super) name: Arc<str>,
    pub(super) issuer: Arc<str>,
    pub(super) allowed: Arc<[Algorithm]>,
    pub(super) leeway: Duration,
    pub(super) keys: Arc<IssuerKeys>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) from: Origin,
}

/// Where the keys are.
#[derive(Clone)]
pub(super) enum Origin {
    Remote(Remote),
    File(Watched),
}

/// Keys that are fetched.
#[derive(Clone)]
pub(super) struct Remote {
    fetcher: Arc<Fetcher>,
    discovery: Option<Discovery>,
    url: Option<WebUrl>,
    store: Option<Store>,
    /// That the last good keys cannot be kept.
    unkept: Arc<Trouble>,
    /// What the current set was read from, and its version.
    current: Option<(Bytes, Option<HeaderValue>)>,
    /// Whether the provider's clock was last seen to differ from ours by more than its leeway.
    skewed: Apart,
}

impl Remote {
    pub(super) fn new(fetcher: Fetcher, at: Result<WebUrl, Discovery>, store: Option<Store>) -> Self {
        let (url, discovery) = match at {
            Ok(url) => (Some(url), None),
            Err(discovery) => (None, Some(discovery)),
        };
        Self {
            fetcher: Arc::new(fetcher),
            discovery,
            url,
            store,
            unkept: Arc::default(),
            current: None,
            skewed: Apart::Within,
        }
    }
}

impl Provider {
    /// Takes up the set that was kept over a restart, if there is one.
    pub(super) fn restore(&self) {
        let Origin::Remote(Remote { store: Some(store), .. }) = &self.from else { return };
        let Some(kept) = store.load() else { return };
        // A kept set that is no set is as good as none.
        let _ = self.keys.restore(kept.jwks(), &self.allowed, kept.fetched(), self.clock.now());
    }

    /// One attempt. `quick` leaves the metadata alone: a request waits. Says for how long the set is good.
    pub(super) async fn attempt(&mut self, quick: bool) -> Result<Option<Duration>, JwksError> {
        let asked = self.clock.now();
        let mut from = self.from.clone();
        let result = match &mut from {
            Origin::Remote(remote) => self.fetch(remote, quick, asked).await,
            Origin::File(file) => self.read(file, asked).await.map(|()| None),
        };
        self.from = from;
        result
    }

    async fn read(&self, file: &mut Watched, asked: Moment) -> Result<(), JwksError> {
        let Some(content) = file.look().await? else {
            self.keys.confirm(asked);
            return Ok(());
        };
        self.keys.publish(&content, &self.allowed, asked).map_err(|fault| {
            file.forget();
            JwksError::Content(file.to_string(), fault)
        })
    }

    /// Metadata that cannot be believed does not keep us from the key set that earlier metadata named.
    async fn fetch(&self, remote: &mut Remote, quick: bool, asked: Moment) -> Result<Option<Duration>, JwksError> {
        let doubt = match remote.discovery {
            Some(kind) if !(quick && remote.url.is_some()) => self.discover(remote, kind).await.err(),
            _ => None,
        };
        let Some(url) = remote.url.clone() else {
            return Err(doubt.unwrap_or(DiscoveryError::NoAddress).into());
        };
        let etag = remote.current.as_ref().and_then(|(_, etag)| etag.as_ref());
        let answer = remote.fetcher.get(&url, etag, None).await?;
        let said = answer.said().clone();
        self.saw(&said, asked, &mut remote.skewed);
        match answer {
            Answer::Body(body, _) => {
                let published = self.keys.publish(&body, &self.allowed, asked);
                published.map_err(|fault| JwksError::Set(url.clone(), fault))?;
                remote.current = Some((body, said.etag));
            }
            Answer::Unchanged(_) => self.keys.confirm(asked),
        }
        self.keep(remote, asked.wall).await;
        doubt.map_or(Ok(said.max_age), |doubt| Err(doubt.into()))
    }

    async fn discover(&self, remote: &mut Remote, kind: Discovery) -> Result<(), DiscoveryError> {
        let found = discovery::key_set(&remote.fetcher, &self.issuer, kind).await?;
        if remote.url.as_ref() != Some(&found) {
            remote.current = None;
            remote.url = Some(found);
        }
        Ok(())
    }

    /// The provider's `Date` is cut to the second, so half a second is added; ours is taken between request
    /// and answer.
    fn saw(&self, said: &Said, asked: Moment, skewed: &mut Apart) {
        let Some(date) = said.date else { return };
        let round_trip = self.clock.now().wall.since(asked.wall);
        let ours = Timestamp::from_millis(asked.wall.millis().saturating_add(round_trip / 2));
        let skew = ours.since(date).saturating_sub(500);
        self.keys.saw_clock(skew);
        let apart = Apart::of(Duration::from_millis(skew.unsigned_abs()), self.leeway);
        if apart != std::mem::replace(skewed, apart) {
            self.tell_skew(skew, apart);
        }
    }

    /// Told once, before it hurts: beyond the leeway tokens that were just issued are refused, or ended ones admitted.
    fn tell_skew(&self, skew: i64, how: Apart) {
        let (issuer, leeway) = (&*self.name, Span::from(self.leeway));
        let apart = Span::from(Duration::from_secs(skew.unsigned_abs() / 1000));
        let whose = if skew < 0 { "ahead of" } else { "behind" };
        match how {
            Apart::Beyond => tracing::warn!(
                issuer, %apart, %leeway, "the issuer's clock is {whose} this gateway's by more than its leeway"
            ),
            Apart::Half => tracing::warn!(
                issuer, %apart, %leeway, "the issuer's clock is {whose} this gateway's by more than half its leeway"
            ),
            Apart::Within => {
                tracing::info!(issuer, %leeway, "the issuer's clock and this gateway's agree again, within half its leeway");
            }
        }
    }

    /// What cannot be kept is told, and otherwise no fault: the keys work until a restart.
    async fn keep(&self, remote: &Remote, fetched: Timestamp) {
        let (Some(store), Some((body, _))) = (remote.store.clone(), remote.current.clone()) else { return };
        let saved = tokio::task::spawn_blocking(move || store.save(&body, fetched)).await;
        if let Err(error) | Ok(Err(error)) = saved.map_err(std::io::Error::other) {
            if let Some(repeats) = remote.unkept.met(&error.to_string()) {
                tracing::warn!(issuer = &*self.name, %error, repeats, "the last good keys could not be kept");
            }
        } else if let Some(out) = remote.unkept.over() {
            tracing::info!(issuer = &*self.name, %out, "the last good keys are kept again");
        }
    }
}
