//! What is kept of one request until its end, and then told to telemetry. Kept are cheap clones: nothing is
//! made into text before somebody looks.

use super::attempts::{self, Tried};
use super::body::{AtEnd, Judged};
use super::doors::Door;
use super::fallen::Fallen;
use super::gate::Shared;
use super::hearing::Heard;
use super::live::{self, Connection};
use super::plan::{Plan, Route};
use super::seen::Seen;
use super::standing;
use super::suspended::Ends;
use crate::decide::checks::revocation;
use crate::decide::claims::Claims;
use crate::decide::evidence::Scheme;
use crate::decide::id::SourceName;
use crate::decide::limits::Limits;
use crate::decide::outlook::Outlook;
use crate::decide::reason::Reason;
use crate::decide::revocation::{Entries, Entry, Freshness};
use crate::decide::session;
use crate::decide::time::Moment;
use crate::decide::verdict::Verdict;
use crate::state::fingerprint::Kind;
use crate::state::verified::Verified;
use crate::telemetry::{Delivery, Exchange, Feed, InFlight, Revoked, Shadowed, TraceContext, Untrusted};
use crate::token::gather::Gathered;
use crate::token::issuers::Issuer;
use crate::token::untrusted::Untrusted as Unproven;
use crate::upstream::Lease;
use http::header::{CACHE_CONTROL, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::cell::Cell;
use std::rc::Weak;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// The field that a nonce goes in (RFC 9449 §8.1).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// All that is kept of one request.
pub struct Report {
    /// Who is told, and who knows the names of sources.
    pub shared: Arc<Shared>,
    /// The plan it was decided by.
    pub plan: Arc<Plan>,
    /// Its place in the trace.
    pub trace: TraceContext,
    /// The request.
    pub seen: Seen,
    /// When it came.
    pub moment: Moment,
    /// The route it took.
    pub route: Option<Arc<Route>>,
    /// The door it came to, where it was meant for the gateway itself.
    pub door: Option<Arc<Door>>,
    /// How long gathering and judging took.
    pub judge: Option<Duration>,
    /// Whether others may have seen its session in a silence that this instance saw.
    pub resumes: bool,
    /// What others say of its session, once its stream was left alone.
    pub heard: Heard,
    /// When it must have ended, if it was admitted for so long and no longer.
    pub ends: Option<Ends>,
    /// The judgement, where somebody will look at it.
    pub verdict: Option<Box<Verdict>>,
    /// What the route's shadow policy said, where it would have refused.
    pub shadow: Option<Box<Verdict>>,
    /// What was known of its session.
    pub session: session::Knowledge,
    /// The limits that held, where rules of the policy were for this request.
    pub limits: Option<Limits>,
    /// The evidence by which it was judged.
    pub gathered: Option<Gathered>,
    /// What an unverified token claims.
    pub unproven: Option<Box<Unproven>>,
    /// How fresh the knowledge of revocations was.
    pub freshness: Freshness,
    /// How often revocations had been written when it was asked whether the token is revoked.
    pub changes: u64,
    /// As what the token was presented.
    pub scheme: Scheme,
    /// Is the answer to come with a new nonce?
    pub renews_nonce: bool,
    /// When its session will end, where that is told.
    pub outlook: Option<Outlook>,
    /// Attempts to deliver that failed before the last one.
    pub earlier: Vec<Tried>,
    /// The delivery, where it came to one: its last attempt.
    pub tried: Option<Tried>,
    /// Counts at its endpoint as long as this lives.
    pub lease: Option<Lease>,
    /// The status of the answer.
    pub status: StatusCode,
    /// Why it was refused, or why it failed.
    pub reason: Option<Reason>,
    /// What it is, where it lasts.
    pub kind: live::Kind,
    /// Counts as a request that is being worked on as long as this lives.
    pub in_flight: InFlight,
    /// Its place among those that may be under way at once.
    pub slot: Option<OwnedSemaphorePermit>,
    /// Did the answer of an upstream begin to go to the client?
    pub is_answered: bool,
    /// Was all of it told?
    pub(super) is_told: Cell<bool>,
    /// Where it is left if it falls.
    pub(super) fallen: Weak<Fallen>,
}

impl Report {
    /// Of a request that just came.
    pub(super) fn new(
        (shared, plan): (&Arc<Shared>, &Arc<Plan>),
        trace: TraceContext,
        seen: Seen,
        moment: Moment,
        fallen: Weak<Fallen>,
    ) -> Box<Self> {
        Box::new(Self {
            shared: Arc::clone(shared),
            plan: Arc::clone(plan),
            trace,
            seen,
            moment,
            route: None,
            door: None,
            judge: None,
            verdict: None,
            shadow: None,
            session: session::Knowledge::Unasked,
            limits: None,
            gathered: None,
            unproven: None,
            freshness: Freshness::Unfed,
            changes: 0,
            scheme: Scheme::Bearer,
            renews_nonce: false,
            resumes: false,
            heard: Heard::default(),
            ends: None,
            earlier: Vec::new(),
            outlook: None,
            tried: None,
            lease: None,
            status: StatusCode::OK,
            reason: None,
            kind: live::Kind::default(),
            in_flight: shared.telemetry.enter(),
            slot: None,
            is_answered: false,
            is_told: Cell::new(false),
            fallen,
        })
    }

    /// The token, if it was verified.
    #[must_use]
    pub fn verified(&self) -> Option<&Arc<Verified>> {
        self.gathered.as_ref()?.verified()
    }

    /// Its issuer.
    pub(super) fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.gathered.as_ref().filter(|gathered| gathered.verified().is_some())?.issuer()
    }

    /// The judgement of a request that was admitted and failed later: the same evidence gives the same verdict.
    fn judged_anew(&self) -> Option<Verdict> {
        let policy = self.route.as_ref()?.policy.as_ref()?;
        Some(policy.judge(&self.gathered.as_ref()?.evidence()))
    }

    /// The claims of a verified token.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        self.verified().and_then(|verified| verified.token.claims.as_ref().ok())
    }

    /// Gives the client a new nonce, where it needs one (RFC 9449 §8.2, §9). It is in place of one of the upstream's,
    /// which could not be ours; and an answer that carries one is for this client alone.
    pub fn renew_nonce(&self, headers: &mut HeaderMap) {
        if !self.renews_nonce {
            return;
        }
        let nonce = self.shared.state.nonces.make(self.moment.wall);
        if let Some(value) = nonce.ok().and_then(|nonce| HeaderValue::try_from(nonce).ok()) {
            headers.insert(DPOP_NONCE, value);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }

    /// Tells it.
    pub fn tell(&self) {
        let total = self.shared.state.clock.steady().saturating_sub(self.moment.steady);
        let (route, last) = (self.route.as_deref(), self.tried.as_ref());
        attempts::with_delivery(route, &self.earlier, last, total, |delivery| self.tell_with(total, delivery));
        self.is_told.set(true);
    }

    fn tell_with(&self, total: Duration, delivery: Option<Delivery<'_>>) {
        let told = self.reason.is_some() || self.is_seen();
        let anew = if told && self.verdict.is_none() { self.judged_anew() } else { None };
        let feed = told.then(|| self.feed()).flatten();
        let hit = self.reason.filter(|reason| reason.is_revocation()).and_then(|_| self.hit());
        let entry = hit.as_ref().map(|(_, entry)| entry);
        self.audit_refusal();
        self.shared.telemetry.record(&Exchange {
            trace: self.trace,
            moment: self.moment,
            total,
            judge: self.judge,
            request: self.seen.asked(),
            route: self.route.as_ref().map(|route| &route.meter).or(self.door.as_ref().map(|door| &door.meter)),
            revision: &self.plan.revision,
            status: self.status.as_u16(),
            reason: self.reason,
            verdict: self.verdict.as_deref().or(anew.as_ref()),
            shadow: self.shadowed(),
            session: self.session,
            token: self.verified().map(|verified| &verified.token),
            issuer: self.issuer().map(|issuer| issuer.rules.name.as_str()),
            keys_of: self.keys_of(),
            untrusted: self.unproven.as_ref().map(|unproven| self.untrusted(unproven)),
            revocation: feed
                .as_ref()
                .map(|(source, age)| Feed::of(source.as_str(), *age).hit_by(entry, self.moment.wall)),
            revoked: hit.as_ref().map(|(source, entry)| Revoked::by(source.as_str(), entry)),
            sight: self.sight(),
            skew_ms: self.reason.or(self.shadow.as_ref().and_then(|shadow| shadow.reason())).and_then(|_| self.skew()),
            delivery,
        });
    }

    fn shadowed(&self) -> Option<Shadowed<'_>> {
        let verdict = self.shadow.as_deref()?;
        Some(Shadowed { meter: &self.route.as_ref()?.shadow.as_ref()?.meter, verdict })
    }

    /// Which of our issuers' keys are missing. The token says so itself, but its word chooses among configured names only.
    fn keys_of(&self) -> Option<&str> {
        let unproven = self.unproven.as_ref().filter(|_| self.reason == Some(Reason::KeyUnavailable))?;
        let (_, issuer) = self.plan.issuers.find(unproven.issuer.as_deref()?)?;
        Some(issuer.rules.name.as_str())
    }

    fn untrusted<'a>(&self, unproven: &'a Unproven) -> Untrusted<'a> {
        let iss = unproven.issuer.as_deref().unwrap_or_default();
        let hash = |kind, text: &str| self.shared.state.fingerprints.of(kind, iss, text.as_bytes());
        Untrusted {
            issuer: unproven.issuer.as_deref(),
            subject: unproven.subject.as_deref().map(|sub| hash(Kind::Subject, sub)),
            token_id: unproven.token_id.as_deref().map(|jti| hash(Kind::Token, jti)),
            expires: unproven.expires,
            issued: unproven.issued,
            key: unproven.kid.as_deref(),
            algorithm: unproven.algorithm,
        }
    }

    /// Is it looked at by anybody, although it was admitted?
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.shadow.is_some()
            || self.trace.sampled
            || self.plan.keep_admitted
            || self.shared.telemetry.records().wants(&self.trace)
    }

    /// The entry by which the token is revoked, and its source.
    fn hit(&self) -> Option<(SourceName, Entry)> {
        let entry = revocation::decisive(&self.entries()?, self.claims()?)?;
        Some((self.shared.state.revocations.source_name(entry.source)?, entry))
    }

    fn entries(&self) -> Option<Entries> {
        let (verified, issuer) = (self.verified()?, self.issuer()?);
        Some(self.shared.state.revocations.look_up(&issuer.rules.name, &verified.token.handles))
    }

    fn skew(&self) -> Option<i64> {
        self.issuer().and_then(|issuer| issuer.keys.standing(self.moment).skew_ms)
    }

    fn feed(&self) -> Option<(SourceName, Option<Duration>)> {
        let (source, age) = match self.freshness {
            Freshness::Unfed => return None,
            Freshness::Heard { age, source, .. } => (source, Some(age)),
            Freshness::Never { source } | Freshness::Cold { source, .. } => (source, None),
        };
        Some((self.shared.state.revocations.source_name(source)?, age))
    }
}

/// It is told when the response's body ends.
impl AtEnd for Report {
    fn begins(&mut self) {
        self.is_answered = true;
    }

    fn end(mut self: Box<Self>, cut: Option<Reason>) {
        if let (Some(cut), Some(tried)) = (cut, &mut self.tried) {
            tried.broken(cut);
        }
        self.reason = self.reason.or(cut);
        self.tell_ended(cut);
        self.tell();
    }

    fn judged(&self) -> Option<Judged<'_>> {
        self.verified().map(|_| Judged::by(&self.shared, self.changes))
    }

    fn revoked(&self) -> Option<Reason> {
        let (issuer, verified) = (self.issuer()?, self.verified()?);
        standing::revoked(&self.shared.state, issuer, verified, self.route.as_deref())
    }

    fn overdue(&self) -> Option<Reason> {
        self.ends?.over(&*self.shared.state.clock)
    }

    fn is_attended(&self) -> bool {
        Self::is_attended(self)
    }

    fn steady(&self) -> Duration {
        self.shared.state.clock.steady()
    }

    fn moved(&self, at: Duration) {
        self.tell_moved(at);
    }

    fn left_alone(&self) -> Option<Reason> {
        Self::left_alone(self)
    }

    fn listed(&self, bound: Option<(Duration, Reason)>) -> Option<Connection> {
        Self::listed(self, bound)
    }
}
