//! A decision record laid out for whoever reads a terminal: as instants and as distances, with the trail as `curfew
//! explain` prints it, and with what can be done about it. Whatever is in a record, it moves no cursor.

use crate::decide::time::Timestamp;
use crate::telemetry::Paint;
use crate::telemetry::describe::Words;
use crate::telemetry::records::escape::inert;
use crate::telemetry::records::{Asking, Attended, Bearer, DecisionRecord, Delivered, Entered, Shadowed};
use crate::telemetry::show;
use serde_json::Value;
use std::fmt::{Display, Write as _};

/// One record, whole.
pub(super) fn record(record: &DecisionRecord, now: Timestamp, paint: Paint) -> String {
    let mut out = match (&record.reason, &record.shadow) {
        (Some(code), _) => show::refused(code, paint),
        (None, Some(shadow)) => shadowed(shadow, paint),
        (None, None) => format!("{}\n", paint.good("admitted")),
    };
    let fact = |name: &str, text: &dyn Display| show::fact(name, text, paint);
    let shadow = record.shadow.as_ref().filter(|_| record.reason.is_none());
    let decisive = shadow.map(|shadow| &shadow.trail).or(record.trail.as_ref());
    decisive.iter().for_each(|trail| out += &show::because(trail, paint));
    let at = format!("{} ({})", record.at, ago(now.since(record.instant())));
    out += &fact("at", &at);
    out += &fact("trace", &record.trace_id);
    record.caller_trace_id.iter().for_each(|id| out += &fact("of caller", id));
    record.request_id.iter().for_each(|id| out += &fact("request id", id));
    out += &fact("request", &request(&record.request));
    out += &fact("from", &from(&record.request));
    out += &fact("answer", &format!("{} after {}", record.status, Words(millis(record.total_us))));
    out += &fact("config", &record.revision);
    if let Some(route) = &record.route {
        out += &fact("route", &format!("{route} ({})", record.template.as_deref().unwrap_or_default()));
    }
    record.policy.iter().for_each(|policy| out += &fact("policy", policy));
    record.tenant.iter().for_each(|tenant| out += &fact("tenant", tenant));
    record.issuer.iter().for_each(|issuer| out += &fact("issuer", &format!("{issuer}{}", skew(record.skew_ms))));
    if let Some(token) = &record.token {
        out += &fact("token", &bearer(token));
        ids(token).iter().for_each(|(name, id)| out += &fact(name, &format!("{id} (hashed)")));
    }
    record.session.iter().for_each(|session| out += &fact("session is", &attended(session)));
    if let Some(known) = &record.revocation {
        out += &fact(if known.entry_of.is_some() { "revoked" } else { "feeds" }, &revocation(known));
    }
    record.delivery.iter().for_each(|delivery| out += &fact("upstream", &delivered(delivery)));
    if let Some(trail) = &record.trail {
        out.push('\n');
        show::questions(&mut out, trail, paint);
    }
    if let Some(shadow) = &record.shadow {
        let _ = writeln!(out, "\n{} {}", paint.strong("the shadow policy"), inert(&shadow.policy));
        show::questions(&mut out, &shadow.trail, paint);
    }
    out += &actions(record, paint);
    out
}

/// Nobody was refused, and nobody is to take it for a refusal.
fn shadowed(shadow: &Shadowed, paint: Paint) -> String {
    let (policy, reason) = (inert(&shadow.policy), inert(&shadow.reason));
    let word = paint.bad(format!("{reason}"));
    format!("{}; the shadow policy {policy} would have refused it: {word}\n", paint.good("admitted"))
}

fn attended(session: &Attended) -> String {
    // A gateway of an earlier version tells the word alone.
    let told = if session.told.is_empty() { &session.known } else { &session.told };
    let mut out = inert(told).to_string();
    if let (Some(first), Some(age)) = (&session.first, session.age_ms) {
        let _ = write!(out, "; signed in {first}, {} before this instant", Words(age));
    }
    if let (Some(last), Some(quiet)) = (&session.last, session.quiet_ms) {
        let _ = write!(out, "; last active {last}, {} before", Words(quiet));
    }
    out
}

/// One record, in a line.
pub(super) fn line(record: &DecisionRecord, paint: Paint) -> String {
    let asked = &record.request;
    let would = record.shadow.as_ref().filter(|_| record.reason.is_none());
    let reason = record.reason.as_deref().or(would.map(|shadow| &*shadow.reason)).unwrap_or("admitted");
    let mut out = format!("{}  {} {}", inert(&record.at), paint.bad(format!("{:<24}", inert(reason))), record.status);
    let _ = write!(out, " {} {}{}", inert(&asked.method), inert(&asked.host), inert(&asked.path));
    let subject = record.token.as_ref().and_then(|token| token.subject.as_ref());
    let address = asked.client.or(asked.peer.map(|peer| peer.ip())).map(|address| address.to_string());
    let facts = [
        ("route", record.route.as_ref()),
        ("issuer", record.issuer.as_ref()),
        ("subject", subject),
        ("from", address.as_ref()),
    ];
    for (name, fact) in facts {
        let _ = fact.map(|fact| write!(out, " {name}={}", inert(fact)));
    }
    let _ = write!(out, " {}", paint.faint(format!("trace={}", inert(&record.trace_id))));
    let _ = would.map(|shadow| write!(out, " admitted, shadow={}", inert(&shadow.policy)));
    let trail = would.map(|shadow| &shadow.trail).or(record.trail.as_ref());
    let failed = trail.iter().flat_map(|trail| &trail.questions).find(|answer| answer.outcome == "fail");
    let _ = failed.map(|answer| write!(out, "\n    {}", inert(&answer.text)));
    out + "\n"
}

/// Why a record may not be there, as the gateway answered.
pub(super) fn standing(done: &Value) -> String {
    let standing = |name: &str| done.pointer(&format!("/standing/{name}"));
    let mut out = match (standing("kept").and_then(Value::as_u64), standing("oldest").and_then(Value::as_str)) {
        (Some(kept), Some(oldest)) => format!(": of the {kept} records there are, the oldest is of {}", inert(oldest)),
        _ => ": there are none at all".to_owned(),
    };
    if let Some(dropped) = standing("dropped").and_then(Value::as_u64).filter(|dropped| *dropped > 0) {
        let _ = write!(out, "; {dropped} could not be kept");
    }
    if standing("in_memory").and_then(Value::as_bool) == Some(true) {
        out += "; a restart forgets them (there is no `telemetry.records.directory`)";
    }
    out
}

fn millis(micros: u64) -> i64 {
    i64::try_from(micros / 1000).unwrap_or(i64::MAX)
}

/// How long ago, to the second.
fn ago(ms: i64) -> String {
    match ms {
        ..0 => format!("in {}: the clocks differ", Words(ms)),
        0..1000 => "just now".to_owned(),
        _ => format!("{} ago", Words(ms / 1000 * 1000)),
    }
}

fn request(asked: &Asking) -> String {
    let query = asked.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    // Of a request that was admitted first, the line has not kept the host.
    let origin = if asked.host.is_empty() { String::new() } else { format!("{}://{}", asked.scheme, asked.host) };
    format!("{} {origin}{}{query} (HTTP/{})", asked.method, asked.path, asked.http)
}

fn from(asked: &Asking) -> String {
    let peer = asked.peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
    let client = asked.client.map(|client| format!(", for {client}")).unwrap_or_default();
    let agent = asked.user_agent.as_ref().map(|agent| format!(", {agent}")).unwrap_or_default();
    format!("{peer}{client}{agent}")
}

fn skew(ms: Option<i64>) -> String {
    match ms {
        None => String::new(),
        Some(0) => ", whose clock agrees".to_owned(),
        Some(ms @ 1..) => format!(", whose clock is {} behind this gateway's", Words(ms)),
        Some(ms) => format!(", whose clock is {} ahead of this gateway's", Words(ms)),
    }
}

fn bearer(token: &Bearer) -> String {
    let mut out = if token.verified { "verified" } else { "not verified: anybody may have written this" }.to_owned();
    let facts = [("iss", &token.iss), ("kid", &token.key), ("alg", &token.algorithm)];
    for (name, fact) in facts {
        let _ = fact.as_ref().map(|fact| write!(out, ", {name} {fact}"));
    }
    let _ = token.age_ms.map(|age| write!(out, ", {} old", Words(age)));
    let _ = match token.left_ms {
        Some(left @ 0..) => write!(out, ", ends {} after this instant", Words(left)),
        Some(left) => write!(out, ", ended {} before this instant", Words(left)),
        None => Ok(()),
    };
    out
}

fn ids(token: &Bearer) -> Vec<(&'static str, &String)> {
    let all =
        [("subject", &token.subject), ("session", &token.session), ("client", &token.client), ("jti", &token.token)];
    all.into_iter().filter_map(|(name, id)| Some((name, id.as_ref()?))).collect()
}

fn revocation(known: &Entered) -> String {
    let mut told = Vec::new();
    if let Some(of) = &known.entry_of {
        let before = known.entry_age_ms.map(|age| format!(", {} before this instant", Words(age))).unwrap_or_default();
        let learned = known.learned.as_deref().unwrap_or("once");
        told.push(format!("by an entry of {of}, enforced since {learned}{before}{}", lag(known)));
    }
    if let Some(feed) = &known.feed {
        let age =
            known.feed_age_ms.map_or_else(|| "never heard".to_owned(), |age| format!("heard {} before", Words(age)));
        told.push(format!("feed {feed}: {age}"));
    }
    told.join("; ")
}

/// How late it was enforced.
fn lag(known: &Entered) -> String {
    match (&known.event, known.lag_ms) {
        (Some(event), Some(lag)) => format!(", {} after the event of {event}", Words(lag)),
        _ => String::new(),
    }
}

fn delivered(delivery: &Delivered) -> String {
    let mut out = delivery.upstream.clone();
    let _ = delivery.endpoint.as_ref().map(|endpoint| write!(out, " at {endpoint}"));
    let _ = delivery.status.map(|status| write!(out, ", answered {status}"));
    let _ = delivery.failure.as_ref().map(|failure| write!(out, ", failed: {failure}"));
    out
}

fn actions(record: &DecisionRecord, paint: Paint) -> String {
    let actions = [("the caller can:", &record.advice), ("the operator can:", &record.cure)];
    let told = actions.into_iter().filter_map(|(who, what)| Some((who, what.as_ref()?)));
    let all: String = told.map(|(who, what)| show::labelled(&format!("{who:<17}"), what, paint)).collect();
    if all.is_empty() { all } else { format!("\n{all}") }
}
