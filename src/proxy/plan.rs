//! All routes, issuers and upstreams of one config: one value, swapped whole. A request walks through one plan
//! from beginning to end.

use super::answer::Stationery;
use super::doors::Doors;
use super::hygiene::Hygiene;
use super::identity::Identity;
use super::router::Router;
use super::session_door::SessionDoor;
use super::shadow::Shadow;
use super::telling::Telling;
use super::trace_fields::TraceField;
use crate::decide::policy::Policy;
use crate::state::sessions::{Activity, Pace, Terms};
use crate::telemetry::{RouteMeter, UpstreamMeter};
use crate::token::issuers::Issuers;
use crate::token::location::Locations;
use crate::upstream::Pool;
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// One config, ready to be used.
pub struct Plan {
    /// The hash of the config it was built from; every decision carries it.
    pub revision: Box<str>,
    /// How a route is found.
    pub router: Router,
    /// The routes, by the index that the router gives.
    pub routes: Box<[Arc<Route>]>,
    /// The paths at which the gateway itself is told of events.
    pub doors: Doors,
    /// The issuers.
    pub issuers: Issuers,
    /// How refusals are written.
    pub stationery: Stationery,
    /// What is removed from requests.
    pub hygiene: Hygiene,
    /// Refuse instead of remove.
    pub strict_headers: bool,
    /// Whose forwarding fields are believed.
    pub trusted_proxies: Box<[IpNet]>,
    /// Continue the traces of callers.
    pub trust_inbound_trace: bool,
    /// The response fields that tell of the trace.
    pub trace_fields: Box<[TraceField]>,
    /// How long a token may be, in bytes.
    pub token_bytes: usize,
    /// How often a request may pass this gateway.
    pub max_loops: u8,
    /// The greatest age that a policy allows a DPoP proof.
    pub proof_age: Duration,
    /// How sessions are kept; not at all where no policy asks for it.
    pub sessions: Option<Terms>,
    /// How they are shared with other instances, and how long a request waits for what those know.
    pub sharing: Option<(Pace, Duration)>,
    /// Where users ask when their session ends.
    pub session_door: Option<Box<SessionDoor>>,
    /// Keep the trail of admitted requests for the access log.
    pub keep_admitted: bool,
}

impl Plan {
    /// Is this peer one of the trusted proxies?
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&peer))
    }
}

/// One route.
pub struct Route {
    /// Its counters, which also know its name, its template and its policy's name.
    pub meter: RouteMeter,
    /// The policy; none on an open route.
    pub policy: Option<Arc<Policy>>,
    /// A policy that is judged beside it, and refuses nobody.
    pub shadow: Option<Box<Shadow>>,
    /// Where its token may be.
    pub locations: Locations,
    /// Where it leads.
    pub pool: Arc<Pool>,
    /// The counters of where it leads.
    pub upstream_meter: Arc<UpstreamMeter>,
    /// Its bounds.
    pub bounds: Bounds,
    /// Do its requests show that their user is there?
    pub activity: Activity,
    /// Is it told when the session ends, and how?
    pub telling: Option<Telling>,
    /// May a WebSocket be opened?
    pub websocket: bool,
    /// How the upstream is told who the caller is.
    pub identity: Identity,
    /// What is done to the request's fields.
    pub request_fields: FieldRules,
    /// What is done to the response's fields.
    pub response_fields: FieldRules,
}

impl Route {
    /// Does it, or its shadow policy, ask for something that has to be remembered of sessions?
    #[must_use]
    pub fn asks_of_sessions(&self) -> bool {
        self.policies().any(Policy::asks_of_sessions)
    }

    /// Its policy, and its shadow policy.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policy.as_deref().into_iter().chain(self.shadow.as_ref().map(|shadow| shadow.policy()))
    }
}

/// The bounds of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connecting.
    pub connect: Duration,
    /// To the head of the response.
    pub first_byte: Duration,
    /// Between two pieces of a body.
    pub between_bytes: Option<Duration>,
    /// The whole exchange.
    pub request: Option<Duration>,
    /// The request's body, in bytes.
    pub body: Option<u64>,
    /// How often an idempotent request is tried again.
    pub retries: u32,
}

/// What is done to header fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldRules {
    /// Fields that are removed.
    pub remove: Box<[HeaderName]>,
    /// Fields that are set.
    pub set: Box<[(HeaderName, HeaderValue)]>,
}

impl FieldRules {
    /// Does it.
    pub fn apply(&self, headers: &mut http::HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }
}
