//! From a graph of refusals to a trace: what Prometheus scraped leads to the very request, by the trace id of its answer.

use crate::prometheus::Prometheus;
use crate::support::config::HOST;
use crate::support::mint::{Mint, now};
use crate::support::raw::{Door, ask};
use crate::support::wait::until;
use crate::world::World;
use std::time::Duration;

/// Prometheus asks for OpenMetrics by itself: nothing is told to it but to keep exemplars.
#[test]
fn a_refusal_leads_to_its_trace() {
    let world = World::start();
    let prometheus = Prometheus::start(world.gateway.admin);
    let expired = Mint::get().rsa.token().claim("org", serde_json::json!({ "id": "acme" })).claim("iat", now() - 900);
    let fields = format!("Authorization: Bearer {}\r\n", expired.claim("exp", now() - 120).sign());
    let answer = world.send(&format!("GET /orders/1 HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n"));
    let trace = answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned();
    let seen = until("its exemplar", Duration::from_secs(30), || {
        std::thread::sleep(Duration::from_millis(100));
        prometheus.exemplars("curfew_decisions_total").into_iter().find(|(_, seen)| *seen == trace)
    });
    let labels = ["reason", "route", "issuer", "tenant"].map(|name| seen.0[name].as_str().unwrap_or_default());
    assert_eq!(labels, ["token_expired", "orders", "corp", "acme"]);
    // The same from a graph of latencies.
    let seen = until("its exemplar among the durations", Duration::from_secs(30), || {
        std::thread::sleep(Duration::from_millis(100));
        let all = prometheus.exemplars("http_server_request_duration_seconds_bucket");
        all.into_iter().find(|(_, seen)| *seen == trace)
    });
    let labels = ["route", "method", "status"].map(|name| seen.0[name].as_str().unwrap_or_default());
    assert_eq!(labels, ["orders", "GET", "4xx"]);
}

/// Who does not ask for OpenMetrics gets the older format, in which exemplars would be a fault.
#[test]
fn the_format_is_the_one_that_is_asked_for() {
    let world = World::start();
    assert_eq!(world.asks("/orders/1", ""), "token_missing");
    let kind = |accept: &str| {
        let mut conn = Door::plain(world.gateway.admin).open().unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{accept}\r\n");
        let answer = ask(&mut conn, request.as_bytes(), Duration::ZERO).unwrap();
        let body = String::from_utf8(answer.body.clone()).unwrap();
        (answer.status, body.contains("# {trace_id="), body.ends_with("# EOF\n"))
    };
    let of_prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                         text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let (openmetrics, classic) = ((200, true, true), (200, false, false));
    for (accept, told) in [
        (format!("Accept: {of_prometheus}\r\n"), openmetrics),
        ("Accept: text/plain\r\nAccept: Application/OpenMetrics-Text ; version=1.0.0\r\n".into(), openmetrics),
        (String::new(), classic),
        ("Accept: */*\r\n".into(), classic),
        ("Accept: text/plain, application/openmetrics-text;q=0\r\n".into(), classic),
        ("Accept: text/plain;q=0.9, application/openmetrics-text;q=0.2\r\n".into(), classic),
    ] {
        assert_eq!(kind(&accept), told, "{accept}");
    }
}
