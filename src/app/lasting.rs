//! What outlives the process, in the state directory: the key of fingerprints, and the journal of what is revoked.

use super::start_error::{StartError, doing};
use crate::control::Loaded;
use crate::control::reload::Reload;
use crate::idp::room::Idp;
use crate::state::State;
use crate::state::fingerprint::Fingerprints;
use crate::state::journal::{DIRECTORY, Journal, key};
use crate::telemetry::audit::{Event, Kind};
use secrecy::ExposeSecret as _;
use std::sync::Arc;

/// How names are hashed: by a secret of the config; else by a key that is kept beside the journal; else by one of this
/// process alone.
pub(super) fn fingerprints(loaded: &Loaded) -> Result<Fingerprints, StartError> {
    match (&loaded.config.telemetry.hash_key, &loaded.config.gateway.state_dir) {
        (None, Some(dir)) => {
            let what = format!("{}", dir.join(key::FILE).display());
            let key = key::load_or_make(dir).map_err(doing(&what)).map_err(|error| error.of("gateway.state_dir"))?;
            Fingerprints::kept(key).map_err(doing("randomness"))
        }
        _ => passing(loaded),
    }
}

/// The same, of a process that keeps nothing.
pub(super) fn passing(loaded: &Loaded) -> Result<Fingerprints, StartError> {
    let key = loaded.config.telemetry.hash_key.as_ref();
    match key.map(|key| key.read()).transpose().map_err(doing("telemetry.hash_key"))? {
        Some(key) => Fingerprints::derived(key.expose_secret().as_bytes()).map_err(doing("randomness")),
        None => Fingerprints::random().map_err(doing("randomness")),
    }
}

/// The journal, where there is a state directory.
pub(super) fn journal(loaded: &Loaded, state: &State) -> Result<Option<Arc<Journal>>, StartError> {
    let Some(dir) = &loaded.config.gateway.state_dir else { return Ok(None) };
    let (check, set, clock) = (state.fingerprints.check(), Arc::clone(&state.revocations), Arc::clone(&state.clock));
    let what = format!("the journal of revocations in {}", dir.join(DIRECTORY).display());
    Journal::in_directory(dir, check, set, clock)
        .map(|journal| Some(Arc::new(journal)))
        .map_err(doing(&what))
        .map_err(|error| error.of("gateway.state_dir"))
}

/// Nobody is served before all of it was read.
pub(super) fn read(idp: &Idp) -> Result<(), StartError> {
    match idp.journal().filter(|journal| !journal.is_loaded()) {
        Some(_) => Err(doing("the journal of revocations")("it could not be read: the line before this one says why")),
        None => Ok(()),
    }
}

/// That the gateway starts or stops, for the audit log.
pub(super) fn event(kind: Kind, reload: &Reload) -> Event {
    let event = Event::new(kind, reload.now().wall).with("revision", &*reload.revision());
    event.with("version", env!("CARGO_PKG_VERSION")).with("pid", std::process::id())
}
