//! The way through: from an admitted request to the upstream and back, streaming both ways.

use super::attempts::{Origin, Tried};
use super::body::{Download, End, Fate, Upload};
use super::cut::is_of_the_token;
use super::entry::Refusal;
use super::gate::{Gate, refuse, taken};
use super::live::Kind;
use super::plan::{Bounds, Route};
use super::report::Report;
use super::streams::{GRACE, Place};
use super::tunnel;
use crate::decide::reason::Reason;
use crate::decide::verdict::Permit;
use crate::telemetry::TraceContext;
use crate::upstream::{self, Class, FailureKind, Terms, headers};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What came of an admitted request.
pub struct Passage {
    response: Response<Incoming>,
    bounds: Bounds,
    until: Option<Instant>,
    over: Reason,
    upgrade: Option<Upgrade>,
}

/// A request that may go on.
pub struct Admitted {
    /// The way it goes.
    pub route: Arc<Route>,
    /// The right to go it; none on an open route.
    pub permit: Option<Permit>,
    /// The WebSocket that it asks for.
    pub upgrade: Option<Upgrade>,
}

/// A WebSocket that the client asks for.
pub struct Upgrade {
    client: OnUpgrade,
    /// Over HTTP/2 the answer to success is 200, and the upstream is asked as HTTP/1.1 is (RFC 8441 §5).
    extended: bool,
}

impl Upgrade {
    /// Takes the wish for a WebSocket off the request, if there is one and the route grants it.
    ///
    /// # Errors
    /// If the route grants none.
    pub fn take(parts: &mut Parts, route: &Route) -> Result<Option<Self>, Reason> {
        let extended = parts.extensions.remove::<hyper::ext::Protocol>();
        let wanted = match &extended {
            Some(protocol) => protocol.as_str().eq_ignore_ascii_case("websocket"),
            None => {
                let asks =
                    parts.headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
                asks && parts.version == Version::HTTP_11 && parts.method == Method::GET
            }
        };
        if !wanted && extended.is_none() {
            return Ok(None);
        }
        match parts.extensions.remove::<OnUpgrade>() {
            Some(client) if wanted && route.websocket => Ok(Some(Self { client, extended: extended.is_some() })),
            _ => Err(Reason::UpgradeNotAllowed),
        }
    }
}

impl Gate {
    /// Sends an admitted request upstream and waits for the head of the response.
    pub(super) async fn deliver(
        &self,
        parts: &mut Parts,
        body: Incoming,
        admitted: Admitted,
        (report, place): (&mut Report, &Place),
    ) -> Result<Passage, Refusal> {
        let Admitted { route, permit, upgrade } = admitted;
        let route = &*route;
        let bounds = route.bounds;
        if declared(parts).is_some_and(|length| bounds.body.is_some_and(|limit| length > limit)) {
            return Err(Reason::BodyTooLarge.into());
        }
        let mut now = Instant::now();
        let (until, over) = deadline(bounds.request, permit, report.judge.unwrap_or_default(), now);
        let proven = self.proven(parts, body).await?;
        if proven.waited {
            now = Instant::now();
            report.still_stands(until.filter(|until| *until <= now).map(|_| over))?;
        }
        let span_id = TraceContext::child();
        self.dress(parts, route, report, span_id, upgrade.as_ref());
        let fate = Fate::default();
        let repeatable = proven.first.is_none() && proven.body.is_end_stream() && parts.method.is_idempotent();
        let until_is_callers = is_of_the_token(over);
        let terms = Terms { upgrade: upgrade.is_some(), repeatable, until_is_callers, ..terms(&bounds, until, now) };
        let lasts = !proven.body.is_end_stream();
        let guards = if lasts { (report.attendant(), report.ward(place.clone())) } else { (None, None) };
        // A response ends with its token by itself, in the words of its protocol: an upload that is cut first takes those away.
        let last = until.map(|until| if until_is_callers { until + GRACE } else { until });
        let upload = Upload::new(proven, bounds.body, bounds.between_bytes, last, Fate::clone(&fate), guards);
        // An open route was not judged.
        let began = report.judge.unwrap_or_else(|| self.since(report));
        let sent =
            upstream::deliver(&self.connections, &route.pool, Request::from_parts(taken(parts), upload), &terms).await;
        let took = self.since(report).saturating_sub(began);
        let origin = Origin { after: began, at: now };
        match sent {
            Ok(delivered) => {
                let status = delivered.response.status();
                report.lease = Some(delivered.lease);
                report.earlier = Tried::earlier(&delivered.failed, origin);
                // What failed before took its time too.
                let lost =
                    report.earlier.last().map_or(Duration::ZERO, |last| (last.after + last.took).saturating_sub(began));
                let (after, took) = (began + lost, took.saturating_sub(lost));
                let (endpoint, status) = (delivered.endpoint, Some(status.as_u16()));
                report.tried = Some(Tried { span_id, endpoint, after, took, status, failure: None, why: None });
                Ok(Passage { response: self.undress(delivered.response, route), bounds, until, over, upgrade })
            }
            Err(failure) => {
                report.earlier = Tried::earlier(&failure.earlier, origin);
                report.tried = Some(Tried::last(&failure, span_id, origin));
                let unexplained = failure.kind == FailureKind::Request && fate.get().is_none();
                let late = (unexplained || failure.kind.class() == Class::Timeout)
                    && until.is_some_and(|until| Instant::now() >= until);
                Err(if late { over } else { self.cause(&fate, failure.kind) }.into())
            }
        }
    }

    fn since(&self, report: &Report) -> Duration {
        self.shared.state.clock.steady().saturating_sub(report.moment.steady)
    }

    /// A chunked body is not begun upstream before its first chunk has proven to be well framed.
    async fn proven(&self, parts: &Parts, mut body: Incoming) -> Result<Proven, Refusal> {
        if parts.version == Version::HTTP_2 || body.is_end_stream() || body.size_hint().exact().is_some() {
            return Ok(Proven { body, first: None, waited: false });
        }
        let first = match Box::pin(body.frame()).await {
            Some(Err(_)) => return Err(self.fault().unwrap_or(Reason::MalformedRequest).into()),
            Some(Ok(frame)) => frame.into_data().ok(),
            None => None,
        };
        Ok(Proven { body, first, waited: true })
    }

    fn fault(&self) -> Option<Reason> {
        self.framing.fault().map(|fault| fault.reason.into())
    }

    /// Makes the client's request the gateway's own.
    fn dress(&self, parts: &mut Parts, route: &Route, report: &Report, span_id: u64, upgrade: Option<&Upgrade>) {
        self.hop.announce(parts, report.plan.trusts(self.info.peer.ip()), &report.plan.stationery.name);
        report.trace.forward(span_id, &mut parts.headers);
        route.request_fields.apply(&mut parts.headers);
        if let Some(upgrade) = upgrade {
            upgrade.ask(parts);
        }
        parts.version = Version::HTTP_11;
    }

    fn undress(&self, mut response: Response<Incoming>, route: &Route) -> Response<Incoming> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            headers::strip_hop_by_hop_response(response.headers_mut());
        }
        route.response_fields.apply(response.headers_mut());
        response
    }

    /// What failed: the body on its way up, or the upstream.
    fn cause(&self, fate: &Fate, failure: FailureKind) -> Reason {
        match fate.get() {
            Some(Reason::MalformedRequest) => self.fault().unwrap_or(Reason::MalformedRequest),
            Some(reason) => reason,
            None => match failure.class() {
                Class::Unreachable => Reason::UpstreamUnreachable,
                Class::Timeout => Reason::UpstreamTimeout,
                Class::Protocol => Reason::UpstreamProtocolError,
            },
        }
    }
}

/// A body whose beginning was looked at.
pub(super) struct Proven {
    /// The rest.
    pub body: Incoming,
    /// What was looked at.
    pub first: Option<Bytes>,
    /// Whether its client may have let us wait for it.
    pub waited: bool,
}

impl Upgrade {
    /// Writes the wish for a WebSocket as HTTP/1.1 does (RFC 6455 §4.1).
    fn ask(&self, parts: &mut Parts) {
        parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if self.extended {
            parts.method = Method::GET;
            parts.headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            let nonce = [TraceContext::child(), TraceContext::child()].map(u64::to_be_bytes).concat();
            if let Ok(key) = HeaderValue::try_from(STANDARD.encode(nonce)) {
                parts.headers.insert(SEC_WEBSOCKET_KEY, key);
            }
        }
    }
}

fn declared(parts: &Parts) -> Option<u64> {
    parts.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// When the exchange must end, and what its end means. A permit lasts from the moment that was judged, which is `ago` by
/// now: others may have been waited for.
fn deadline(
    request: Option<Duration>,
    permit: Option<Permit>,
    ago: Duration,
    now: Instant,
) -> (Option<Instant>, Reason) {
    let lasts = permit.and_then(|permit| permit.lasts());
    let curfew = lasts.map(|(curfew, _)| (curfew + LAST_WORDS).saturating_sub(ago));
    let (span, over) = match (request, curfew) {
        (Some(request), Some(curfew)) if request < curfew => (Some(request), Reason::UpstreamTimeout),
        (Some(request), None) => (Some(request), Reason::UpstreamTimeout),
        (_, curfew) => (curfew, lasts.map_or(Reason::StreamExpired, |(_, over)| over)),
    };
    (span.map(|span| now + span.min(LONGEST)), over)
}

/// What was admitted in the last moment of its token still gets its answer; a stream ends well within the second.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(500);

/// No stream outlives a year, whatever its token says: timers end somewhere.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn terms(bounds: &Bounds, until: Option<Instant>, now: Instant) -> Terms {
    Terms {
        now,
        connect: bounds.connect,
        first_byte: bounds.first_byte,
        until,
        retries: bounds.retries,
        until_is_callers: false,
        upgrade: false,
        repeatable: false,
    }
}

impl Passage {
    /// The status that the client sees.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let status = self.response.status();
        let extended = self.upgrade.as_ref().is_some_and(|upgrade| upgrade.extended);
        if extended && status == StatusCode::SWITCHING_PROTOCOLS { StatusCode::OK } else { status }
    }

    /// The response, whose end will be told.
    #[must_use]
    pub fn response(self, mut report: Box<Report>, place: Place) -> Response<Download> {
        let (status, exposure) = (self.status(), report.plan.stationery.exposure);
        report.status = status;
        let Self { mut response, bounds, until, over, upgrade } = self;
        report.renew_nonce(response.headers_mut());
        report.tell_trace(response.headers_mut());
        report.tell_session(response.headers_mut());
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(upgrade) = upgrade else {
                // Nobody asked the upstream to switch.
                report.tried.iter_mut().for_each(|tried| tried.failure = Some(FailureKind::Protocol));
                return refuse(&Reason::UpstreamProtocolError.into(), report);
            };
            let upstream = hyper::upgrade::on(&mut response);
            let terms = tunnel::Terms { until, over, silence: bounds.between_bytes, exposure };
            (report.kind, report.is_answered) = (Kind::WebSocket, true);
            let beside = place.beside(report);
            until.into_iter().for_each(|until| beside.bound(until, over));
            tokio::task::spawn_local(tunnel::run(upgrade.client, upstream, terms, beside));
            *response.status_mut() = status;
            if upgrade.extended {
                headers::strip_hop_by_hop_response(response.headers_mut());
                response.headers_mut().remove(SEC_WEBSOCKET_ACCEPT);
            }
            return response.map(|_| Download::Own(None));
        }
        let between = bounds.between_bytes;
        report.kind = Kind::of(response.headers());
        let grpc = report.seen.version() == Version::HTTP_2 && report.kind == Kind::Grpc;
        let grpc = grpc.then_some(exposure);
        response.map(|body| Download::stream(body, between, until, over, End { at_end: report, place, grpc }))
    }
}
