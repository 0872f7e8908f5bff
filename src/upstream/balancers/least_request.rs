//! Of two endpoints, the one with fewer requests in flight: nearly as good as looking at all, and without the
//! herd that runs to the one that looks best.

use crate::upstream::balancer::Balancer;
use crate::upstream::endpoint::Endpoint;
use http::HeaderMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the next draw begins.
#[derive(Default)]
pub struct LeastRequest(AtomicUsize);

impl Balancer for LeastRequest {
    fn pick<'a>(&self, candidates: &[&'a Arc<Endpoint>], _: &HeaderMap) -> Option<&'a Arc<Endpoint>> {
        let draw = self.0.fetch_add(1, Ordering::Relaxed);
        let first = draw.checked_rem(candidates.len())?;
        // A stride from the draw's own bits gives every pair its chance.
        let others = candidates.len().saturating_sub(1).max(1);
        let second = (first + 1 + (draw / candidates.len()) % others) % candidates.len();
        let pair = [candidates.get(first)?, candidates.get(second)?];
        pair.into_iter().min_by_key(|endpoint| endpoint.in_flight()).copied()
    }
}
