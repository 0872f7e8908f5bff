//! Sending a request: pick, connect or reuse, send, wait for the head of the response. A request that never left
//! is sent again; one that may have left is not, but for the one that a kept connection lost.

use super::acquire::fresh;
use super::address;
use super::connect::{Fault, Sender};
use super::connections::{Connections, Key, Need};
use super::endpoint::{Endpoint, Lease, Taken};
use super::failure::{Failure, FailureKind};
use super::pool::Pool;
use super::progress::{Progress, Tracked};
use super::settings::Protocol;
use super::timer::Wait;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The terms of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// When it is begun: reading the clock costs, so it is read once.
    pub now: Instant,
    /// How long connecting may take, TLS included.
    pub connect: Duration,
    /// How long the head of the response may take, from when the request was sent.
    pub first_byte: Duration,
    /// When all of it must have ended, whatever the other terms allow.
    pub until: Option<Instant>,
    /// Is that the end of the caller's time, and not of the endpoint's? Then nobody is blamed for it.
    pub until_is_callers: bool,
    /// On how many further endpoints a request that never left is tried.
    pub retries: u32,
    /// Does it ask to switch protocols? Then the connection is not used again.
    pub upgrade: bool,
    /// May it be sent twice? It has no body, and its method is idempotent (RFC 9110 §9.2.2).
    pub repeatable: bool,
}

impl Terms {
    /// The end of a span that begins now.
    pub(super) fn until(&self, now: Instant, span: Duration) -> Instant {
        let end = now + span.min(LONGEST);
        self.until.map_or(end, |until| until.min(end))
    }

    fn are_over(&self) -> bool {
        self.until.is_some_and(|until| self.now >= until)
    }
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
    request: Option<Request<Tracked<B>>>,
    /// Did it fail on a connection that had been kept? Then the endpoint is not to blame: it closes such connections
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
    request: Request<B>,
    terms: &Terms,
) -> Result<Delivered, Failure>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if terms.upgrade && pool.settings.protocol == Protocol::Http2 {
        return Err(Failure::without_endpoint(FailureKind::Upgrade, "`protocol: http2` cannot switch protocols"));
    }
    let mut request = request.map(Tracked::new);
    let mut tried = Vec::new();
    let mut left = terms.retries;
    let mut terms = *terms;
    // Where, and since when, it is sent a second time: over no connection that is older, so that at most one of those
    // that were kept is lost to it, however many there are.
    let mut resent: Option<(usize, &Arc<Endpoint>)> = None;
    let mut since = None;
    loop {
        let Some((place, endpoint)) = resent.take().or_else(|| pool.pick(request.headers(), &tried)) else {
            return Err(Failure::without_endpoint(FailureKind::NoEndpoint, "no endpoint is left"));
        };
        let mut lease = Lease::take(endpoint);
        let key = Key { pool: pool.id, endpoint: place };
        let need = Need { key, settings: &pool.settings, switching: terms.upgrade, since };
        let Undelivered { fault: (kind, source), request: rest, stale } =
            match attempt(connections, pool, endpoint, request, &terms, need).await {
                Ok((response, taken)) => {
                    endpoint.succeeded();
                    lease.carry(taken);
                    return Ok(Delivered { response, endpoint: Arc::clone(&endpoint.name), lease });
                }
                Err(undelivered) => undelivered,
            };
        terms.now = Instant::now();
        let spared = stale || terms.until_is_callers && terms.are_over();
        if !spared && kind.is_of_endpoint() {
            pool.blame(endpoint);
        }
        request = match rest {
            Some(again) if stale && !terms.are_over() => {
                (resent, since) = (Some((place, endpoint)), Some(terms.now));
                again
            }
            Some(again) if left > 0 && tried.len() + 1 < pool.endpoints.len() && !terms.are_over() => {
                left -= 1;
                tried.push(place);
                again
            }
            _ => return Err(Failure { kind, endpoint: Some(Arc::clone(&endpoint.name)), source }),
        };
    }
}

async fn attempt<B>(
    connections: &Connections<B>,
    pool: &Pool,
    endpoint: &Arc<Endpoint>,
    request: Request<Tracked<B>>,
    terms: &Terms,
    need: Need<'_>,
) -> Result<(Response<Incoming>, Taken), Undelivered<B>>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let kept = connections.take(need, terms.now, |address| endpoint.has(address));
    let found = kept.is_some();
    // One that is sent again goes over a connection that is new: if that fails as well, the endpoint is to blame.
    let stale = found && need.since.is_none();
    let held = match kept {
        Some(held) => Ok(held),
        // Boxed, because connecting is rare, and its state would make every request's larger.
        None => Box::pin(fresh(connections, pool, endpoint, terms, need)).await,
    };
    let mut held = match held {
        Ok(held) => held,
        Err(fault) => return Err(Undelivered { fault, request: Some(request), stale: false }),
    };
    // A kept connection was found at once; opening one took its time.
    let began = if found { terms.now } else { Instant::now() };
    let wait = Wait { began, span: terms.first_byte.min(LONGEST), until: terms.until };
    // Only what goes out on a connection that was kept may be lost by nobody's fault, and only then is it worth a copy.
    let copy = (stale && terms.repeatable).then(|| copy(&request));
    let progress = request.body().progress();
    let sent = send(&mut held.sender, pool, endpoint, request);
    let (fault, request) = match held.timer.within(wait, progress.as_deref(), sent).await {
        // It waits for the client, and so did the endpoint.
        None if progress.as_ref().is_some_and(|progress| progress.since().is_none()) => {
            ((FailureKind::Request, "the request's body did not come in time".into()), None)
        }
        None => ((FailureKind::FirstByteTimeout, "no response within first_byte".into()), None),
        Some(Err(unsent)) => unsent,
        Some(Ok(response)) => {
            let mut taken = Taken { stream: held.stream.take(), slot: None };
            if terms.upgrade {
                taken.slot = held.slot.take();
            } else {
                connections.put(need, held);
            }
            return Ok((response, taken));
        }
    };
    Err(undelivered(fault, request, copy, stale, progress))
}

fn undelivered<B>(
    (kind, source): Fault,
    request: Option<Request<Tracked<B>>>,
    copy: Option<Request<Tracked<B>>>,
    kept: bool,
    progress: Option<Rc<Progress>>,
) -> Undelivered<B> {
    if progress.is_some_and(|progress| progress.broke()) {
        return Undelivered { fault: (FailureKind::Request, source), request: None, stale: false };
    }
    let stale = kept && kind == FailureKind::Reset;
    Undelivered { fault: (kind, source), request: if stale { request.or(copy) } else { request }, stale }
}

fn copy<B: Body + Empty>(request: &Request<Tracked<B>>) -> Request<Tracked<B>> {
    let mut copy = Request::new(Tracked::new(request.body().body().empty()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy
}

type Unsent<B> = (Fault, Option<Request<Tracked<B>>>);

async fn send<B>(
    sender: &mut Sender<Tracked<B>>,
    pool: &Pool,
    endpoint: &Endpoint,
    mut request: Request<Tracked<B>>,
) -> Result<Response<Incoming>, Unsent<B>>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A connection that was just opened takes its first request at once; one of the shelf is ready.
    let ready = match sender {
        Sender::Http1(sender) => {
            address::http1(&mut request, pool, endpoint);
            sender.ready().await
        }
        Sender::Http2(sender, _) => {
            address::http2(&mut request, pool, endpoint);
            sender.ready().await
        }
    };
    if let Err(error) = ready {
        return Err(((FailureKind::Reset, error.into()), Some(request)));
    }
    match sender {
        Sender::Http1(sender) => sender.try_send_request(request).await.map_err(unsent),
        Sender::Http2(sender, _) => sender.try_send_request(request).await.map_err(unsent),
    }
}

fn unsent<B>(mut error: TrySendError<Request<Tracked<B>>>) -> Unsent<B> {
    let request = error.take_message();
    let error = error.into_error();
    let kind = match () {
        () if error.is_parse_too_large() => FailureKind::HeadersTooLarge,
        () if error.is_parse() => FailureKind::Protocol,
        () if is_of_stream(&error) => FailureKind::StreamReset,
        () => FailureKind::Reset,
    };
    ((kind, error.into()), request)
}

/// Was it this stream alone that the endpoint ended? Then the connection lives, and what the stream asked may have been
/// done. Not so for one that it refused (RFC 9113 §8.7), nor for those that a GOAWAY leaves out (§6.8).
fn is_of_stream(error: &hyper::Error) -> bool {
    let reset = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    reset.is_some_and(|reset| reset.is_reset() && reset.reason() != Some(h2::Reason::REFUSED_STREAM))
}
