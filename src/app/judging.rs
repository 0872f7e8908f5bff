//! The same judgement without a connection: a request that nobody has made is judged as the line would, and told.

use crate::decide::checks::revocation;
use crate::decide::reason::Reason;
use crate::decide::time::{Moment, Timestamp};
use crate::decide::verdict::Verdict;
use crate::proxy::entry;
use crate::proxy::plan::{Plan, Route};
use crate::state::State;
use crate::telemetry::describe::Trail;
use crate::token::gather::{Gathered, gather};
use crate::token::target::Target;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What became of a request.
struct Explained {
    moment: Moment,
    route: Option<Arc<Route>>,
    verdict: Option<Verdict>,
    gathered: Option<Gathered>,
    reason: Option<Reason>,
}

/// What is told of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// `allow` or `deny`.
    pub decision: String,
    /// Why it would be refused.
    pub reason: Option<String>,
    /// With which status.
    pub status: Option<u16>,
    /// The instant it was judged at, RFC 3339.
    pub at: String,
    /// The revision of the config.
    pub revision: String,
    /// The route, if one was found.
    pub route: Option<String>,
    /// Its path in the config.
    pub template: Option<String>,
    /// Its policy; of an open route there is none.
    pub policy: Option<String>,
    /// Which source revoked the token, and when that was learned.
    pub revoked_by: Option<RevokedBy>,
    /// Every question; none where it was refused before, or the route is open.
    pub trail: Option<Trail>,
    /// What the client is told of the reason.
    pub told: Option<String>,
    /// What the operator can do.
    pub cure: Option<String>,
    /// What was not known, and so decided about as the policies say.
    pub missing: Vec<String>,
}

/// Which source, and when.
#[derive(Debug, Serialize, Deserialize)]
pub struct RevokedBy {
    /// Its name.
    pub source: String,
    /// RFC 3339.
    pub learned: String,
}

/// Decides about a request as the gateway would at an instant, from an address; no instant is now. Nothing is counted,
/// used up or written: no activity, no proof, no record.
pub fn explain(
    plan: &Plan,
    state: &State,
    parts: Parts,
    (at, peer): (Option<Timestamp>, Option<IpAddr>),
    missing: Vec<String>,
) -> Told {
    told(plan, state, &judge(plan, state, parts, at, peer), missing)
}

fn judge(plan: &Plan, state: &State, mut parts: Parts, at: Option<Timestamp>, peer: Option<IpAddr>) -> Explained {
    let now = state.clock.now();
    let moment = Moment { wall: at.unwrap_or(now.wall), steady: now.steady };
    let mut explained = Explained { moment, route: None, verdict: None, gathered: None, reason: None };
    let entered = entry::find(&mut parts, plan, true, |_| true).and_then(|route| {
        entry::clean(&mut parts, plan, IpAddr::V4(Ipv4Addr::LOCALHOST))
            .map(|proven| (route, proven))
            .map_err(Into::into)
    });
    let (route, proven) = match entered {
        Ok(entered) => entered,
        Err(refusal) => return Explained { reason: Some(refusal.reason), ..explained },
    };
    if let Some(policy) = &route.policy {
        let mut presented = route.locations.take(&mut parts.headers, parts.uri.query(), proven);
        presented.peer = peer;
        let mut gathered = gather(&presented, &plan.issuers, plan.token_bytes, state, moment);
        // Explaining uses no proof up: one that was never used is told to be good.
        gathered.prove(&presented, &Target::of(&parts, true, false), policy.binding.nonce.is_some(), state);
        if let Some(terms) = &plan.sessions {
            gathered.attend(state, terms);
        }
        gathered.offline();
        let verdict = policy.judge(&gathered.evidence());
        explained.reason = verdict.reason();
        explained.verdict = Some(verdict);
        explained.gathered = Some(gathered);
    }
    explained.route = Some(route);
    explained
}

fn told(plan: &Plan, state: &State, explained: &Explained, missing: Vec<String>) -> Told {
    let route = explained.route.as_ref();
    Told {
        decision: if explained.reason.is_some() { "deny" } else { "allow" }.into(),
        reason: explained.reason.map(|reason| reason.code().into()),
        status: explained.reason.map(|reason| reason.status().as_u16()),
        at: explained.moment.wall.to_string(),
        revision: plan.revision.to_string(),
        route: route.map(|route| route.meter.name.to_string()),
        template: route.map(|route| route.meter.template.to_string()),
        policy: route.filter(|route| route.policy.is_some()).map(|route| route.meter.policy.to_string()),
        revoked_by: revoked_by(state, explained),
        trail: explained.verdict.as_ref().map(Trail::of),
        told: explained.reason.map(|reason| reason.told().into()),
        cure: explained.reason.map(|reason| reason.cure().into()),
        missing,
    }
}

fn revoked_by(state: &State, explained: &Explained) -> Option<RevokedBy> {
    let evidence = explained.gathered.as_ref()?.evidence();
    let entry = revocation::decisive(&evidence.revocation.entries, evidence.claims()?)?;
    let source = state.revocations.source_name(entry.source)?;
    Some(RevokedBy { source: source.as_str().into(), learned: entry.learned.to_string() })
}
