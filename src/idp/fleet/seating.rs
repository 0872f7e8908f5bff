//! Which issuer has which feeds of what the others told: opened, given what was kept of them, and closed.

use super::hub::{Hub, Own, Spoken};
use super::settings::FleetSettings;
use super::stands::Stand;
use crate::decide::id::{IssuerName, SourceName};
use crate::idp::keeping::{self, Kept};
use crate::idp::sink::Sink;
use crate::state::journal::Voice;
use crate::state::revocations::{Bounds, Feed};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the feeds of an issuer are called: of what providers said elsewhere, and of what operators entered there.
const FEEDS: [&str; 2] = ["fleet", OPERATORS];
const OPERATORS: &str = "fleet-operators";

impl Hub {
    /// Gives each issuer its feeds: those it had, if it is the same.
    pub(super) fn seat(
        &self,
        issuers: Vec<Spoken>,
        own: Vec<Own>,
        settings: Option<&FleetSettings>,
        kept: &mut BTreeMap<String, Kept>,
    ) {
        let old = self.stands.all();
        let mut stands = Vec::new();
        for spoken in issuers.into_iter().filter(|_| settings.is_some()) {
            let Some(settings) = settings else { break };
            let same = |stand: &&Arc<Stand>| stand.is_of(&spoken.name, &spoken.iss);
            stands.extend(match old.iter().find(same) {
                Some(stand) => Some(Arc::clone(stand)),
                None => self.stand(&spoken, settings, kept).map(Arc::new),
            });
            if let Some(stand) = stands.last() {
                stand.providers.signer.store(Arc::new(spoken.signer));
                self.rebound(stand, settings, spoken.ages);
            }
        }
        let gone = old.iter().filter(|old| !stands.iter().any(|stand| Arc::ptr_eq(stand, old)));
        let gone: Vec<_> = gone.cloned().collect();
        self.stands.exchange(stands.clone(), own);
        for stand in gone {
            let heir = stands.iter().find(|other| other.iss == stand.iss);
            self.close(&stand.providers, heir.map(|heir| &heir.providers));
            self.close(&stand.operators, heir.map(|heir| &heir.operators));
        }
        // At last: what was carried over may have been taken back meanwhile.
        self.stands.settle(self.means.clock.now().wall);
    }

    /// A feed that does not age is ready at once, and stays so.
    fn rebound(&self, stand: &Stand, settings: &FleetSettings, ages: bool) {
        let max_staleness = settings.max_staleness.on().filter(|_| ages).map(crate::settings::Span::get);
        stand.providers.feed.rebound(Bounds { max_entries: settings.max_entries, max_staleness });
        stand.operators.feed.rebound(Bounds { max_entries: settings.max_entries, max_staleness: None });
        stand.operators.heard(self.means.clock.now());
        if max_staleness.is_none() {
            stand.providers.heard(self.means.clock.now());
        }
    }

    /// What the others said leaves, or is another feed's if its issuer has another name in the config now. If nobody has it,
    /// the journal keeps it until its next snapshot.
    fn close(&self, sink: &Sink, heir: Option<&Sink>) {
        let (source, entries) = (&sink.feed.name, sink.held());
        if heir.is_none() && entries > 0 {
            tracing::warn!(%source, entries, "what other instances told leaves with the settings");
        }
        let left = (Arc::clone(&sink.feed), sink.account.clone());
        keeping::hand_over(&self.means.revocations, self.journal.as_ref(), &left, heir.map(|heir| &*heir.feed));
        sink.account.iter().filter(|_| heir.is_some()).for_each(|account| account.write_anew());
    }

    fn open(&self, what: &str, (name, iss): (&str, &str), settings: &FleetSettings) -> Option<(Voice, Arc<Feed>)> {
        let source = SourceName::from(&*format!("{what}:{name}"));
        let bounds = Bounds { max_entries: settings.max_entries, max_staleness: None };
        let feed = self.means.revocations.open(&source, &IssuerName::from(name), bounds)?;
        if what == OPERATORS {
            feed.lift_by_time();
        }
        Some((Voice { source, iss: iss.into() }, feed))
    }

    /// The feeds that issuers will need who have none yet: what they held is read with all other feeds, and given back to
    /// `seat`.
    pub(in crate::idp) fn openings<'a>(
        &'a self,
        issuers: impl Iterator<Item = (&'a str, &'a str)>,
        settings: Option<&'a FleetSettings>,
    ) -> impl Iterator<Item = (Voice, Arc<Feed>)> {
        let old = self.stands.all();
        let is_new = move |(name, iss): &(&str, &str)| !old.iter().any(|stand| stand.is_of(name, iss));
        let issuers = issuers.filter(is_new).filter_map(move |issuer| Some((issuer, settings?)));
        issuers.flat_map(move |(issuer, settings)| {
            FEEDS.into_iter().filter_map(move |what| self.open(what, issuer, settings))
        })
    }

    pub(super) fn stand(
        &self,
        spoken: &Spoken,
        settings: &FleetSettings,
        kept: &mut BTreeMap<String, Kept>,
    ) -> Option<Stand> {
        let signer = Arc::new(ArcSwap::from_pointee(spoken.signer.clone()));
        let mut sink = |what: &str| {
            let opened = kept.remove(&format!("{what}:{}", spoken.name));
            let anew = || Some((self.open(what, (&spoken.name, &spoken.iss), settings)?.1, None));
            let (feed, account) = opened.or_else(anew)?;
            Some(Sink {
                revocations: Arc::clone(&self.means.revocations),
                statuses: Arc::clone(&self.means.statuses),
                feed,
                account,
                fingerprints: Arc::clone(&self.means.fingerprints),
                issuer: Arc::clone(&spoken.iss),
                retain: None,
                clock: Arc::clone(&self.means.clock),
                news: self.news.clone(),
                signer: Arc::clone(&signer),
                events: self.reception.events("fleet"),
                telling: None,
                mark: [0; 8],
                trouble: Arc::default(),
                audited: Default::default(),
                held_back: Arc::default(),
            })
        };
        let [providers, operators] = FEEDS.map(&mut sink);
        let (providers, operators) = (providers?, operators?);
        Some(Stand { iss: Arc::clone(&spoken.iss), providers, operators })
    }
}
