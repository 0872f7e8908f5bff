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
use super::spare::Spare;
use super::timer::Wait;
use bytes::Bytes;
use futures_util::future::FutureExt as _;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use std::pin::pin;
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
    /// The attempts that failed before it, in order. A kept connection that was at its end is none.
    pub failed: Vec<Failure>,
    /// Counts as a request in flight until it is dropped.
    pub lease: Lease,
}

/// A request on its way, if anything is left of it that may be sent. It stays in one place while it is handed down,
/// because a future that holds what it was given holds it twice.
type Parcel<B> = Option<Request<Tracked<B>>>;

/// A request did not come through. If it may be sent again, the parcel is full.
struct Undelivered {
    fault: Fault,
    /// Did it fail on a connection that had been kept? Then the endpoint is not to blame: it closes such connections
    /// when it likes (RFC 9112 §9.5).
    stale: bool,
    /// Was it sent on a connection that ended without an answer, so that only a copy is left?
    lost: bool,
}

/// How often a request is sent again because a connection ended under it: once because a kept one was at its end anyway,
/// and once more because an upstream that restarts may end the next one too.
const RESENDS: u32 = 2;

/// Sends a request to one of the pool's endpoints.
///
/// # Errors
/// What failed last.
pub fn deliver<'a, B>(
    connections: &'a Connections<B>,
    pool: &'a Pool,
    request: Request<B>,
    terms: &Terms,
) -> impl Future<Output = Result<Delivered, Failure>> + use<'a, B>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut parcel, mut terms) = (Some(request.map(Tracked::new)), *terms);
    async move {
        if terms.upgrade && pool.settings.protocol == Protocol::Http2 {
            let why = "`protocol: http2` cannot switch protocols";
            return Err(Failure::without_endpoint(FailureKind::Upgrade, why, terms.now));
        }
        attempts(connections, pool, &mut parcel, &mut terms).await
    }
}

/// One attempt after another, as long as the terms allow it and something is left to send.
async fn attempts<B>(
    connections: &Connections<B>,
    pool: &Pool,
    parcel: &mut Parcel<B>,
    terms: &mut Terms,
) -> Result<Delivered, Failure>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut tried = Vec::new();
    let mut left = terms.retries;
    // Where, and since when, it is sent a second time: over no connection that is older, so that at most one of those
    // that were kept is lost to it, however many there are.
    let mut resent: Option<(usize, &Arc<Endpoint>)> = None;
    let (mut since, mut resends, mut failed) = (None, RESENDS, Vec::new());
    loop {
        let pick = || parcel.as_ref().and_then(|request| pool.pick(request.headers(), &tried));
        let Some((place, endpoint)) = resent.take().or_else(pick) else {
            return Err(Failure::exhausted(failed, terms.now));
        };
        let (mut lease, began) = (Lease::take(endpoint), terms.now);
        let key = Key { pool: pool.id, endpoint: place };
        let need = Need { key, settings: &pool.settings, switching: terms.upgrade, since };
        let Undelivered { fault: (kind, source), stale, lost } =
            match attempt(connections, pool, endpoint, parcel, terms, (need, resends)).await {
                Ok((response, taken)) => {
                    pool.absolve(endpoint);
                    lease.carry(taken);
                    return Ok(Delivered { response, endpoint: Arc::clone(&endpoint.name), failed, lease });
                }
                Err(undelivered) => undelivered,
            };
        terms.now = Instant::now();
        let spared = stale || terms.until_is_callers && terms.are_over();
        if !spared && kind.is_of_endpoint() {
            pool.blame(endpoint, (kind, &*source));
        }
        let name = Some(Arc::clone(&endpoint.name));
        let failure = Failure { kind, endpoint: name, source, began, ended: terms.now, earlier: Vec::new() };
        let again = parcel.is_some() && !terms.are_over();
        if again && (stale || lost) && resends > 0 {
            resends -= 1;
            (resent, since) = (Some((place, endpoint)), Some(terms.now));
            // A kept connection at its end is nobody's failure.
            failed.extend((!stale).then_some(failure));
        } else if again && left > 0 && tried.len() + 1 < pool.endpoints.len() {
            left -= 1;
            tried.push(place);
            failed.push(failure);
        } else {
            return Err(Failure { earlier: failed, ..failure });
        }
    }
}

async fn attempt<B>(
    connections: &Connections<B>,
    pool: &Pool,
    endpoint: &Arc<Endpoint>,
    parcel: &mut Parcel<B>,
    terms: &Terms,
    (need, resends): (Need<'_>, u32),
) -> Result<(Response<Incoming>, Taken), Undelivered>
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
    let mut held = held.map_err(|fault| Undelivered { fault, stale: false, lost: false })?;
    // A kept connection was found at once; opening one took its time.
    let began = if found { terms.now } else { Instant::now() };
    let wait = Wait { began, span: terms.first_byte.min(LONGEST), until: terms.until };
    let progress = parcel.as_ref().and_then(|request| request.body().progress());
    // If it is lost, it is made anew from this.
    let mut spare = None;
    let result = {
        // What goes out on a connection that was kept may be lost by nobody's fault, and so may what follows it while an
        // upstream restarts; only then is a copy worth it.
        let copied = (stale || need.since.is_some()) && terms.repeatable && resends > 0;
        let kept = copied.then_some(&mut spare);
        let sent = pin!(send(&mut held.sender, pool, endpoint, parcel, kept));
        held.timer.within(wait, progress.as_deref(), sent).await
    };
    let unsent = match result {
        Some(Ok(response)) => {
            let mut taken = Taken { stream: held.stream.take(), slot: None };
            if terms.upgrade {
                taken.slot = held.slot.take();
            } else {
                connections.put(need, held);
            }
            return Ok((response, taken));
        }
        Some(Err(unsent)) => unsent,
        // It waits for the client, and so did the endpoint.
        None if progress.as_ref().is_some_and(|progress| progress.since().is_none()) => {
            Unsent::lost(FailureKind::Request, "the request's body did not come in time")
        }
        None => Unsent::lost(FailureKind::FirstByteTimeout, "no response within first_byte"),
    };
    let spare = spare.map(Spare::unpack);
    Err(undelivered(unsent, (parcel, spare), stale, progress))
}

/// Leaves in the parcel what may be sent again.
fn undelivered<B>(
    Unsent { fault: (kind, source), returned }: Unsent,
    (parcel, spare): (&mut Parcel<B>, Parcel<B>),
    kept: bool,
    progress: Option<Rc<Progress>>,
) -> Undelivered {
    if progress.is_some_and(|progress| progress.broke()) {
        *parcel = None;
        return Undelivered { fault: (FailureKind::Request, source), stale: false, lost: false };
    }
    let reset = kind == FailureKind::Reset;
    if !returned {
        *parcel = spare.filter(|_| reset);
    }
    Undelivered { fault: (kind, source), stale: kept && reset, lost: reset && !returned && parcel.is_some() }
}

/// What came of sending, where there is no answer.
struct Unsent {
    fault: Fault,
    /// Did it come back as it was, never sent?
    returned: bool,
}

impl Unsent {
    fn lost(kind: FailureKind, why: &'static str) -> Self {
        Self { fault: (kind, why.into()), returned: false }
    }
}

/// Sends what the parcel holds, and leaves the request there if it comes back. A spare is kept where one is to be.
async fn send<B>(
    sender: &mut Sender<Tracked<B>>,
    pool: &Pool,
    endpoint: &Endpoint,
    parcel: &mut Parcel<B>,
    spare: Option<&mut Option<Spare<B>>>,
) -> Result<Response<Incoming>, Unsent>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A connection that was just opened takes its first request at once; one of the shelf is ready.
    let ready = match sender {
        Sender::Http1(sender) => sender.ready().await,
        Sender::Http2(sender, _) => sender.ready().await,
    };
    ready.map_err(|error| Unsent { fault: (FailureKind::Reset, error.into()), returned: true })?;
    // Pinned where it is made: this future is small, because it is a part of every request's.
    let sent = pin!(begin(sender, pool, endpoint, parcel, spare)?);
    sent.await.map_err(|error| unsent(error, parcel))
}

type Sent<B> = Result<Response<Incoming>, TrySendError<Request<Tracked<B>>>>;

fn begin<B>(
    sender: &mut Sender<Tracked<B>>,
    pool: &Pool,
    endpoint: &Endpoint,
    parcel: &mut Parcel<B>,
    spare: Option<&mut Option<Spare<B>>>,
) -> Result<impl Future<Output = Sent<B>> + use<B>, Unsent>
where
    B: Body<Data = Bytes> + Empty + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let nothing = || Unsent::lost(FailureKind::Request, "nothing is left to send");
    let mut request = parcel.take().ok_or_else(nothing)?;
    match sender {
        Sender::Http1(_) => address::http1(&mut request, pool, endpoint),
        Sender::Http2(..) => address::http2(&mut request, pool, endpoint),
    }
    if let Some(spare) = spare {
        *spare = Some(Spare::pack(&request, request.body().body().empty()));
    }
    Ok(match sender {
        Sender::Http1(sender) => sender.try_send_request(request).left_future(),
        Sender::Http2(sender, _) => sender.try_send_request(request).right_future(),
    })
}

fn unsent<B>(mut error: TrySendError<Request<Tracked<B>>>, parcel: &mut Parcel<B>) -> Unsent {
    let message = error.take_message();
    let returned = message.is_some();
    if returned {
        *parcel = message;
    }
    let error = error.into_error();
    let kind = match () {
        () if error.is_parse_too_large() => FailureKind::HeadersTooLarge,
        () if error.is_parse() => FailureKind::Protocol,
        () if is_of_stream(&error) => FailureKind::StreamReset,
        () => FailureKind::Reset,
    };
    Unsent { fault: (kind, error.into()), returned }
}

/// Was it this stream alone that the endpoint ended? Then the connection lives, and what the stream asked may have been
/// done. Not so for one that it refused (RFC 9113 §8.7), nor for those that a GOAWAY leaves out (§6.8).
fn is_of_stream(error: &hyper::Error) -> bool {
    let reset = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    reset.is_some_and(|reset| reset.is_reset() && reset.reason() != Some(h2::Reason::REFUSED_STREAM))
}
