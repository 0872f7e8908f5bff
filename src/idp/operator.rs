//! What operators enter themselves: a feed of its own for each issuer, which nobody else writes, so that what an
//! operator takes back is never what a provider said. It is opened with the first entry: an issuer about which nothing
//! was entered is not spoken for. Who may enter something is not told here.

use super::events::Events;
use super::fleet::Voice;
use super::room::Idp;
use super::running::Running;
use super::sink::Sink;
use crate::decide::id::{IssuerName, SourceName};
use crate::state::revocations::{Bounds, Feed, Full, Revoked, Target};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// How many entries operators may have for one issuer at a time.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Where operators write about one issuer.
pub struct Operator {
    sink: Sink,
}

/// The name of the feed. No source of the settings has a `/` in its name.
#[must_use]
pub fn feed_name(issuer: &str) -> String {
    format!("operator/{issuer}")
}

impl Operator {
    /// The feed.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.sink.feed
    }

    /// How many more entries there is room for. What does not fit is refused before it is tried: a feed that could not
    /// keep something is incomplete, and all tokens of its issuer would answer for it.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_ENTRIES.saturating_sub(self.feed().standing(self.sink.now()).entries)
    }

    /// Enforced, and kept, once this is `Ok`: only then may the operator be told so.
    ///
    /// # Errors
    /// If not all of it could be kept. What could be is enforced all the same.
    pub async fn revoke(&self, all: &[Revoked]) -> Result<(), Full> {
        self.sink.keep(all).await
    }

    /// Takes back what operators entered. Tells of each whether there was something.
    ///
    /// # Errors
    /// If it could not be kept that it was taken back.
    pub async fn lift(&self, targets: &[Target]) -> Result<Vec<bool>, Full> {
        self.sink.lift(targets).await
    }
}

impl Idp {
    /// Where operators write about an issuer; `None` if there is no such issuer.
    #[must_use]
    pub fn operator(&self, issuer: &str) -> Option<Arc<Operator>> {
        let mut running = self.running();
        if let Some(operator) = running.operators.get(issuer) {
            return Some(Arc::clone(operator));
        }
        let operator = Arc::new(Operator { sink: self.sink_of(&running, issuer)? });
        self.fleet.entered(operator.feed().id, &operator.sink.issuer);
        // There is nothing to wait for: what was never entered is not missing.
        operator.sink.heard(operator.sink.now());
        running.operators.insert(issuer.into(), Arc::clone(&operator));
        Some(operator)
    }

    /// The same, if something was entered about it.
    #[must_use]
    pub fn opened(&self, issuer: &str) -> Option<Arc<Operator>> {
        self.running().operators.get(issuer).cloned()
    }

    fn sink_of(&self, running: &Running, issuer: &str) -> Option<Sink> {
        let spoken_for = running.issuers.get(issuer)?;
        let bounds = Bounds { max_entries: MAX_ENTRIES, max_staleness: None };
        let (name, of) = (SourceName::from(&*feed_name(issuer)), IssuerName::from(issuer));
        Some(Sink {
            revocations: Arc::clone(&self.means.revocations),
            feed: self.means.revocations.open(&name, &of, bounds)?,
            fingerprints: Arc::clone(&self.means.fingerprints),
            issuer: spoken_for.settings.issuer.as_str().into(),
            retain: None,
            clock: Arc::clone(&self.means.clock),
            news: self.news.clone(),
            signer: Arc::new(ArcSwap::from_pointee(spoken_for.signer())),
            events: Arc::<Events>::default(),
            statuses: Arc::clone(&self.means.statuses),
            telling: Some(self.fleet.telling(Voice::Operator)),
        })
    }

    /// What was entered about an issuer leaves with it, and when the name is another issuer's now.
    pub(super) fn retire_operators(&self, running: &mut Running) {
        let Running { issuers, operators, .. } = running;
        operators.retain(|name, operator| {
            let stays = issuers.get(name).is_some_and(|issuer| *issuer.settings.issuer == *operator.sink.issuer);
            if !stays {
                self.means.revocations.close(operator.feed());
            }
            stays
        });
    }
}
