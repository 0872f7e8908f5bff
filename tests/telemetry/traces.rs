//! What a collector sees: every refusal, over either protocol, also if the collector came late; and no secret.

use std::time::Duration;

use crate::collector::{self, Received, attributes};
use crate::world::{SECRET, exchange, forged, judge, token};
use curfew::decide::evidence::Reading;
use curfew::decide::id::{Fingerprint, SourceId};
use curfew::decide::reason::Reason;
use curfew::decide::revocation::{Cutoff, Entry};
use curfew::decide::session::{Basis, Key, Knowledge, Sight};
use curfew::decide::time::Timestamp;
use curfew::telemetry::{
    Attempt, Delivery, Exchange, Feed, Service, Settings, StartError, Telemetry, TraceContext, Untrusted,
};
use http::HeaderMap;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::runtime::Handle;

fn settings(endpoint: &str, protocol: &str) -> Settings {
    let otlp = serde_json::json!({ "endpoint": endpoint, "protocol": protocol, "headers": { "x-key": "k" } });
    serde_json::from_value(serde_json::json!({ "otlp": otlp, "sample": 0 })).unwrap()
}

fn start(settings: &Settings) -> Telemetry {
    try_start(settings).unwrap_or_else(|fault| panic!("{fault}"))
}

fn try_start(settings: &Settings) -> Result<Telemetry, StartError> {
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    Telemetry::start(settings, &service, &Handle::current())
}

fn refused<'a>(from: Exchange<'a>, reason: Reason) -> Exchange<'a> {
    Exchange { status: reason.status().as_u16(), reason: Some(reason), ..from }
}

/// OT-01 to OT-06 on an expired token: names, the status unset, each question asked as an event with its numbers.
#[tokio::test]
async fn a_refusal() {
    let (listener, address) = collector::listen().await;
    let received = collector::grpc(listener).await;
    let telemetry = start(&settings(&format!("http://{address}"), "grpc"));
    let (route, token) = (telemetry.route("orders", "/orders/{id}", "api", &["corp"]), token(-14_200));
    let verdict = judge(Reading::Trusted(&token));
    let base = refused(exchange(&route), Reason::TokenExpired);
    let trace = base.trace;
    let session = Knowledge::Known(Key::default(), Basis::Held, Sight { quiet: 1500, age: 90_000, ..Sight::default() });
    telemetry.record(&Exchange { verdict: Some(&verdict), token: Some(&token), issuer: Some("corp"), session, ..base });

    let span = received.wait(1).await.remove(0);
    assert_eq!((span.name.as_str(), span.kind), ("GET /orders/{id}", 2));
    assert_eq!(span.trace_id, trace.trace_id.to_be_bytes());
    assert_eq!(span.span_id, trace.span_id.to_be_bytes());
    assert_eq!(span.status.map_or(0, |status| status.code), 0, "a 401 is no fault of the server");
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 12_000_000);
    let told = attributes(&span.attributes);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.response.status_code", "401"),
        ("http.route", "/orders/{id}"),
        ("url.path", "/orders/7"),
        ("url.scheme", "https"),
        ("server.address", "api.example"),
        ("server.port", "8443"),
        ("network.protocol.version", "2"),
        ("network.peer.address", "192.0.2.1"),
        ("curfew.decision", "deny"),
        ("curfew.reason", "token_expired"),
        ("curfew.route", "orders"),
        ("curfew.policy", "api"),
        ("curfew.issuer", "corp"),
        ("curfew.config.revision", "abc123"),
        ("curfew.token.kid", "k1"),
        ("curfew.token.jti_hash", "0101010101010101"),
        ("curfew.token.sub_hash", "0202020202020202"),
        ("curfew.token.age_s", "30"),
        ("curfew.token.ttl_s", "-14.2"),
        ("curfew.session.age_s", "90"),
        ("curfew.session.idle_s", "1.5"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!told.contains_key("error.type"));
    assert_eq!(span.events.len(), 15, "every question that was asked, and no other");
    let event = |name: &str| {
        let found = span.events.iter().map(|event| attributes(&event.attributes));
        found.into_iter().find(|event| event["curfew.check.name"] == name).unwrap()
    };
    let expiry = event("expiry");
    for (name, value) in [
        ("outcome", "fail"),
        ("reason", "token_expired"),
        ("measured", "2026-11-21T05:00:00.000Z"),
        ("allowed", "2026-11-21T04:59:45.800Z"),
        ("distance_ms", "14200"),
        ("leeway_ms", "10000"),
        ("origin", "issuer"),
        ("text", "expired 14.2 s before this instant, leeway 10 s"),
    ] {
        assert_eq!(expiry[&format!("curfew.check.{name}")], value, "{name}");
    }
    assert_eq!(event("age")["curfew.check.good_for_ms"], "880001");
    let resource = received.resource();
    assert_eq!((&*resource["service.name"], &*resource["service.instance.id"]), ("curfew", "one"));
    assert_eq!(received.header("x-key").as_deref(), Some("k"));
}

/// What a forged token says stands under `curfew.untrusted` and nowhere else, and its refusal is exported over HTTP too.
#[tokio::test]
async fn a_forged_token_over_http() {
    let (listener, address) = collector::listen().await;
    let received = collector::http(listener).await;
    let telemetry = start(&settings(&format!("http://{address}/v1/traces"), "http"));
    let (route, verdict) = (telemetry.route("orders", "/orders/{id}", "api", &["corp"]), forged());
    let claims = Untrusted {
        issuer: Some("https://id.example"),
        subject: Some(Fingerprint([9; 16])),
        key: Some("k1"),
        algorithm: Some("RS256"),
        ..Untrusted::default()
    };
    let base = refused(exchange(&route), Reason::SignatureInvalid);
    telemetry.record(&Exchange { verdict: Some(&verdict), untrusted: Some(claims), ..base });
    let told = attributes(&received.wait(1).await[0].attributes);
    assert_eq!(told["curfew.untrusted.iss"], "https://id.example");
    assert_eq!(told["curfew.untrusted.sub_hash"], "0909090909090909");
    assert_eq!(told["curfew.untrusted.kid"], "k1");
    assert!(!told.keys().any(|name| name.starts_with("curfew.token") || name == "curfew.issuer"), "{told:?}");
    assert_eq!(received.header("x-key").as_deref(), Some("k"));
}

/// How long ago it was learned of an entry, and how late that was, are two things; the second is not known of every entry.
#[tokio::test]
async fn a_revocation_and_its_lag() {
    let (listener, address) = collector::listen().await;
    let received = collector::grpc(listener).await;
    let telemetry = start(&settings(&format!("http://{address}"), "grpc"));
    let route = telemetry.route("orders", "/orders/{id}", "api", &["corp"]);
    let at = Timestamp::from_millis;
    let rows = [(1, Cutoff::UpTo(at(999_750)), Some("0.25")), (2, Cutoff::Always, None)];
    for (count, cutoff, lag) in rows {
        let entry = Entry { cutoff, source: SourceId(0), learned: at(1_000_000) };
        let feed = Feed::of("logout", None).hit_by(Some(&entry), at(1_060_000));
        telemetry.record(&Exchange { revocation: Some(feed), ..refused(exchange(&route), Reason::SessionRevoked) });
        let told = attributes(&received.wait(count).await.pop().unwrap().attributes);
        assert_eq!(told["curfew.revocation.entry_age_s"], "60");
        assert_eq!(told.get("curfew.revocation.lag_s").map(String::as_str), lag);
    }
}

/// TC-04 and OT-02: a stranger's trace is linked to; an upstream's fault is an error of both spans.
#[tokio::test]
async fn a_fault_upstream() {
    let (listener, address) = collector::listen().await;
    let received = collector::grpc(listener).await;
    let telemetry = start(&settings(&format!("http://{address}"), "grpc"));
    let (route, upstream) = (telemetry.route("orders", "/orders/{id}", "api", &[]), telemetry.upstream("orders"));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let trace = telemetry.begin(&HeaderMap::from_iter([("traceparent".parse().unwrap(), parent)]), false);
    let first = Attempt {
        span_id: TraceContext::child(),
        endpoint: "https://10.0.0.1",
        after: Duration::from_millis(1),
        took: Duration::from_millis(2),
        status: None,
        failure: Some("connection_refused"),
    };
    let attempts =
        [first, Attempt { span_id: 7, endpoint: "http://10.0.0.1:9000", status: Some(503), failure: None, ..first }];
    let took = Duration::from_millis(4);
    let delivery = Some(Delivery { upstream: &upstream, took, attempts: &attempts });
    telemetry.record(&Exchange { trace, status: 503, delivery, ..exchange(&route) });

    let spans = received.wait(3).await;
    let (server, attempts): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(|span| span.kind == 2);
    assert_eq!(server[0].links[0].span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_ne!(server[0].trace_id, server[0].links[0].trace_id);
    assert_eq!(server[0].status.as_ref().unwrap().code, 2);
    assert_eq!(attributes(&server[0].attributes)["error.type"], "503");
    assert!(attempts.iter().all(|span| span.parent_span_id == server[0].span_id && span.kind == 3));
    assert!(attempts.iter().all(|span| span.status.as_ref().unwrap().code == 2));
    let told: Vec<_> = attempts.iter().map(|span| attributes(&span.attributes)).collect();
    assert_eq!(told[0]["error.type"], "connection_refused");
    assert_eq!(told[1]["http.request.resend_count"], "1");
    assert_eq!(told[1]["url.full"], "http://10.0.0.1:9000/orders/7");
    assert_eq!((&*told[0]["server.port"], &*told[1]["server.port"]), ("443", "9000"), "OT-04: said or not");
    assert_eq!(attempts[1].span_id, 7_u64.to_be_bytes());
}

/// An `https` collector is believed if the file of roots vouches for it, and not otherwise, over either protocol.
#[tokio::test]
async fn a_collector_behind_tls() {
    for protocol in ["grpc", "http"] {
        let (listener, address) = collector::listen().await;
        let (received, certificate) = match protocol {
            "grpc" => collector::grpc_over_tls(listener).await,
            _ => collector::https(listener).await,
        };
        let folder = tempfile::tempdir().unwrap();
        let (right, wrong) = (folder.path().join("ca.pem"), folder.path().join("other.pem"));
        std::fs::write(&right, certificate).unwrap();
        std::fs::write(&wrong, rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem())
            .unwrap();
        for (ca, count) in [(wrong, 0), (right, 1)] {
            let mut settings = settings(&format!("https://{address}"), protocol);
            settings.otlp.as_mut().unwrap().ca = Some(ca);
            let telemetry = start(&settings);
            let route = telemetry.route("orders", "/orders/{id}", "api", &[]);
            telemetry.record(&refused(exchange(&route), Reason::TokenMissing));
            telemetry.shutdown(Duration::from_secs(2)).await;
            assert_eq!(received.spans().len(), count, "{protocol}");
        }
        let mut settings = settings(&format!("https://{address}"), protocol);
        settings.otlp.as_mut().unwrap().ca = Some(folder.path().join("none.pem"));
        assert!(matches!(try_start(&settings), Err(StartError::Roots(_))));
    }
}

/// A collector that comes late gets everything that waited for it.
#[tokio::test]
async fn the_collector_comes_late() {
    for protocol in ["grpc", "http"] {
        let (listener, address) = collector::listen().await;
        drop(listener);
        let telemetry = start(&settings(&format!("http://{address}"), protocol));
        let route = telemetry.route("orders", "/orders/{id}", "api", &[]);
        for _ in 0..20 {
            telemetry.record(&refused(exchange(&route), Reason::TokenMissing));
        }
        tokio::time::sleep(Duration::from_millis(600)).await;
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let received =
            if protocol == "http" { collector::http(listener).await } else { collector::grpc(listener).await };
        assert_eq!(received.wait(20).await.len(), 20, "{protocol}");
        telemetry.shutdown(Duration::from_secs(1)).await;
        assert!(telemetry.render().contains("curfew_spans_exported_total 20"), "{protocol}");
    }
}

/// The queue is bounded, and what it cannot hold is counted.
#[tokio::test]
async fn a_collector_that_never_comes() {
    let (listener, address) = collector::listen().await;
    drop(listener);
    let telemetry = start(&settings(&format!("http://{address}"), "grpc"));
    let route = telemetry.route("orders", "/orders/{id}", "api", &[]);
    for _ in 0..2100 {
        telemetry.record(&refused(exchange(&route), Reason::TokenMissing));
    }
    assert!(telemetry.render().contains("curfew_spans_dropped_total 52\n"), "{}", telemetry.render());
    let begun = tokio::time::Instant::now();
    telemetry.shutdown(Duration::from_millis(500)).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
}

/// The last spans are sent at the end, without waiting for the next period; an admitted request is sampled or silent.
#[tokio::test]
async fn the_end_flushes() {
    let (listener, address) = collector::listen().await;
    let received: Received = collector::grpc(listener).await;
    let telemetry = start(&settings(&format!("http://{address}"), "grpc"));
    let route = telemetry.route("orders", "/orders/{id}", "api", &[]);
    telemetry.record(&exchange(&route));
    let sampled = TraceContext::begin(&HeaderMap::new(), false, || true);
    telemetry.record(&Exchange { trace: sampled, ..exchange(&route) });
    telemetry.shutdown(Duration::from_secs(2)).await;
    let spans = received.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].trace_id, sampled.trace_id.to_be_bytes());
    assert!(spans[0].events.is_empty());
}

/// A token in the query, in the path or in the agent's name reaches neither the trace nor the access log.
#[tokio::test]
async fn no_secret_is_told() {
    let (listener, address) = collector::listen().await;
    let received = collector::grpc(listener).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let mut settings = settings(&format!("http://{address}"), "grpc");
    settings.access_log = curfew::telemetry::AccessLog::File(file.clone());
    let telemetry = start(&settings);
    let route = telemetry.route("orders", "/orders/{id}", "api", &[]);
    let (path, query) = (format!("/orders/{SECRET}"), format!("page=2&access_token=opaque-secret&q={SECRET}"));
    let mut told = refused(exchange(&route), Reason::TokenInQuery);
    told.request.path = &path;
    told.request.query = Some(&query);
    told.request.user_agent = Some(SECRET.as_bytes());
    told.request.authority = "api.example";
    telemetry.record(&told);
    telemetry.shutdown(Duration::from_secs(2)).await;

    let lines = std::fs::read_to_string(&file).unwrap();
    let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&line["reason"], &line["status"]), (&"token_in_query".into(), &401.into()));
    assert_eq!(line["query"], "page=2&access_token=REDACTED&q=REDACTED");
    assert_eq!(line["trace_id"], told.trace.trace_hex().as_str());
    let spans = String::from_utf8_lossy(&received.raw()).into_owned();
    assert!(spans.contains("page=2"), "the rest is told");
    for output in [lines, spans, telemetry.render()] {
        assert!(!output.contains("c2VjcmV0") && !output.contains("opaque-secret"), "{output}");
    }
}
