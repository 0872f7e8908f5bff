//! Each endpoint in its turn.

use crate::upstream::balancer::Balancer;
use crate::upstream::endpoint::Endpoint;
use http::HeaderMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whose turn it is.
#[derive(Default)]
pub struct RoundRobin(AtomicUsize);

impl Balancer for RoundRobin {
    fn pick<'a>(&self, candidates: &[&'a Arc<Endpoint>], _: &HeaderMap) -> Option<&'a Arc<Endpoint>> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        candidates.get(turn.checked_rem(candidates.len())?).copied()
    }
}
