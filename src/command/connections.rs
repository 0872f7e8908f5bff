//! `curfew connections`: what is live at a gateway, and when it will end.

use super::admin::Client;
use super::completions::print;
use super::exit::Exit;
use super::operators::Admin;
use super::revoke;
use crate::control::admin::When;
use crate::decide::time::Timestamp;
use crate::state::clock::{Clock as _, SystemClock};
use crate::telemetry::describe::Words;
use crate::telemetry::records::escape::inert;
use bytes::Bytes;
use clap::Args;
use http::Method;
use serde_json::Value;
use std::fmt::Write as _;

/// `curfew connections`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curfew connections
  curfew connections --route live --kind websocket
  curfew connections --session 1098b45ae0e1f88d")]
pub struct Connections {
    /// Of this route, by its name.
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,
    /// Of this session, by its hash, as records and traces tell it.
    #[arg(long, value_name = "HASH")]
    pub session: Option<String>,
    /// Of this kind: websocket, grpc, events or download.
    #[arg(long, value_name = "KIND", value_parser = ["websocket", "grpc", "events", "download"])]
    pub kind: Option<String>,
    /// How many at most, 1 to 1000, those that have lasted longest. Default 100.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub limit: Option<u64>,
    /// Which gateway.
    #[command(flatten)]
    pub admin: Admin,
}

/// Lists them.
#[must_use]
pub fn connections(what: &Connections) -> Exit {
    let done = revoke::block_on(async {
        let mut client = Client::new(&what.admin)?;
        let told = client.ask(Method::GET, &path(what), "application/json", Bytes::new()).await?.done()?;
        let now = SystemClock::start().now().wall;
        let text = if what.admin.json { format!("{told:#}\n") } else { listed(&told, now) };
        Ok(print(text.as_bytes()))
    });
    done.unwrap_or_else(|why: String| {
        eprintln!("curfew connections: {why}");
        Exit::Broke
    })
}

fn path(what: &Connections) -> String {
    let limit = what.limit.map(|limit| limit.to_string());
    let fields = [("route", &what.route), ("session", &what.session), ("kind", &what.kind), ("limit", &limit)];
    let mut path = String::from("/connections");
    for (place, (name, value)) in fields.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).enumerate() {
        let _ = write!(path, "{}{name}=", if place == 0 { '?' } else { '&' });
        value.bytes().for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            _ => _ = write!(path, "%{byte:02X}"),
        });
    }
    path
}

fn listed(told: &Value, now: Timestamp) -> String {
    let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let all = told.get("connections").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let instant = |one: &Value, name: &str| text(one, name).parse::<When>().ok().map(|when| when.at(now));
    let span = |ms: i64| Words(ms.max(0)).to_string();
    let mut out = String::new();
    for one in all {
        let age = instant(one, "since").map_or_else(|| "-".into(), |since| span(now.since(since)));
        let ends = instant(one, "ends").map(|ends| format!("ends in {} ({})", span(ends.since(now)), text(one, "why")));
        let (kind, route) = (text(one, "kind"), text(one, "route"));
        let line = format!(
            "{kind:<9}  {route:<16}  session {:<16}  trace {}  for {age}, {}",
            text(one, "session"),
            text(one, "trace_id"),
            ends.unwrap_or_else(|| "no end".into()),
        );
        let _ = writeln!(out, "{}", inert(&line));
    }
    let total = told.get("total").and_then(Value::as_u64).unwrap_or_default();
    let partly = if told.get("complete") == Some(&Value::Bool(false)) { "; not every worker has answered" } else { "" };
    let _ = writeln!(out, "{} of {total}{partly}", all.len());
    out
}

#[cfg(test)]
mod tests {
    use super::listed;
    use crate::decide::time::Timestamp;
    use serde_json::json;

    #[test]
    fn a_line_tells_when_it_ends() {
        let one = json!({ "kind": "websocket", "route": "live", "session": "1098b45ae0e1f88d", "trace_id": "0af7",
            "since": "2026-11-21T14:00:00.000Z", "ends": "2026-11-21T14:15:00.000Z", "why": "session_idle_timeout" });
        let told = json!({ "total": 7, "complete": false, "connections": [one] });
        let told = listed(&told, Timestamp::from_secs(1_795_270_200));
        assert!(told.contains("for 10 min, ends in 5 min (session_idle_timeout)"), "{told}");
        assert!(told.ends_with("1 of 7; not every worker has answered\n"), "{told}");
    }
}
