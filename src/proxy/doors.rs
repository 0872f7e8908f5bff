//! Requests that are meant for the gateway itself: events that a provider sends to a path of ours. Read here, bounded
//! in size and time; who takes them in, and what they mean, is known to another room.

use super::authority;
use super::body::Download;
use super::entry::Refusal;
use super::gate::{Gate, refuse};
use super::report::Report;
use crate::decide::reason::Reason;
use crate::telemetry::RouteMeter;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long an event may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer that comes from another runtime.
pub type Answered = Pin<Box<dyn Future<Output = Response<Bytes>>>>;

/// Who takes events in.
pub trait Reception: Send + Sync {
    /// Whether this peer may send one more now.
    fn admits(&self, source: &str, peer: IpAddr) -> bool;

    /// Takes in an event. Work must not be done in the future itself, which runs on the line.
    fn receive(&self, source: &str, endpoint: usize, request: Request<Bytes>, peer: IpAddr) -> Answered;
}

/// One path of ours.
pub struct Door {
    /// The source that is told.
    pub source: Box<str>,
    /// Which of its paths this is.
    pub endpoint: usize,
    /// On which hosts; empty for all.
    pub hosts: Box<[Box<str>]>,
    /// How long an event may be.
    pub max_bytes: usize,
    /// Its counters.
    pub meter: RouteMeter,
}

/// All paths of ours.
#[derive(Default)]
pub struct Doors {
    by_path: HashMap<Box<str>, Arc<Door>, foldhash::fast::RandomState>,
    reception: Option<Arc<dyn Reception>>,
}

impl Doors {
    /// These doors lead to this reception.
    pub fn new(reception: Arc<dyn Reception>, doors: impl IntoIterator<Item = (Box<str>, Door)>) -> Self {
        let by_path = doors.into_iter().map(|(path, door)| (path, Arc::new(door))).collect();
        Self { by_path, reception: Some(reception) }
    }

    /// The door that a request asks for, by its path as it came, byte for byte.
    pub(super) fn find(&self, parts: &Parts, secure: bool) -> Option<Arc<Door>> {
        if self.by_path.is_empty() {
            return None;
        }
        let door = self.by_path.get(parts.uri.path())?;
        let here = |host: &str| door.hosts.is_empty() || door.hosts.iter().any(|served| **served == *host);
        // Who does not name one host is refused for that, at the door or on the line.
        authority::host(parts, secure).map_or(true, |host| here(&host)).then(|| Arc::clone(door))
    }
}

impl Gate {
    /// Answers a request at a door.
    pub(super) async fn hear(
        &self,
        door: Arc<Door>,
        parts: Parts,
        body: Incoming,
        mut report: Box<Report>,
    ) -> Response<Download> {
        report.seen = self.seen(&parts);
        report.door = Some(Arc::clone(&door));
        match self.hand_in(&door, parts, body, &report).await {
            Ok(mut response) => {
                report.status = response.status();
                report.reason = match report.status.as_u16() {
                    200..=299 => None,
                    500..=599 => Some(Reason::EventNotKept),
                    _ => Some(Reason::EventRefused),
                };
                report.tell_trace(response.headers_mut());
                report.tell();
                response.map(Download::from)
            }
            Err(refusal) => refuse(&refusal, report),
        }
    }

    async fn hand_in(
        &self,
        door: &Door,
        parts: Parts,
        body: Incoming,
        report: &Report,
    ) -> Result<Response<Bytes>, Refusal> {
        let (secure, peer) = (self.info.tls.is_some(), self.info.peer.ip().to_canonical());
        self.framed(&parts)?;
        if !self.info.covers(&authority::host(&parts, secure)?) {
            return Err(Reason::MisdirectedRequest.into());
        }
        if parts.method != Method::POST {
            return Err(Refusal { reason: Reason::MethodNotAllowed, allow: vec![Method::POST] });
        }
        let reception = report.plan.doors.reception.as_ref().ok_or(Reason::InternalError)?;
        if !reception.admits(&door.source, peer) {
            return Err(Reason::RateLimited.into());
        }
        let body = read(body, door.max_bytes).await?;
        Ok(reception.receive(&door.source, door.endpoint, Request::from_parts(parts, body), peer).await)
    }
}

/// Reads a body whole. One that says that it is too long is not begun.
async fn read(body: Incoming, max: usize) -> Result<Bytes, Reason> {
    if body.size_hint().lower() > max as u64 {
        return Err(Reason::BodyTooLarge);
    }
    match tokio::time::timeout(PATIENCE, Limited::new(body, max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Reason::BodyTooLarge),
        Ok(Err(_)) => Err(Reason::MalformedRequest),
        Err(_) => Err(Reason::RequestTimeout),
    }
}
