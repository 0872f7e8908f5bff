//! New settings are built before anything of the old ones is touched: what did not change, secrets included, goes on.
//! How what was built is taken up is told in `room`.

use super::build::{self, BuildError};
use super::fleet;
use super::prepared::Prepared;
use super::room::{BuildFault, Idp};
use super::running::{Running, iss, issuer_place, source_place};
use super::settings::{IssuerSettings, Settings};
use super::source::SourceSettings;
use crate::settings::Seal;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Idp {
    /// Builds all that is new, and changes nothing. Reads files: not for the line.
    ///
    /// # Errors
    /// All faults.
    pub fn prepare(&self, settings: &Settings) -> Result<Prepared, Vec<BuildFault>> {
        let running = self.running().clone();
        let mut prepared = Prepared {
            settings: settings.clone(),
            issuers: BTreeMap::new(),
            sources: BTreeMap::new(),
            keys: BTreeMap::new(),
            desks: BTreeMap::new(),
            fleet: None,
        };
        let mut faults = Vec::new();
        for (name, issuer) in &settings.issuers {
            if let Err(error) = self.prepare_issuer(&running, &mut prepared, name, issuer) {
                faults.push(BuildFault { place: issuer_place(name), error });
            }
        }
        for (name, source) in &settings.sources {
            if let Err(error) = prepare_source(&running, &mut prepared, name, source) {
                faults.push(BuildFault { place: source_place(name), error });
            }
        }
        match fleet::prepare(settings.fleet.as_ref()) {
            Ok(server) => prepared.fleet = server,
            Err(error) => faults.push(BuildFault { place: fleet::PLACE.into(), error }),
        }
        if faults.is_empty() { Ok(prepared) } else { Err(faults) }
    }

    fn prepare_issuer(
        &self,
        running: &Running,
        prepared: &mut Prepared,
        name: &str,
        issuer: &IssuerSettings,
    ) -> Result<(), BuildError> {
        let mut others = prepared.settings.issuers.iter().take_while(|(other, _)| *other != name);
        if let Some((other, _)) = others.find(|(_, other)| other.issuer == issuer.issuer) {
            return Err(BuildError::SameIssuer(other.clone()));
        }
        let state_dir = prepared.settings.state_dir.as_deref();
        let same = running.issuers.get(name).filter(|old| old.is_as(issuer));
        let (keys, teller) = match same.filter(|_| running.state_dir.as_deref() == state_dir) {
            Some(old) => (Arc::clone(&old.keys), old.teller.clone()),
            None => {
                let built = build::issuer(name, issuer, state_dir, &self.means.clock, &self.means.fingerprints)?;
                let both = (Arc::clone(&built.keys), built.teller.clone());
                prepared.issuers.insert(name.into(), built);
                both
            }
        };
        prepared.desks.extend(teller.map(|teller| (name.into(), Arc::clone(&teller.desk))));
        prepared.keys.insert(name.into(), keys);
        Ok(())
    }

    /// Whether a secret that is held is not the one any more that the settings name, though they say the same. Reads
    /// files: not for the line.
    #[must_use]
    pub fn has_old_secrets(&self, settings: &Settings) -> bool {
        let running = self.running();
        let issuer =
            |(name, new): (&String, &IssuerSettings)| running.issuers.get(name).is_some_and(|old| !old.is_as(new));
        let source =
            |(name, new): (&String, &SourceSettings)| running.sources.get(name).is_some_and(|old| !old.is_as(new));
        settings.issuers.iter().any(issuer) || settings.sources.iter().any(source)
    }
}

fn prepare_source(
    running: &Running,
    prepared: &mut Prepared,
    name: &str,
    source: &SourceSettings,
) -> Result<(), BuildError> {
    let kind = source.kind();
    let Some(issuer) = iss(&prepared.settings, Some(source)).cloned() else {
        return Err(BuildError::NoIssuer(kind.issuer().into()));
    };
    if let Some(misfit) = kind.misfits().into_iter().next() {
        return Err(BuildError::Misfit(misfit));
    }
    let same = running.sources.get(name).is_some_and(|old| old.is_as(source) && old.issuer == issuer);
    if !same {
        let seal = Seal::of(kind.held());
        prepared.sources.insert(name.into(), (kind.build()?, seal));
    }
    Ok(())
}
