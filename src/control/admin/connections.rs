//! Which connections are live: WebSockets, event streams, gRPC streams and long downloads, by route and hashed session.

use super::problem::Problem;
use crate::decide::reason::Reason;
use crate::proxy::live::{self, Connection, Found, Wanted};
use serde::Serialize;
use std::sync::Arc;

/// How many are listed unless more are asked for, and how many at most.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// What is live, as it is answered.
#[derive(Serialize)]
pub struct Connections {
    /// How many there are, listed or not.
    total: usize,
    /// Whether every worker has answered.
    complete: bool,
    routes: Vec<Count>,
    connections: Vec<One>,
}

#[derive(Serialize)]
struct Count {
    route: String,
    connections: usize,
}

#[derive(Serialize)]
struct One {
    kind: &'static str,
    route: String,
    session: Option<String>,
    trace_id: String,
    since: String,
    ends: Option<String>,
    why: Option<&'static str>,
}

impl From<Found> for Connections {
    fn from(found: Found) -> Self {
        Self {
            total: found.routes.values().sum(),
            complete: found.complete,
            routes: found.routes.into_iter().map(Count::of).collect(),
            connections: found.connections.into_iter().map(One::of).collect(),
        }
    }
}

impl Count {
    fn of((route, connections): (Arc<str>, usize)) -> Self {
        Self { route: route.to_string(), connections }
    }
}

impl One {
    fn of(one: Connection) -> Self {
        Self {
            kind: one.kind.name(),
            route: one.route.meter.name.to_string(),
            session: one.session.map(|session| session.to_string()),
            trace_id: format!("{:032x}", one.trace),
            since: one.since.to_string(),
            ends: one.ends.map(|(at, _)| at.to_string()),
            why: one.ends.map(|(_, reason)| reason).map(Reason::code),
        }
    }
}

/// What is asked for, from the query.
pub(super) fn wanted(query: Option<&str>) -> Result<Wanted, Problem> {
    let mut wanted = Wanted { limit: USUAL, kind: None, route: None, session: None };
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "limit" => wanted.limit = limit(value)?,
            "kind" => wanted.kind = Some(kind(value)?),
            "route" => wanted.route = Some(decoded(value)?),
            "session" => wanted.session = Some(decoded(value)?),
            _ => return Err(Problem::bad("limit, kind, route and session can be asked for")),
        }
    }
    Ok(wanted)
}

fn limit(value: &str) -> Result<usize, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::bad(format!("limit is a number from 1 to {MOST}")))
}

fn kind(value: &str) -> Result<live::Kind, Problem> {
    let known = live::Kind::ALL.iter().find(|(name, _)| *name == value).map(|(_, kind)| *kind);
    known.ok_or_else(|| Problem::bad("kind is websocket, grpc, events or download"))
}

/// RFC 3986 §2.1.
fn decoded(value: &str) -> Result<String, Problem> {
    let bad = || Problem::bad("a value of the query is not well formed");
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(bad)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(bad());
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::{USUAL, Wanted, live, wanted};

    #[test]
    fn what_is_asked_for_is_read() {
        let all = Wanted { limit: USUAL, kind: None, route: None, session: None };
        assert_eq!(wanted(None), Ok(all.clone()));
        let query = Some("kind=websocket&limit=1000&route=or%64ers%20live&session=00ff");
        let kind = Some(live::Kind::WebSocket);
        let session = Some("00ff".into());
        assert_eq!(wanted(query), Ok(Wanted { limit: 1000, kind, route: Some("orders live".into()), session }));
        for bad in ["limit=0", "limit=1001", "limit=x", "kind=tcp", "route=%", "route=%+1", "route=%ff", "x=1"] {
            assert!(wanted(Some(bad)).is_err(), "{bad}");
        }
    }
}
