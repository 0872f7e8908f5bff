//! What the room as a whole does with those who ask: starts them, and tells how they stand.

use super::teller::{Introspected, Teller};
use crate::idp::refresh;
use crate::idp::room::Idp;
use crate::idp::running::{RunningIssuer, issuer_place};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

impl Teller {
    /// Asks from now on, until cancelled.
    pub(in crate::idp) fn start(self: &Arc<Self>, runtime: &Handle, cancel: &CancellationToken) {
        let what = format!("{}.introspection", issuer_place(&self.name));
        let (teller, cancel) = (Arc::clone(self), cancel.clone());
        refresh::supervise(runtime, what.into(), move || {
            let (teller, cancel) = (Arc::clone(&teller), cancel.clone());
            async move { cancel.run_until_cancelled(teller.run()).await.unwrap_or_default() }
        });
    }
}

impl Idp {
    /// What metrics tell of the issuers that are asked about tokens.
    #[must_use]
    pub fn introspected(&self) -> Vec<(String, Introspected)> {
        let running = self.running();
        let asked = |(name, one): (&String, &RunningIssuer)| Some((name.clone(), one.teller.as_ref()?.introspected()));
        running.issuers.iter().filter_map(asked).collect()
    }
}
