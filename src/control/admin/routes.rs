//! The table of endpoints. What is in it is what the OpenAPI document tells, and nothing else is answered, besides the
//! files of the page.

use super::explain::{self, Question};
use super::guard::Peer;
use super::listener::Wiring;
use super::operations::Deed;
use super::page;
use super::places::Place;
use super::problem::{Answer, Problem, text, typed};
use crate::notice::unquoted;
use crate::telemetry::{OPENMETRICS, TEXT, Telemetry, prefers_openmetrics};
use http::header::ACCEPT;
use http::request::Parts;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;

/// What the admin listener shows.
pub trait Showing: Send + Sync + 'static {
    /// What is not ready yet, each with why; empty when all is.
    fn not_ready(&self) -> Vec<String>;
    /// What was ready and ages, each with why; it is used as far as it may be.
    fn degraded(&self) -> Vec<String>;
    /// The config that is in force, secrets as their references only, as JSON.
    fn config(&self) -> String;
    /// What would be decided about a request, as JSON, or what of the question cannot be used; nothing while somebody else
    /// asks.
    fn explain(&self, question: Question) -> impl Future<Output = Option<Result<String, String>>> + Send;
    /// What is wrong, and what breaks next, as JSON; nothing while somebody else has it looked for.
    fn checkup(&self) -> impl Future<Output = Option<String>> + Send;
    /// The metrics.
    fn telemetry(&self) -> &Telemetry;
}

/// The OpenAPI document.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Alive,
    Ready,
    Metrics,
    OpenApi,
    Config,
    Feeds,
    Fleet,
    Checkup,
    Keys,
    Routes,
    Page,
    Explain,
    Connections,
    Confirm,
    Drop,
    Query,
    Act(Deed),
    Records(Looking),
}

/// What is asked of decision records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looking {
    List,
    Group,
    Chart,
    Follow,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The method; GET stands for HEAD too.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// Whether it asks who is there.
    pub guarded: bool,
    what: What,
}

const fn open(path: &'static str, what: What) -> Endpoint {
    Endpoint { method: Method::GET, path, guarded: false, what }
}

const fn guarded(method: Method, path: &'static str, what: What) -> Endpoint {
    Endpoint { method, path, guarded: true, what }
}

/// All of them.
pub const ENDPOINTS: &[Endpoint] = &[
    open("/", What::Page),
    open("/livez", What::Alive),
    open("/readyz", What::Ready),
    open("/metrics", What::Metrics),
    open("/openapi.json", What::OpenApi),
    guarded(Method::GET, "/config", What::Config),
    guarded(Method::GET, "/revocations/feeds", What::Feeds),
    guarded(Method::POST, "/revocations/feeds/confirm", What::Confirm),
    guarded(Method::POST, "/revocations/feeds/drop", What::Drop),
    guarded(Method::GET, "/fleet", What::Fleet),
    guarded(Method::GET, "/checkup", What::Checkup),
    guarded(Method::GET, "/keys", What::Keys),
    guarded(Method::GET, "/routes", What::Routes),
    guarded(Method::POST, "/explain", What::Explain),
    guarded(Method::GET, "/connections", What::Connections),
    guarded(Method::POST, "/revocations/query", What::Query),
    guarded(Method::POST, "/revocations", What::Act(Deed::Revoke)),
    guarded(Method::DELETE, "/revocations", What::Act(Deed::Lift)),
    guarded(Method::POST, "/revocations/lift", What::Act(Deed::Lift)),
    guarded(Method::POST, "/records/query", What::Records(Looking::List)),
    guarded(Method::POST, "/records/groups", What::Records(Looking::Group)),
    guarded(Method::POST, "/records/buckets", What::Records(Looking::Chart)),
    guarded(Method::POST, "/records/follow", What::Records(Looking::Follow)),
];

/// Answers one request.
pub(super) async fn answer<S: Showing>(
    request: Request<Incoming>,
    peer: &Peer,
    place: &Place,
    wiring: &Wiring<S>,
) -> Answer {
    let (parts, body) = request.into_parts();
    place.keep(false);
    let endpoint = match find(&parts.method, parts.uri.path()) {
        Ok(endpoint) => endpoint,
        Err(problem) => return problem.answer(),
    };
    let may = wiring.names.admit_own(&parts).is_ok() && wiring.guard.admit(&parts, peer).is_ok();
    place.keep(endpoint.guarded && may);
    let answered = ask(endpoint, &parts, body, peer, wiring).await;
    place.answered();
    answered.unwrap_or_else(|problem| {
        let (peer, status) = (peer.address, problem.status.as_u16());
        // Whoever may not ask is not to fill the log: told by what they lack, and then by their number.
        let repeats = if may { Some(0) } else { wiring.strangers.met(problem.status.as_str()) };
        if let Some(repeats) = repeats {
            let why = unquoted(&problem.detail);
            tracing::warn!(%peer, path = endpoint.path, status, %why, repeats, "not done for an operator");
        }
        problem.answer()
    })
}

fn find(method: &Method, path: &str) -> Result<&'static Endpoint, Problem> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let is = |endpoint: &Endpoint| endpoint.path == path || (endpoint.what == What::Page && page::has(path));
    let here = || ENDPOINTS.iter().filter(|endpoint| is(endpoint));
    if let Some(endpoint) = here().find(|endpoint| endpoint.method == *method) {
        return Ok(endpoint);
    }
    let allowed: Vec<&str> = here().map(|endpoint| endpoint.method.as_str()).collect();
    if allowed.is_empty() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "what there is, /openapi.json tells"));
    }
    let allow = allowed.join(", ");
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("only {allow}"));
    Err(Problem { allow: Some(allow), ..problem })
}

async fn ask<S: Showing>(
    endpoint: &Endpoint,
    parts: &Parts,
    body: Incoming,
    peer: &Peer,
    wiring: &Wiring<S>,
) -> Result<Answer, Problem> {
    let (shown, operations, guard) = (&*wiring.shown, &wiring.operations, &wiring.guard);
    if endpoint.guarded {
        wiring.names.admit_own(parts)?;
    }
    Ok(match endpoint.what {
        What::Page => {
            wiring.names.admit(parts)?;
            page::file(parts.uri.path())
        }
        What::Alive => text(StatusCode::OK, "alive\n".into()),
        What::Ready => ready(&shown.not_ready(), &shown.degraded()),
        What::Metrics => metrics(parts, shown.telemetry()),
        What::OpenApi => typed(StatusCode::OK, "application/json", OPENAPI),
        What::Config => {
            // Where no token is asked for, it is what it always was: open to whoever reaches the listener.
            if guard.asks() {
                guard.admit(parts, peer)?;
            }
            typed(StatusCode::OK, "application/json", shown.config())
        }
        What::Feeds => {
            guard.admit(parts, peer)?;
            operations.feeds()
        }
        What::Fleet => {
            guard.admit(parts, peer)?;
            operations.fleet()
        }
        What::Checkup => {
            guard.admit(parts, peer)?;
            let busy =
                || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "a checkup is under way: ask again in a moment");
            typed(StatusCode::OK, "application/json", shown.checkup().await.ok_or_else(busy)?)
        }
        What::Keys => {
            guard.admit(parts, peer)?;
            operations.keys()
        }
        What::Routes => {
            guard.admit(parts, peer)?;
            operations.routes()
        }
        What::Explain => {
            guard.admit(parts, peer)?;
            let answer = shown.explain(explain::question(&parts.headers, body).await?).await;
            let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "another is answered: ask again in a moment");
            typed(StatusCode::OK, "application/json", answer.ok_or_else(busy)?.map_err(Problem::bad)?)
        }
        What::Connections => {
            guard.admit(parts, peer)?;
            operations.connections(parts).await?
        }
        What::Confirm => {
            let who = guard.admit(parts, peer)?;
            operations.confirm(&parts.headers, body, &who).await?
        }
        What::Drop => {
            let who = guard.admit(parts, peer)?;
            operations.drop_former(&parts.headers, body, &who).await?
        }
        What::Query => {
            guard.admit(parts, peer)?;
            operations.query(&parts.headers, body).await?
        }
        What::Records(looking) => {
            guard.admit(parts, peer)?;
            match looking {
                Looking::List => wiring.records.query(&parts.headers, body).await?,
                Looking::Group => wiring.records.groups(&parts.headers, body).await?,
                Looking::Chart => wiring.records.buckets(&parts.headers, body).await?,
                Looking::Follow => wiring.records.follow(&parts.headers, body).await?,
            }
        }
        What::Act(deed) => {
            let who = guard.admit(parts, peer)?;
            operations.act(deed, parts, body, &who).await?
        }
    })
}

/// What ages takes nobody out of a load balancer: the others would have the same provider.
fn ready(missing: &[String], degraded: &[String]) -> Answer {
    let listed = |head: &str, all: &[String]| match all {
        [] => String::new(),
        all => all.iter().fold(format!("{head}:\n"), |text, one| text + "  " + one + "\n"),
    };
    let degraded = listed("degraded", degraded);
    if missing.is_empty() {
        return text(StatusCode::OK, "ready\n".to_owned() + &degraded);
    }
    text(StatusCode::SERVICE_UNAVAILABLE, listed("not ready", missing) + &degraded)
}

/// Prometheus says by `Accept` whether it reads OpenMetrics.
fn metrics(parts: &Parts, telemetry: &Telemetry) -> Answer {
    let accepts = parts.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if prefers_openmetrics(accepts) {
        typed(StatusCode::OK, OPENMETRICS, telemetry.render())
    } else {
        typed(StatusCode::OK, TEXT, telemetry.render_classic())
    }
}
