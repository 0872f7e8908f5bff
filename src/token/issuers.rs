//! The issuers whose tokens may be verified: their rules and their keys, found by their `iss`.

use crate::decide::rules::IssuerRules;
use crate::state::fingerprint::Edition;
use crate::state::introspection::Desk;
use crate::state::keys::IssuerKeys;
use crate::state::verified::IssuerPlace;
use std::collections::HashMap;
use std::sync::Arc;

/// One issuer.
pub struct Issuer {
    /// What its tokens must be like.
    pub rules: IssuerRules,
    /// The claim that names the session.
    pub session_claim: Box<str>,
    /// The claims by which its tokens may be revoked besides; a bounded few.
    pub revocable_claims: Box<[Box<str>]>,
    /// Its keys.
    pub keys: Arc<IssuerKeys>,
    /// Where it can be asked about a token, if it can.
    pub desk: Option<Arc<Desk>>,
}

/// All issuers of one config.
#[derive(Default)]
pub struct Issuers {
    all: Box<[Arc<Issuer>]>,
    by_url: HashMap<Box<str>, IssuerPlace, foldhash::fast::RandomState>,
    /// What distinguishes these settings from earlier ones; a token verified under others is verified again.
    pub edition: Edition,
}

impl Issuers {
    /// Collects issuers under an edition.
    pub fn new(edition: Edition, issuers: impl IntoIterator<Item = Issuer>) -> Self {
        let all: Box<[Arc<Issuer>]> = issuers.into_iter().map(Arc::new).collect();
        let by_url = all.iter().zip(0..).map(|(issuer, place)| (issuer.rules.issuer.clone(), IssuerPlace(place)));
        Self { by_url: by_url.collect(), all, edition }
    }

    /// The issuer whose tokens carry this `iss`, byte for byte (RFC 8414 §3.3).
    #[must_use]
    pub fn find(&self, iss: &str) -> Option<(IssuerPlace, &Arc<Issuer>)> {
        let place = *self.by_url.get(iss)?;
        self.at(place).map(|issuer| (place, issuer))
    }

    /// The issuer at a place, which means something under one edition only.
    #[must_use]
    pub fn at(&self, place: IssuerPlace) -> Option<&Arc<Issuer>> {
        self.all.get(usize::from(place.0))
    }

    /// Every issuer.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.all.iter()
    }
}
