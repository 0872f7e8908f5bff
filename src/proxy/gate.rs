//! THE LINE: the life of one request, in the order it lives it.

use super::answer::{Again, Particulars, Schemes};
use super::body::{Download, Upload};
use super::connection::ConnectionInfo;
use super::cut::is_of_the_token;
use super::entry::{self, Refusal};
use super::fallen::Fallen;
use super::framing::{FramingHandle, FramingReason};
use super::grpc;
use super::live::{Kind, Live};
use super::passage::{Admitted, Upgrade};
use super::plan::{Plan, Route};
use super::report::Report;
use super::seen::Seen;
use super::streams::Place;
use super::suspended::Ends;
use crate::decide::evidence::Scheme;
use crate::decide::reason::Reason;
use crate::decide::time::Moment;
use crate::decide::verdict::{Outcome, Permit};
use crate::state::State;
use crate::telemetry::{Telemetry, describe};
use crate::token::gather::gather;
use crate::token::target::Target;
use crate::upstream::Connections;
use crate::upstream::headers::Hop;
use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// What all workers share.
pub struct Shared {
    /// The plan; swapped whole.
    pub plan: ArcSwap<Plan>,
    /// What outlives a request.
    pub state: Arc<State>,
    /// Who is told.
    pub telemetry: Arc<Telemetry>,
    /// Where is asked which connections are live.
    pub live: Arc<Live>,
}

/// The gate of one connection.
pub struct Gate {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// The worker's own connections to upstreams.
    pub connections: Rc<Connections<Upload>>,
    /// The connection.
    pub info: Rc<ConnectionInfo>,
    /// What its framing guard knows.
    pub framing: FramingHandle,
    /// What upstreams are told of this hop.
    pub hop: Hop,
    /// What is left of a request that panicked.
    pub fallen: Rc<Fallen>,
}

impl Gate {
    /// Answers a request, the one of this number on its connection: whatever happens, there is an answer, and it is told.
    /// It has its slot until its response has ended.
    pub fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
        id: u64,
        slot: OwnedSemaphorePermit,
    ) -> impl Future<Output = Response<Download>> {
        // Taken apart before the future is made, and lent to what it does: it would else hold them several times over.
        let (mut parts, body) = request.into_parts();
        async move {
            let whatever_happens = AssertUnwindSafe(self.walk(&mut parts, body, id, slot)).catch_unwind();
            whatever_happens.await.unwrap_or_else(|_| self.broken(&parts))
        }
    }

    async fn walk(&self, parts: &mut Parts, body: Incoming, id: u64, slot: OwnedSemaphorePermit) -> Response<Download> {
        let moment = self.shared.state.clock.now(); // the only reading of the clock by which anything is decided
        let plan = self.shared.plan.load_full(); // one plan from beginning to end
        let mut report = self.report(&plan, parts, moment);
        report.slot = Some(slot);
        if let Some((door, asked)) = plan.session_door.as_ref().and_then(|door| Some((door, door.find(parts)?))) {
            return Box::pin(self.ask(door, asked, parts, report)).await;
        }
        if let Some(door) = plan.doors.find(parts, self.info.tls.is_some()) {
            return Box::pin(self.hear(door, taken(parts), body, report)).await;
        }
        let admitted = match self.enter(parts, &plan, &mut report).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                report.seen = self.seen(parts);
                return refuse(&refusal, report);
            }
        };
        // Should its upstream fail, this is what is told of it: the fields go with the request.
        report.seen = self.seen(parts);
        if grpc::is_call(parts) {
            report.kind = Kind::Grpc;
        }
        let place = Place::new(Rc::clone(&self.info.streams), id);
        match self.deliver(parts, body, admitted, (&mut report, &place)).await {
            Ok(passage) => passage.response(report, place),
            Err(refusal) => {
                report.tell_ended(Some(refusal.reason).filter(|reason| is_of_the_token(*reason)));
                refuse(&refusal, report)
            }
        }
    }

    pub(super) fn seen(&self, parts: &Parts) -> Seen {
        let seen = Seen::of(parts, self.info.tls.is_some(), self.info.peer, None);
        seen.instead(self.framing.glimpse(&parts.headers))
    }

    /// Answers a request that does not even come to the line.
    pub fn decline(&self, request: Request<Incoming>, reason: Reason) -> Response<Download> {
        let (parts, _) = request.into_parts();
        let mut report = self.report(&self.shared.plan.load_full(), &parts, self.shared.state.clock.now());
        report.seen = self.seen(&parts);
        refuse(&reason.into(), report)
    }

    /// Everything that is asked before a request may go on.
    async fn enter(&self, parts: &mut Parts, plan: &Plan, report: &mut Report) -> Result<Admitted, Refusal> {
        self.framed(parts)?;
        let route = entry::find(parts, plan, self.info.tls.is_some(), |host| self.info.covers(host))?;
        report.route = Some(Arc::clone(&route));
        let upgrade = Upgrade::take(parts, &route)?;
        let proven = entry::clean(parts, plan, self.info.peer.ip())?;
        let permit = self.judge(parts, proven, plan, &route, report).await?;
        if let (Some(_), Some(verified)) = (&permit, report.verified()) {
            // One growth of the table instead of two: what the gateway adds is about as much as what came.
            parts.headers.reserve(ADDED);
            route.identity.stamp(&mut parts.headers, verified);
        }
        Ok(Admitted { route, permit, upgrade })
    }

    /// What the framing guard found is answered here, where answers are written.
    pub(super) fn framed(&self, parts: &Parts) -> Result<(), Reason> {
        match self.framing.fault() {
            Some(fault) if self.framing.is_synthetic(&parts.headers) => Err(fault.reason.into()),
            _ => Ok(()),
        }
    }

    /// Gathers and judges. On an open route there is nothing to judge.
    pub(super) async fn judge(
        &self,
        parts: &mut Parts,
        proven: bool,
        plan: &Plan,
        route: &Route,
        report: &mut Report,
    ) -> Result<Option<Permit>, Refusal> {
        let Some(policy) = &route.policy else { return Ok(None) };
        let mut presented = route.locations.take(&mut parts.headers, parts.uri.query(), proven);
        presented.certificate = self.info.tls.as_ref().and_then(|tls| tls.client_certificate);
        presented.peer = Some(self.info.peer.ip());
        report.scheme = presented.scheme;
        let state = &self.shared.state;
        report.changes = state.revocations.changes(); // before it is asked what is revoked
        let mut gathered = gather(&presented, &plan.issuers, plan.token_bytes, state, report.moment);
        // A key that was just rotated in is worth one bounded wait; everybody waits for the same fetch.
        if let Some((issuer, kid)) = gathered.refetch.take()
            && Box::pin(issuer.keys.refetch(kid.as_deref(), report.moment)).await
        {
            gathered = gather(&presented, &plan.issuers, plan.token_bytes, state, report.moment);
        }
        if presented.scheme == Scheme::Dpop {
            let trusted = plan.trusts(self.info.peer.ip());
            let target = Target::of(parts, self.info.tls.is_some(), trusted);
            gathered.prove(&presented, &target, policy.binding.nonce.is_some(), state);
        }
        // An activity is one for all routes: where others may know of an earlier silence, they are asked before it counts.
        if let Some(terms) = plan.sessions.as_ref().filter(|_| route.asks_of_sessions() || plan.sharing.is_some()) {
            gathered.attend(state, terms);
        }
        let mut verdict = policy.judge(&gathered.evidence());
        if let Some(desk) = self.doubted(&gathered, &verdict, policy, route) {
            verdict = Box::pin(self.hear_of(desk, &mut gathered, policy, report)).await;
        }
        if policy.active.as_ref().is_some_and(|asked| asked.is_due(&gathered.evidence(), &verdict)) {
            let changes = state.revocations.changes();
            if Box::pin(gathered.introspect(&presented, state)).await {
                report.changes = changes;
            }
            verdict = policy.judge(&gathered.evidence());
        }
        // A proof is used up by a request that is otherwise admitted, and by no other.
        if verdict.reason().is_none() && gathered.spend(plan.proof_age, state) {
            verdict = policy.judge(&gathered.evidence());
        }
        report.renews_nonce = policy.binding.renews(&gathered.evidence(), verdict.reason());
        report.judge = Some(state.clock.steady().saturating_sub(report.moment.steady));
        report.freshness = gathered.evidence().revocation.freshness;
        report.session = gathered.evidence().session;
        let outcome = verdict.outcome;
        report.limits = verdict.limits;
        if let (Some(shadow), None) = (&route.shadow, verdict.reason()) {
            report.shadow = shadow.judge(&gathered);
        }
        report.outlook =
            route.telling.map(|telling| telling.outlook(&verdict, policy, (route.activity, &report.session)));
        // It is large. Should an admitted request fail later, it is judged anew on the same evidence: the same comes of it.
        if verdict.reason().is_some() || report.is_seen() {
            report.verdict = Some(Box::new(verdict));
        }
        report.unproven = gathered.untrusted.take();
        report.gathered = Some(gathered);
        report.remember(route, outcome);
        match outcome {
            Outcome::Admit(permit) => {
                report.ends = Ends::of(&permit, report.moment);
                Ok(Some(permit))
            }
            Outcome::Refuse(reason) => Err(reason.into()),
        }
    }

    fn report(&self, plan: &Arc<Plan>, parts: &Parts, moment: Moment) -> Box<Report> {
        let trace = self.shared.telemetry.begin(&parts.headers, plan.trust_inbound_trace);
        let seen = Seen::briefly(parts, self.info.tls.is_some(), self.info.peer);
        Report::new((&self.shared, plan), trace, seen, moment, Rc::downgrade(&self.fallen))
    }
}

/// What is left of a request whose parts were lent, when they are needed as a whole.
pub(super) fn taken(parts: &mut Parts) -> Parts {
    std::mem::replace(parts, Request::new(()).into_parts().0)
}

/// How many fields the gateway adds to a request.
const ADDED: usize = 12;

/// Writes the refusal and tells it.
pub fn refuse(refusal: &Refusal, mut report: Box<Report>) -> Response<Download> {
    let (reason, plan) = (refusal.reason, Arc::clone(&report.plan));
    report.reason = Some(reason);
    report.status = reason.status();
    let trace_id = report.trace.trace_hex();
    let policy = report.route.as_ref().and_then(|route| route.policy.as_ref());
    let scope = policy.and_then(|policy| policy.scope.as_ref());
    let allow: Vec<&Method> = refusal.allow.iter().collect();
    let full = plan.stationery.exposure == super::answer::Exposure::Full;
    let shown = report.verdict.as_deref().filter(|_| full);
    let failure = report.tried.as_ref().and_then(|tried| Some((tried, tried.blamed(reason)?)));
    let cause = failure.filter(|_| full).map(|(tried, failure)| tried.told(failure));
    let about = Particulars {
        trace_id: Some(trace_id.as_str()),
        scopes: scope.map(|scope| &*scope.all).unwrap_or_default(),
        schemes: Schemes::of(policy.map(|policy| &policy.binding), report.scheme, reason),
        allow: &allow,
        lot: report.lot(),
        again: Again::of(policy.map(|policy| &**policy), report.verdict.as_deref()),
        trail: shown.and_then(|verdict| serde_json::to_value(describe::Trail::of(verdict)).ok()),
        detail: cause.or_else(|| shown.and_then(describe::decisive)),
        failure: failure.map(|(_, failure)| failure),
    };
    let mut response = plan.stationery.refuse(reason, &about).map(Download::from);
    if report.kind == Kind::Grpc && is_of_the_token(reason) {
        grpc::only_trailers(&mut response, reason, plan.stationery.exposure);
        report.status = response.status();
    }
    report.renew_nonce(response.headers_mut());
    report.tell_trace(response.headers_mut());
    report.tell();
    response
}

impl From<FramingReason> for Reason {
    fn from(reason: FramingReason) -> Self {
        match reason {
            FramingReason::FramingAmbiguous => Self::FramingAmbiguous,
            FramingReason::MalformedRequest | FramingReason::VersionNotSupported => Self::MalformedRequest,
            FramingReason::HostMismatch => Self::HostMismatch,
            FramingReason::UriTooLong => Self::UriTooLong,
            FramingReason::HeadersTooLarge => Self::HeadersTooLarge,
            FramingReason::UnknownTransferCoding => Self::TransferCodingUnknown,
            FramingReason::RequestTimeout => Self::RequestTimeout,
        }
    }
}
