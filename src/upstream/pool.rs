//! The endpoints of one upstream, shared by all workers.

use super::balancer::{self, Balancer};
use super::endpoint::Endpoint;
use super::settings::Settings;
use super::trust::{self, TrustError};
use super::{health, resolve};
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
        cancelled.run_until_cancelled(resolve::keep(&self)).await;
    }

    /// Picks an endpoint for a request, and none of those that were tried before. When none is well, all are
    /// tried: an upstream that is all ill is better asked than given up.
    pub(super) fn pick(&self, headers: &HeaderMap, tried: &[Arc<Endpoint>]) -> Option<&Arc<Endpoint>> {
        // One endpoint is no choice.
        if let ([only], []) = (&*self.endpoints, tried) {
            return Some(only);
        }
        let fresh = |endpoint: &&Arc<Endpoint>| !tried.iter().any(|other| Arc::ptr_eq(other, endpoint));
        let well: Vec<&Arc<Endpoint>> =
            self.endpoints.iter().filter(fresh).filter(|endpoint| endpoint.is_available()).collect();
        if well.is_empty() {
            let all: Vec<&Arc<Endpoint>> = self.endpoints.iter().filter(fresh).collect();
            return self.balancer.pick(&all, headers);
        }
        self.balancer.pick(&well, headers)
    }
}
