//! The issuers whose tokens may be verified: their rules and their keys, found by their `iss`.

use crate::decide::rules::IssuerRules;
use crate::state::fingerprint::Edition;
use crate::state::keys::IssuerKeys;
use std::collections::HashMap;
use std::sync::Arc;

/// One issuer.
pub struct Issuer {
    /// What its tokens must be like.
    pub rules: IssuerRules,
    /// The claim that names the session.
    pub session_claim: Box<str>,
    /// Its keys.
    pub keys: Arc<IssuerKeys>,
}

/// All issuers of one config.
#[derive(Default)]
pub struct Issuers {
    by_url: HashMap<Box<str>, Arc<Issuer>, foldhash::fast::RandomState>,
    /// What distinguishes these settings from earlier ones; a token verified under others is verified again.
    pub edition: Edition,
}

impl Issuers {
    /// Collects issuers under an edition.
    pub fn new(edition: Edition, issuers: impl IntoIterator<Item = Issuer>) -> Self {
        let by_url = issuers.into_iter().map(|issuer| (issuer.rules.issuer.clone(), Arc::new(issuer))).collect();
        Self { by_url, edition }
    }

    /// The issuer whose tokens carry this `iss`, byte for byte (RFC 8414 §3.3).
    #[must_use]
    pub fn find(&self, iss: &str) -> Option<&Arc<Issuer>> {
        self.by_url.get(iss)
    }

    /// Every issuer.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.by_url.values()
    }
}
