//! What a gateway knows that runs: of keys, of feeds, of endpoints, and of itself.

use super::finding::Finding;
use crate::state::keys::Standing;
use crate::state::revocations::FeedStanding;
use std::collections::BTreeMap;

/// What is known already, and so not asked for again.
#[derive(Debug, Default)]
pub struct Known {
    /// The keys of each issuer.
    pub keys: BTreeMap<String, Standing>,
    /// Whether somebody listened to feeds that are told, for long enough to know.
    pub listens: bool,
    /// How fresh revocations are.
    pub feeds: Vec<FeedStanding>,
    /// What was seen of endpoints of upstreams.
    pub endpoints: Vec<KnownEndpoint>,
    /// What was found besides.
    pub besides: Vec<Finding>,
}

/// An endpoint as the line sees it.
#[derive(Clone, Debug)]
pub struct KnownEndpoint {
    /// The upstream.
    pub upstream: String,
    /// The endpoint.
    pub endpoint: String,
    /// Whether requests go there.
    pub used: bool,
}

impl Known {
    /// Something else that is wrong with the gateway itself.
    pub fn ails(&mut self, what: &str, says: String, cure: &str, page: &str) {
        self.besides.push(Finding::wrong(what, says).cure(cure, page));
    }

    /// Something that waits.
    pub fn waits(&mut self, what: &str, says: String, cure: &str, page: &str) {
        self.besides.push(Finding::unwise(what, says).cure(cure, page));
    }
}
