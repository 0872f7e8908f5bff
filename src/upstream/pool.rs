//! The endpoints of one upstream, shared by all workers.

use super::balancer::{self, Balancer};
use super::endpoint::Endpoint;
use super::settings::Settings;
use super::told::{self, Cause};
use super::trust::{self, TrustError};
use super::{health, resolve};
use crate::notice::supervised;
use http::HeaderMap;
use rustls::ClientConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// Why a pool could not be built.
#[derive(Debug, thiserror::Error)]
#[error("upstream `{name}`: {source}")]
pub struct BuildError {
    name: String,
    source: TrustError,
}

impl BuildError {
    /// The upstream.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One upstream.
pub struct Pool {
    /// Its name in the config.
    pub name: Box<str>,
    /// What it was built from.
    pub settings: Settings,
    /// Tells pools apart, over reloads too.
    pub(super) id: u64,
    pub(super) endpoints: Box<[Arc<Endpoint>]>,
    /// None where no endpoint speaks TLS: the system's roots take a megabyte.
    pub(super) tls: Option<Arc<ClientConfig>>,
    balancer: Box<dyn Balancer>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Pool {
    /// Builds a pool; the roots are read from their file here.
    ///
    /// # Errors
    /// If the roots cannot be read.
    pub fn build(name: &str, settings: &Settings) -> Result<Self, BuildError> {
        let secure = settings.endpoints.iter().any(|address| address.secure);
        let tls = secure.then(|| trust::client(&settings.tls, settings.protocol)).transpose();
        let tls = tls.map_err(|source| BuildError { name: name.to_owned(), source })?;
        Ok(Self {
            name: name.into(),
            settings: settings.clone(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            endpoints: settings.endpoints.iter().cloned().map(Endpoint::new).map(Arc::new).collect(),
            tls,
            balancer: balancer::build(&settings.balance),
        })
    }

    /// Its endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Tells pools apart, over reloads too.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Resolves its names once: before it is used first.
    pub async fn prepare(&self) {
        resolve::once(self).await;
    }

    /// Resolves its names again and again, and probes its endpoints, until cancelled.
    pub async fn tasks(self: Arc<Self>, cancelled: CancellationToken) {
        if !self.settings.health.is_off() {
            health::start(Arc::clone(&self), cancelled.clone());
        }
        let what = format!("resolving the names of upstream `{}`", self.name);
        cancelled.run_until_cancelled(supervised(&what, || resolve::keep(&self))).await;
    }

    /// Picks an endpoint for a request, and none of those that were tried before; with it, its place among all. When
    /// none is well, all are tried, unless the settings say otherwise: an upstream that is all ill is better asked
    /// than given up.
    pub(super) fn pick(&self, headers: &HeaderMap, tried: &[usize]) -> Option<(usize, &Arc<Endpoint>)> {
        let open = self.settings.fail_open_when_all_unhealthy;
        // One endpoint is no choice.
        if let ([only], []) = (&*self.endpoints, tried) {
            return (open || only.is_available()).then_some((0, only));
        }
        let untried = || self.endpoints.iter().enumerate().filter(|(place, _)| !tried.contains(place));
        let mut candidates: Vec<&Arc<Endpoint>> =
            untried().map(|(_, endpoint)| endpoint).filter(|endpoint| endpoint.is_available()).collect();
        if candidates.is_empty() && open {
            candidates = untried().map(|(_, endpoint)| endpoint).collect();
        }
        let picked = self.balancer.pick(&candidates, headers)?;
        untried().find(|(_, endpoint)| Arc::ptr_eq(endpoint, picked))
    }

    /// Counts a failure against an endpoint; after enough of them in a row it is left out for a while, as long as not
    /// too many are out already.
    pub(super) fn blame(&self, endpoint: &Arc<Endpoint>, cause: Cause<'_>) {
        let outlier = self.settings.outlier;
        if endpoint.failed() < outlier.failures || outlier.failures == 0 {
            return;
        }
        let ejected = self.may_eject(endpoint);
        if ejected {
            endpoint.eject(outlier.eject_for.get());
        }
        told::failing(self, endpoint, cause, ejected);
    }

    /// An endpoint answered: what it failed at before is forgotten.
    #[inline]
    pub(super) fn absolve(&self, endpoint: &Endpoint) {
        if endpoint.has_failed() {
            endpoint.forget_failures();
            told::well(self, endpoint);
        }
    }

    fn may_eject(&self, endpoint: &Arc<Endpoint>) -> bool {
        let others = self.endpoints.iter().filter(|other| !Arc::ptr_eq(other, endpoint));
        let out = others.filter(|other| other.is_ejected()).count().saturating_add(1);
        let most = usize::from(u8::from(self.settings.outlier.max_ejected_percent));
        out.saturating_mul(100) <= self.endpoints.len().saturating_mul(most)
    }
}
