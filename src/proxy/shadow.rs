//! A policy that is judged beside a route's own, where that admits, and refuses nobody: what it would have refused is
//! told. So a stricter policy is tried on real traffic before it is put in force.

use super::policies;
use super::settings::{Defaults, PolicySettings};
use crate::decide::policy::Policy;
use crate::decide::session::OnFull;
use crate::decide::verdict::Verdict;
use crate::telemetry::ShadowMeter;
use crate::token::gather::Gathered;
use std::sync::Arc;

/// A policy that refuses nobody.
pub struct Shadow {
    policy: Policy,
    /// Its counters.
    pub meter: Arc<ShadowMeter>,
}

impl Shadow {
    /// Builds it. It asks no issuer about a token, for that would load the provider, and no client for a nonce, which
    /// nobody gave it.
    #[must_use]
    pub fn build(name: &str, settings: &PolicySettings, defaults: &Defaults, meter: Arc<ShadowMeter>) -> Self {
        let mut policy = policies::build(name, settings, defaults, OnFull::Deny);
        policy.active = None;
        policy.binding.nonce = None;
        Self { policy, meter }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What it says of a request, where it would have refused it.
    #[must_use]
    pub fn judge(&self, gathered: &Gathered) -> Option<Box<Verdict>> {
        let verdict = self.policy.judge(&gathered.evidence());
        verdict.reason().map(|_| Box::new(verdict))
    }
}
