//! Settings made into what runs: reads the files and secrets they name, opens nothing on the network.

use super::connect::RootsError;
use super::fetch::{Fetcher, Manner};
use super::file::Watched;
use super::introspection::{self, Teller};
use super::jwks::{MAX_JWKS, Origin, Provider, Remote};
use super::refresh::Rhythm;
use super::settings::{IssuerSettings, KeySource, Misfit};
use super::store::Store;
use crate::settings::{Seal, SecretError};
use crate::state::clock::Clock;
use crate::state::fingerprint::Fingerprints;
use crate::state::keys::{IssuerKeys, WeakSecret, secret_set};
use secrecy::ExposeSecret;
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;

/// Why settings cannot be made into something that runs.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Two settings do not go together.
    #[error("{}: {}", .0.field, .0.told)]
    Misfit(Misfit),
    /// A source speaks for an issuer that is not there.
    #[error("there is no issuer `{0}`")]
    NoIssuer(String),
    /// Two issuers have the same `iss`: a token could be of either.
    #[error("the issuer `{0}` has the same `issuer`")]
    SameIssuer(String),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The fleet's Redis cannot be set up.
    #[error("{0}")]
    Fleet(Box<str>),
    /// A secret is too short.
    #[error(transparent)]
    Weak(#[from] WeakSecret),
    /// The roots cannot be read.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// With what is in the file, nobody can say who the gateway is.
    #[error("introspection.auth.{field}: {path}: {why}")]
    Identity {
        /// The field of `introspection.auth` that names it.
        field: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Not the name of a header.
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
    /// What the secret holds cannot be the value of a header.
    #[error("what {0} holds cannot be the value of a header")]
    HeaderValue(String),
}

/// An issuer, ready to run.
pub(super) struct BuiltIssuer {
    pub(super) keys: Arc<IssuerKeys>,
    /// Its secrets, as they were before they were read.
    pub(super) seal: Seal,
    /// What keeps its keys fresh; `None` for a secret, which is as it is.
    pub(super) provider: Option<Provider>,
    pub(super) rhythm: Rhythm,
    /// Who asks it about tokens, if it can be asked.
    pub(super) teller: Option<Arc<Teller>>,
}

/// Makes an issuer of its settings, with the keys that were kept for it over a restart.
pub(super) fn issuer(
    name: &str,
    settings: &IssuerSettings,
    state_dir: Option<&Path>,
    clock: &Arc<dyn Clock>,
    fingerprints: &Arc<Fingerprints>,
) -> Result<BuiltIssuer, BuildError> {
    if let Some(misfit) = settings.misfits().into_iter().next() {
        return Err(BuildError::Misfit(misfit));
    }
    let seal = Seal::of(settings.held());
    let keys = Arc::new(IssuerKeys::new(settings.patience()));
    let store = state_dir.map(|dir| Store::new(dir, name, &settings.issuer));
    let from = origin(settings, store, &keys, clock)?;
    let provider = from.map(|from| Provider {
        name: name.into(),
        issuer: settings.issuer.as_str().into(),
        allowed: settings.allowed().into(),
        leeway: settings.leeway.get(),
        keys: Arc::clone(&keys),
        clock: Arc::clone(clock),
        from,
    });
    provider.iter().for_each(Provider::restore);
    let refresh = settings.refresh.get();
    let rhythm = Rhythm { refresh, floor: settings.unknown_key_cooldown.get().min(refresh) };
    let teller = settings.introspection.as_ref().map(|asked| {
        introspection::build(name, settings, asked, settings.signer(&keys), clock, fingerprints).map(Arc::new)
    });
    Ok(BuiltIssuer { teller: teller.transpose()?, keys, seal, provider, rhythm })
}

fn origin(
    settings: &IssuerSettings,
    store: Option<Store>,
    keys: &IssuerKeys,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Origin>, BuildError> {
    let timeout = settings.fetch_timeout.get();
    let manner = Manner { allowed: settings.allowed_places(), timeout, max_bytes: MAX_JWKS };
    let fetcher = || Fetcher::new(manner, settings.ca.as_deref());
    Ok(Some(match &settings.keys {
        KeySource::Discovery(kind) => Origin::Remote(Remote::new(fetcher()?, Err(*kind), store)),
        KeySource::Url(url) => Origin::Remote(Remote::new(fetcher()?, Ok(url.clone()), store)),
        KeySource::File(path) => Origin::File(Watched::new(path, MAX_JWKS as u64)),
        KeySource::Secret(secret) => {
            let secret = secret.read()?;
            let allowed = settings.algorithms.as_deref().unwrap_or_default();
            keys.replace(secret_set(secret.expose_secret().as_bytes(), allowed)?, clock.now());
            return Ok(None);
        }
    }))
}
