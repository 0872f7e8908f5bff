//! The same endpoint for the same value, by rendezvous hashing: when an endpoint leaves, only its own callers
//! move. Without the value, round robin.

use super::round_robin::RoundRobin;
use crate::upstream::balancer::Balancer;
use crate::upstream::endpoint::Endpoint;
use http::HeaderMap;
use http::header::COOKIE;
use std::sync::Arc;

/// What sticks.
pub struct Sticky {
    name: String,
    cookie: bool,
    otherwise: RoundRobin,
}

impl Sticky {
    /// By the value of a cookie.
    #[must_use]
    pub fn cookie(name: &str) -> Self {
        Self { name: name.to_owned(), cookie: true, otherwise: RoundRobin::default() }
    }

    /// By the value of a header field.
    #[must_use]
    pub fn header(name: &str) -> Self {
        Self { name: name.to_owned(), cookie: false, otherwise: RoundRobin::default() }
    }

    fn value<'a>(&self, headers: &'a HeaderMap) -> Option<&'a [u8]> {
        if !self.cookie {
            return headers.get(&self.name).map(|value| value.as_bytes());
        }
        let pairs =
            headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name)
            .map(|(_, value)| value.as_bytes())
    }
}

impl Balancer for Sticky {
    fn pick<'a>(&self, candidates: &[&'a Arc<Endpoint>], headers: &HeaderMap) -> Option<&'a Arc<Endpoint>> {
        let Some(value) = self.value(headers) else { return self.otherwise.pick(candidates, headers) };
        candidates.iter().max_by_key(|endpoint| score(value, &endpoint.name)).copied()
    }
}

/// All workers and all instances agree on it.
fn score(value: &[u8], endpoint: &str) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(value.len() as u64).to_le_bytes()).update(value).update(endpoint.as_bytes());
    let mut score = [0; 8];
    hasher.finalize_xof().fill(&mut score);
    score
}
