//! Sending a request: pick, connect or reuse, send, wait for the head of the response. A request that never left
//! is sent again; one that may have left is not.

use super::connect::{self, Fault, Sender};
use super::connections::{Connections, Key};
use super::endpoint::{Endpoint, Lease};
use super::failure::{Failure, FailureKind};
use super::headers;
use super::pool::Pool;
use super::settings::HostHeader;
use super::timer::Timer;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The terms of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long connecting may take, TLS included.
    pub connect: Duration,
    /// How long the head of the response may take.
    pub first_byte: Duration,
    /// On how many further endpoints a request that never left is tried.
    pub retries: u32,
    /// Does it ask to switch protocols? Then the connection is not used again.
    pub upgrade: bool,
    /// May it be sent twice? It has no body, and its method is idempotent (RFC 9110 §9.2.2).
    pub repeatable: bool,
}

/// A body that can stand for itself a second time, if it is empty.
pub trait Empty {
    /// An empty body like this one.
    #[must_use]
    fn empty(&self) -> Self;
}

/// Nobody waits longer than a day for an answer: timers end somewhere.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A response whose body is still to come.
pub struct Delivered {
    /// The response.
    pub response: Response<Incoming>,
    /// Who gave it.
    pub endpoint: Arc<str>,
    /// Counts as a request in flight until it is dropped.
    pub lease: Lease,
}

/// A request that did not come through, and what is left of it.
struct Undelivered<B> {
    fault: Fault,
    request: Option<Request<B>>,
    /// Did it fail on a connection that had been idle? Then the endpoint is not to blame: it closes such connections
    /// when it likes (RFC 9112 §9.5).
    stale: bool,
}

/// Sends a request to one of the pool's endpoints.
///
/// # Errors
/// What failed last.
pub async fn deliver<B>(
    connections: &Connections<B>,
    pool: &Pool,
    mut request: Request<B>,
    terms: &Terms,
) -> Result<Delivered, Failure>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut tried = Vec::new();
    let mut left = terms.retries;
    loop {
        let Some(endpoint) = pool.pick(request.headers(), &tried) else {
            return Err(Failure {
                kind: FailureKind::NoEndpoint,
                endpoint: None,
                source: "no endpoint is left".into(),
            });
        };
        let lease = Lease::take(endpoint);
        match attempt(connections, pool, endpoint, request, terms).await {
            Ok(response) => {
                endpoint.succeeded();
                return Ok(Delivered { response, endpoint: Arc::clone(&endpoint.name), lease });
            }
            Err(Undelivered { request: Some(again), stale: true, .. }) => request = again,
            Err(Undelivered { fault: (kind, source), request: rest, .. }) => {
                let outlier = pool.settings.outlier;
                endpoint.failed(outlier.failures, outlier.eject_for.get());
                match rest {
                    Some(again) if left > 0 && tried.len() + 1 < pool.endpoints.len() => {
                        left -= 1;
                        tried.push(Arc::clone(endpoint));
                        request = again;
                    }
                    _ => return Err(Failure { kind, endpoint: Some(Arc::clone(&endpoint.name)), source }),
                }
            }
        }
    }
}

async fn attempt<B>(
    connections: &Connections<B>,
    pool: &Pool,
    endpoint: &Arc<Endpoint>,
    request: Request<B>,
    terms: &Terms,
) -> Result<Response<Incoming>, Undelivered<B>>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let place = pool.endpoints.iter().position(|other| Arc::ptr_eq(other, endpoint)).unwrap_or_default();
    let key = Key { pool: pool.id, endpoint: place };
    let held = connections.take(key, pool.settings.idle_timeout.get()).filter(|(_, address, _)| endpoint.has(*address));
    let stale = held.is_some();
    let opened = match held {
        Some(held) => Ok(held),
        // Boxed, because connecting is rare, and its state would make every request's larger.
        None => Box::pin(fresh(pool, endpoint, terms)).await,
    };
    let (sender, address, mut timer) = match opened {
        Ok(opened) => opened,
        Err(fault) => return Err(Undelivered { fault, request: Some(request), stale: false }),
    };
    // Only what goes out on a connection that was kept may be lost by nobody's fault, and only then is it worth a copy.
    let copy = (stale && terms.repeatable).then(|| copy(&request));
    let lost = |fault| Undelivered { fault, request: None, stale: false };
    let deadline = Instant::now() + terms.first_byte.min(LONGEST);
    match timer.within(deadline, send(sender, pool, endpoint, request)).await {
        None => Err(lost((FailureKind::FirstByteTimeout, "no response within first_byte".into()))),
        Some(Err((fault, request))) => {
            let again = if fault.0 == FailureKind::Reset { request.or(copy) } else { request };
            Err(Undelivered { fault, stale: stale && again.is_some(), request: again })
        }
        Some(Ok((response, sender))) => {
            if !terms.upgrade {
                connections.put(key, sender, address, timer, pool.settings.max_idle);
            }
            Ok(response)
        }
    }
}

fn copy<B: Empty>(request: &Request<B>) -> Request<B> {
    let mut copy = Request::new(request.body().empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy
}

async fn fresh<B>(pool: &Pool, endpoint: &Arc<Endpoint>, terms: &Terms) -> Result<(Sender<B>, SocketAddr, Timer), Fault>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let address = endpoint.socket_address().ok_or_else(|| (FailureKind::Dns, "its name has no address".into()))?;
    let opened = tokio::time::timeout(terms.connect, connect::open(pool, endpoint, address)).await;
    let (sender, driver) =
        opened.map_err(|_| (FailureKind::ConnectTimeout, "no connection within connect".into()))??;
    tokio::task::spawn_local(driver);
    Ok((sender, address, Timer::default()))
}

type Unsent<B> = (Fault, Option<Request<B>>);

async fn send<B>(
    sender: Sender<B>,
    pool: &Pool,
    endpoint: &Endpoint,
    mut request: Request<B>,
) -> Result<(Response<Incoming>, Sender<B>), Unsent<B>>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match sender {
        Sender::Http1(mut sender) => {
            address_http1(&mut request, pool, endpoint);
            // A connection that was just opened takes its first request at once; one of the shelf is ready.
            match sender.ready().await {
                Ok(()) => {}
                Err(error) => return Err(((FailureKind::Reset, error.into()), Some(request))),
            }
            let response = sender.try_send_request(request).await.map_err(unsent)?;
            Ok((response, Sender::Http1(sender)))
        }
        Sender::Http2(mut sender) => {
            address_http2(&mut request, pool, endpoint);
            match sender.ready().await {
                Ok(()) => {}
                Err(error) => return Err(((FailureKind::Reset, error.into()), Some(request))),
            }
            let response = sender.try_send_request(request).await.map_err(unsent)?;
            Ok((response, Sender::Http2(sender)))
        }
    }
}

fn unsent<B>(mut error: TrySendError<Request<B>>) -> Unsent<B> {
    let request = error.take_message();
    let error = error.into_error();
    let kind = if error.is_parse() { FailureKind::Protocol } else { FailureKind::Reset };
    ((kind, error.into()), request)
}

/// Origin form and `Host` (RFC 9112 §3.2.1).
fn address_http1<B>(request: &mut Request<B>, pool: &Pool, endpoint: &Endpoint) {
    *request.version_mut() = Version::HTTP_11;
    headers::join_cookies(request.headers_mut());
    if let Some(authority) = request.uri().authority() {
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            request.headers_mut().insert(HOST, host);
        }
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map(Uri::from).unwrap_or_default();
    }
    if pool.settings.host == HostHeader::Endpoint
        && let Ok(host) = HeaderValue::try_from(endpoint.address.authority())
    {
        request.headers_mut().insert(HOST, host);
    }
}

/// Scheme and authority (RFC 9113 §8.3.1).
fn address_http2<B>(request: &mut Request<B>, pool: &Pool, endpoint: &Endpoint) {
    *request.version_mut() = Version::HTTP_2;
    let named = request.headers_mut().remove(HOST).and_then(|host| host.to_str().ok().map(str::to_owned));
    let asked = request.uri().authority().map(|authority| authority.as_str().to_owned()).or(named);
    let authority = match pool.settings.host {
        HostHeader::Client => asked.unwrap_or_else(|| endpoint.address.authority()),
        HostHeader::Endpoint => endpoint.address.authority(),
    };
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let scheme = if endpoint.address.secure { "https" } else { "http" };
    if let Ok(uri) = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build() {
        *request.uri_mut() = uri;
    }
}
