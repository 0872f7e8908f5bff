//! The state that a process begins with: nothing is known yet.

use super::start_error::{StartError, doing};
use crate::control::Loaded;
use crate::settings::Secret;
use crate::state::State;
use crate::state::clock::Clock;
use crate::state::fingerprint::Fingerprints;
use crate::state::nonces::Nonces;
use crate::state::proofs::{PROOFS, UsedProofs};
use crate::state::verified::VerifiedTokens;
use secrecy::ExposeSecret as _;
use std::sync::Arc;

/// Of a config, by this clock.
pub(super) fn state(loaded: &Loaded, prints: Fingerprints, clock: Arc<dyn Clock>) -> Result<State, StartError> {
    let nonces = nonces(&loaded.config.gateway.nonce_keys)?;
    Ok(State {
        clock,
        revocations: Arc::default(),
        sessions: Arc::default(),
        others: None,
        statuses: Arc::default(),
        nonces,
        proofs: UsedProofs::bounded(PROOFS),
        verified: VerifiedTokens::bounded(loaded.config.limits.token_cache.get()),
        fingerprints: Arc::new(prints),
    })
}

fn nonces(keys: &[Secret]) -> Result<Nonces, StartError> {
    let secrets = keys.iter().map(Secret::read).collect::<Result<Vec<_>, _>>().map_err(doing("gateway.nonce_keys"))?;
    let mut bytes = secrets.iter().map(|secret| secret.expose_secret().as_bytes());
    match bytes.next() {
        Some(first) => Ok(Nonces::derived(first, bytes)),
        None => Nonces::random().map_err(doing("randomness")),
    }
}
