//! The contract of balancing: pick one of the endpoints.

use super::balancers::{least_request::LeastRequest, round_robin::RoundRobin, sticky::Sticky};
use super::endpoint::Endpoint;
use super::settings::Balance;
use http::HeaderMap;
use std::sync::Arc;

/// One way to pick.
pub trait Balancer: Send + Sync {
    /// Picks one of the candidates, of which there is at least one, for a request with these fields.
    fn pick<'a>(&self, candidates: &[&'a Arc<Endpoint>], headers: &HeaderMap) -> Option<&'a Arc<Endpoint>>;
}

/// The balancer that the settings name.
#[must_use]
pub fn build(settings: &Balance) -> Box<dyn Balancer> {
    match settings {
        Balance::RoundRobin => Box::new(RoundRobin::default()),
        Balance::LeastRequest => Box::new(LeastRequest::default()),
        Balance::StickyCookie { cookie } => Box::new(Sticky::cookie(cookie)),
        Balance::StickyHeader { header } => Box::new(Sticky::header(header)),
    }
}
