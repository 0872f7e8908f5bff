//! A changed config: read, parse, check, build all of the new before the old is touched, then one swap. On any
//! fault the old stays, and says so.

use super::build::{self, Pools};
use super::changes;
use super::config::{Fault, Severity, Spans};
use super::load::{self, Loaded};
use super::pending;
use super::settings::Config;
use super::stands::{Failed, Stands};
use crate::decide::time::Moment;
use crate::idp::room::{BuildFault, Idp, Prepared};
use crate::idp::settings::{IssuerSettings, Settings as IdpSettings};
use crate::notice::Trouble;
use crate::proxy::gate::Shared;
use crate::telemetry::audit::{Event, Kind};
use crate::token::issuers::Issuer;
use crate::upstream::Pool;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Why a config did not come into force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The text has faults.
    #[error("the config has faults:\n{0}")]
    Faults(String),
    /// It could not be built.
    #[error("{at}: {error}")]
    Build {
        /// The setting, with its place.
        at: String,
        /// What is wrong with it.
        error: build::BuildError,
    },
    /// Issuers or revocation sources could not be set up: each with its place.
    #[error("{0}")]
    Idp(String),
}

/// Swaps one config for the next.
pub struct Reload {
    path: PathBuf,
    shared: Arc<Shared>,
    idp: Idp,
    control: Handle,
    /// What the process was started with.
    boot: Config,
    /// That the file brings no config into force.
    failing: Trouble,
    /// That there is no file to read.
    gone: Trouble,
    /// For whoever looks.
    stands: ArcSwap<Stands>,
    /// Held by who reloads, which may wait for the disk: the tasks of pools, by the pool's number.
    turn: Mutex<Tasks>,
}

type Tasks = HashMap<u64, CancellationToken>;

/// What came of a reload.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The new config is in force.
    Swapped {
        /// Its revision.
        revision: Box<str>,
        /// The blocks that changed and wait for a restart.
        waiting: Vec<&'static str>,
    },
    /// It says what was in force already.
    Same,
}

impl Reload {
    /// Takes over what is in force.
    pub fn new(path: PathBuf, loaded: Loaded, pools: Pools, shared: Arc<Shared>, idp: Idp, control: Handle) -> Self {
        let stands = Stands { loaded: Arc::new(loaded), pools: Arc::default(), failed: None };
        let reload = Self {
            path,
            shared,
            idp,
            control,
            boot: stands.loaded.config.clone(),
            failing: Trouble::default(),
            gone: Trouble::default(),
            stands: ArcSwap::from_pointee(stands.clone()),
            turn: Mutex::default(),
        };
        reload.tend(&mut reload.lock(), &pools);
        reload.stands.store(Arc::new(Stands { pools: Arc::new(pools), ..stands }));
        reload
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tasks> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether the file says something else than what was read from it last, or is to be tried again.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let path = self.path.display();
        let text = match load::source(&self.path) {
            Ok(text) => text,
            Err(error) => {
                if let Some(repeats) = self.gone.met(&error.to_string()) {
                    tracing::warn!(%path, %error, repeats, "the config file cannot be read: what it said stays");
                }
                return false;
            }
        };
        if let Some(out) = self.gone.over() {
            tracing::info!(%path, %out, "the config file can be read again");
        }
        self.stands.load().is_due(&text, self.now().steady)
    }

    /// The clock's now.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.shared.state.clock.now()
    }

    /// Brings the file's config into force.
    ///
    /// # Errors
    /// What is wrong with it; the old config stays.
    pub fn reload(&self) -> Result<Outcome, ReloadError> {
        let mut tasks = self.lock();
        let text = load::source(&self.path).unwrap_or_default();
        let before = self.stands.load_full();
        let (stands, outcome) = match self.attempt(&mut tasks, &before, &text) {
            Ok((stands, outcome)) => (stands, Ok(outcome)),
            Err(error) => {
                let failed = Failed { text: text.into(), at: self.now().steady };
                (Stands { failed: Some(failed), ..Stands::clone(&before) }, Err(error))
            }
        };
        self.stands.store(Arc::new(stands));
        outcome
    }

    fn attempt(&self, tasks: &mut Tasks, before: &Stands, source: &str) -> Result<(Stands, Outcome), ReloadError> {
        let loaded = load::load(&self.path).map_err(|faults| ReloadError::Faults(render(&faults, source)))?;
        let in_force = pending::in_force(&self.boot, &loaded.config);
        let settings = idp_settings(&in_force);
        // A secret may be another one in the same place.
        if loaded.revision == before.loaded.revision && !self.idp.has_old_secrets(&settings) {
            let loaded = Loaded { text: loaded.text, ..Loaded::clone(&before.loaded) };
            let stands = Stands { loaded: Arc::new(loaded), pools: Arc::clone(&before.pools), failed: None };
            return Ok((stands, Outcome::Same));
        }
        let unbuilt = |error: build::BuildError| {
            let setting = error.setting(&loaded.config);
            ReloadError::Build { at: loaded.spans.told(&setting).unwrap_or(setting), error }
        };
        let waiting = pending::blocks(&self.boot, &loaded.config);
        if waiting.iter().any(|block| matches!(*block, "listeners" | "admin")) {
            build::listeners(&loaded.config).map_err(unbuilt)?;
        }
        let pools = build::pools(&loaded.config, &before.pools).map_err(unbuilt)?;
        let prepared = self.idp.prepare(&settings).map_err(|faults| ReloadError::Idp(told(&faults, &loaded.spans)))?;
        let issuers = issuers(&loaded.config, &prepared);
        let plan =
            build::plan(&in_force, &loaded.revision, issuers, &pools, self.idp.reception(), &self.shared.telemetry);
        let plan = plan.map_err(unbuilt)?;
        self.idp.commit(prepared);
        self.shared.take_up(plan);
        self.shared.telemetry.configured(&loaded.revision);
        let revision = loaded.revision.clone();
        if let Some(audit) = self.shared.telemetry.audit(Kind::ConfigReloaded) {
            audit.tell(changes::event(&before.loaded, &loaded, &waiting, self.now().wall));
        }
        self.tend(tasks, &pools);
        let stands = Stands { loaded: Arc::new(loaded), pools: Arc::new(pools), failed: None };
        Ok((stands, Outcome::Swapped { revision, waiting }))
    }

    /// Reloads and says what came of it, in the log and in the metrics. Whoever asked for it is answered, though it be
    /// what was told before.
    pub fn reload_and_tell(&self, asked: bool) {
        let outcome = self.reload();
        self.shared.telemetry.reloaded(outcome.is_ok());
        if let (Ok(_), Some(out)) = (&outcome, self.failing.over()) {
            tracing::info!(%out, "the config file can be used again");
        }
        match outcome {
            Ok(Outcome::Same) => tracing::info!("reloaded: nothing changed"),
            Ok(Outcome::Swapped { revision, waiting }) if waiting.is_empty() => tracing::info!(%revision, "reloaded"),
            Ok(Outcome::Swapped { revision, waiting }) => {
                tracing::warn!(%revision, ?waiting, "reloaded; changes to these blocks wait for a restart");
            }
            Err(error) => {
                let told = self.failing.met(&error.to_string());
                if let Some(repeats) = told.or(asked.then_some(0)) {
                    self.audit_refusal(&error);
                    tracing::error!(%error, repeats, "not reloaded: the config before stays in force");
                }
            }
        }
    }

    fn audit_refusal(&self, error: &ReloadError) {
        if let Some(audit) = self.shared.telemetry.audit(Kind::ConfigRefused) {
            let event = Event::new(Kind::ConfigRefused, self.now().wall).with("in_force", &*self.revision());
            audit.tell(event.with("why", error.to_string()));
        }
    }

    /// Whether the file brought no config into force when that was tried last.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.stands.load().failed.is_some()
    }

    /// The revision of the config that was loaded last.
    #[must_use]
    pub fn revision(&self) -> Box<str> {
        self.stands.load().loaded.revision.clone()
    }

    /// The config that is in force.
    #[must_use]
    pub fn config(&self) -> Config {
        pending::in_force(&self.boot, &self.stands.load().loaded.config)
    }

    /// The blocks of the config that were loaded and wait for a restart.
    #[must_use]
    pub fn pending(&self) -> Vec<&'static str> {
        pending::blocks(&self.boot, &self.stands.load().loaded.config)
    }

    /// The pools that are in force.
    #[must_use]
    pub fn pools(&self) -> Vec<Arc<Pool>> {
        self.stands.load().pools.values().cloned().collect()
    }

    /// What keys and revocations wait for.
    #[must_use]
    pub fn idp(&self) -> &Idp {
        &self.idp
    }

    /// Starts the tasks of new pools, and stops those of pools that are gone.
    fn tend(&self, tasks: &mut Tasks, pools: &Pools) {
        tasks.retain(|id, task| {
            let stays = pools.values().any(|pool| pool.id() == *id);
            if !stays {
                task.cancel();
            }
            stays
        });
        for pool in pools.values() {
            tasks.entry(pool.id()).or_insert_with(|| {
                let cancelled = CancellationToken::new();
                self.control.spawn(Arc::clone(pool).tasks(cancelled.clone()));
                cancelled
            });
        }
    }
}

/// What the room of the identity providers is told.
#[must_use]
pub fn idp_settings(config: &Config) -> IdpSettings {
    IdpSettings {
        issuers: config.issuers.clone(),
        sources: config.revocation.sources.clone(),
        fleet: config.revocation.fleet.clone(),
        state_dir: config.gateway.state_dir.clone(),
    }
}

/// The issuers of a config, with the keys that were prepared for them.
#[must_use]
pub fn issuers(config: &Config, prepared: &Prepared) -> Vec<Issuer> {
    let issuer = |(name, settings): (&String, &IssuerSettings)| {
        let keys = Arc::clone(prepared.keys().get(&name.as_str().into())?);
        let revocable_claims = settings.revocable_claims.iter().map(|claim| claim.as_str().into()).collect();
        let session_claim = settings.session_claim.as_str().into();
        let desk = prepared.desk(&name.as_str().into());
        Some(Issuer { rules: settings.rules(name), session_claim, revocable_claims, keys, desk })
    };
    config.issuers.iter().filter_map(issuer).collect()
}

/// Faults of issuers and sources as text, each with its place.
#[must_use]
pub fn told(faults: &[BuildFault], spans: &Spans) -> String {
    let place = |fault: &BuildFault| spans.told(&fault.place).unwrap_or_else(|| fault.place.clone());
    faults.iter().map(|fault| format!("{}: {}", place(fault), fault.error)).collect::<Vec<_>>().join("; ")
}

/// Faults as text, for a log.
#[must_use]
pub fn render(faults: &[Fault], source: &str) -> String {
    let errors: Vec<Fault> = faults.iter().filter(|fault| fault.severity == Severity::Error).cloned().collect();
    super::config::render_all(&errors, source, false)
}
