//! The metrics are well formed, in both formats, and say what happened.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::world::{exchange, token};
use curfew::decide::reason::Reason;
use curfew::decide::time::Timestamp;
use curfew::telemetry::audit::{Event, Kind};
use curfew::telemetry::{
    Connections, Exchange, FleetSeen, Introspection, Journal, LookedThrough, Service, Settings, Shadowed, SharingSeen,
    Sight, Telemetry, names,
};
use tokio::runtime::Handle;

fn telemetry() -> Telemetry {
    telemetry_with(serde_json::json!({ "endpoint": "http://127.0.0.1:9" }))
}

fn telemetry_with(otlp: serde_json::Value) -> Telemetry {
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    // Its file is open: the directory may go.
    let dir = tempfile::tempdir().unwrap();
    let audit = serde_json::json!({ "audit": { "file": dir.path().join("log") }, "otlp": otlp, "sample": 0 });
    let settings: Settings = serde_json::from_value(audit).unwrap();
    let telemetry = Telemetry::start(&settings, &service, &Handle::current()).unwrap();
    let audit = telemetry.audit(Kind::Start).unwrap();
    audit.keep(vec![Event::new(Kind::Start, Timestamp::from_secs(1))]).unwrap();
    telemetry.configured("abc123");
    telemetry.reloaded(true);
    telemetry.on_scrape(Box::new(|gauges| {
        gauges.jwks_age("corp", Duration::from_secs(5));
        gauges.jwks_limit("corp", Duration::from_secs(86_400));
        gauges.date_skew("corp", -1500);
        gauges.issuer_leeway("corp", Duration::from_secs(10));
        gauges.revocation_age("feed", Duration::from_millis(300));
        gauges.revocation_limit("feed", Duration::from_secs(30));
        gauges.revocation_entries("feed", 10_000);
        gauges.revocation_room("feed", Some(12_000), true);
        gauges.revocation_events("logout", "enforced", 3);
        gauges.revocation_events("logout", "refused", 1);
        gauges.revocation_lag("logout", 0.5, vec![(0.1, 2), (1.0, 1), (f64::INFINITY, 0)]);
        gauges.revocation_answer("logout", 0.01, vec![(0.1, 3), (1.0, 0), (f64::INFINITY, 0)]);
        gauges.introspection(Introspection {
            issuer: "corp",
            answers: [("active", 5), ("inactive", 1), ("unknown", 2)],
            took: (0.3, vec![(0.1, 7), (1.0, 1), (f64::INFINITY, 0)]),
            cached: 40,
            unasked: [("busy", 3), ("paused", 4)],
            entries: 6,
            paused: true,
        });
        let sync = (0.02, vec![(0.01, 2), (1.0, 1), (f64::INFINITY, 0)]);
        let (load, recovered) = (Duration::from_millis(1500), 9);
        gauges.journal(Journal { bytes: 48, records: 3, failures: 1, snapshots: 2, sync, load, recovered });
        gauges.certificate_expiry("public", "certs/server.crt", Timestamp::from_secs(1_800_000_000));
        gauges.endpoint_healthy("orders", "http://127.0.0.1:9000", true);
        gauges.token_cache(9, 1);
        gauges.sessions(3, 240, &[("session_idle_timeout", 2)], 1);
        let (worked, held_up) = (Duration::from_millis(3), Duration::from_micros(50));
        gauges.looked_through(&LookedThrough { idle: &[("5m", 2)], worked, held_up, forgotten: 9 });
        gauges.vouched(&[("active", 5), ("inactive", 2), ("unknown", 1)]);
        let lost = [("deny", 1), ("local", 0), ("allow", 2)];
        gauges.sharing(&SharingSeen { connected: true, answered: 7, unanswered: 3, told: 20, queued: 2, lost });
        gauges.status_list("lists", "https://id.example/1", (1, Duration::from_secs(9), 4096), 2);
        let instances = [("current", 2), ("behind", 0), ("silent", 1)];
        let fleet = FleetSeen { connected: true, instances, ..FleetSeen::default() };
        gauges.fleet(&FleetSeen { position_ms: 1_790_000_000_000, ..fleet });
        gauges.revocation_set(&[("token", 10_000)], 270_000);
        gauges.pending_restart(1);
        gauges.process("1", Timestamp::from_secs(1_790_000_000), Some(40_000_000));
        let (refused, handshakes_failed) = ([("limit", 2)], [("client_certificate", 3)]);
        let (refused, handshakes_failed) = (&refused[..], &handshakes_failed[..]);
        gauges.connections(&Connections { open: 1, accepted: 7, refused, handshakes_failed, resumed: 4 });
    }));
    telemetry
}

fn use_it(telemetry: &Telemetry) -> u128 {
    let (route, token) = (telemetry.route("orders", "/orders/{id}", "api", &["corp"]), token(60_000));
    let sight =
        Some(Sight { first: true, first_admitted: true, session: None, leeway: Duration::from_secs(10), note: None });
    let admitted = Exchange { token: Some(&token), issuer: Some("corp"), ..exchange(&route) };
    telemetry.record(&Exchange { sight, ..admitted.clone() });
    telemetry.record(&admitted);
    let refused = Exchange { status: 401, reason: Some(Reason::TokenExpired), ..admitted.clone() };
    telemetry.record(&refused);
    let verdict = crate::world::judge(curfew::decide::evidence::Reading::Trusted(&crate::world::token(-14_200)));
    let meter = telemetry.shadow("orders", "strict");
    let shadow = Some(Shadowed { meter: &meter, verdict: &verdict });
    telemetry.record(&Exchange { shadow, route: None, ..exchange(&route) });
    let lost = Exchange { status: 404, reason: Some(Reason::RouteNotFound), route: None, ..exchange(&route) };
    telemetry.record(&lost);
    let cut = Exchange { reason: Some(Reason::StreamExpired), route: None, ..exchange(&route) };
    telemetry.record(&cut);
    refused.trace.trace_id
}

/// What is exported is what a collector has. An example of a duration is one of these, or was refused: that has a record.
#[tokio::test]
async fn nothing_is_exported_without_a_collector() {
    let (with, without) = (telemetry(), telemetry_with(serde_json::Value::Null));
    let mut trace = with.begin(&http::HeaderMap::new(), false);
    for (sampled, reason, status, exported) in [
        (false, None, 200, false),
        (false, None, 404, false),
        (false, None, 500, true),
        (false, Some(Reason::TokenExpired), 401, true),
        (false, Some(Reason::StreamExpired), 200, true),
        (true, None, 200, true),
    ] {
        trace.sampled = sampled;
        assert_eq!(with.exports(&trace, reason, status), exported, "{sampled} {reason:?} {status}");
        assert!(!without.exports(&trace, reason, status));
    }
    let route = without.route("orders", "/orders/{id}", "api", &["corp"]);
    let examples = |reason| {
        without.record(&Exchange { reason, ..exchange(&route) });
        let text = without.render();
        text.lines().filter(|line| line.contains("duration_seconds") && line.contains("trace_id")).count()
    };
    assert_eq!([None, Some(Reason::TokenExpired)].map(examples), [0, 1]);
}

#[tokio::test]
async fn what_happened_is_counted() {
    let telemetry = telemetry();
    let _busy = telemetry.enter();
    let trace = use_it(&telemetry);
    let text = telemetry.render();
    for line in [
        r#"curfew_decisions_total{decision="allow",reason="",route="orders",issuer="corp"} 2"#.to_owned(),
        format!(r#"route="orders",issuer="corp"}} 1 # {{trace_id="{trace:032x}"}} 1"#),
        r#"curfew_shadow_refusals_total{route="orders",policy="strict",reason="token_expired"} 1"#.to_owned(),
        r#"curfew_decisions_total{decision="deny",reason="route_not_found",route="",issuer=""} 1"#.to_owned(),
        r#"http_server_request_duration_seconds_bucket{le="0.025",method="GET",route="orders",status="2xx"} 2"#
            .to_owned(),
        format!(r#"{{le="0.025",method="GET",route="orders",status="4xx"}} 1 # {{trace_id="{trace:032x}"}} 0.012 "#),
        r#"{le="+Inf",method="GET",route="orders",status="4xx"} 1"#.to_owned() + "\n",
        r#"curfew_streams_terminated_total{reason="stream_expired"} 1"#.to_owned(),
        r#"curfew_issuer_clock_skew_seconds_bucket{le="30.0",issuer="corp"} 1"#.to_owned(),
        r#"curfew_token_age_seconds_bucket{le="30.0",issuer="corp"} 3"#.to_owned(),
        r#"curfew_token_overdue_seconds_bucket{le="1.0",issuer="corp"} 1"#.to_owned(),
        r#"curfew_jwks_max_age_seconds{issuer="corp"} 86400.0"#.to_owned(),
        r#"curfew_revocation_max_age_seconds{source="feed"} 30.0"#.to_owned(),
        r#"curfew_revocation_max_entries{source="feed"} 12000.0"#.to_owned(),
        r#"curfew_revocation_complete{source="feed"} 1.0"#.to_owned(),
        "curfew_config_last_reload_successful 1".to_owned(),
        "curfew_audit_lines_total 1".to_owned(),
        r#"curfew_audit_sent_total{to="syslog"} 0"#.to_owned(),
        "curfew_audit_failures_total 0".to_owned(),
        "curfew_audit_chain_broken 0.0".to_owned(),
        r#"curfew_sessions_idle{quiet="5m"} 2.0"#.to_owned(),
        "curfew_sessions_forgotten_total 9".to_owned(),
        "curfew_sessions_cleanup_duration_seconds 0.003".to_owned(),
        "curfew_audit_refused_total 0".to_owned(),
        "curfew_audit_files_gone_total 0".to_owned(),
        r#"curfew_audit_dropped_total{why="otlp"} 0"#.to_owned(),
        "curfew_audit_unsynced_seconds 0.0".to_owned(),
        r#"curfew_revocation_events_total{source="logout",outcome="enforced"} 3"#.to_owned(),
        r#"curfew_revocation_apply_lag_seconds_bucket{le="1.0",source="logout"} 3"#.to_owned(),
        r#"curfew_revocation_apply_lag_seconds_bucket{le="+Inf",source="logout"} 3"#.to_owned(),
        r#"curfew_introspection_answers_total{issuer="corp",result="unknown"} 2"#.to_owned(),
        r#"curfew_introspection_unasked_total{issuer="corp",cause="paused"} 4"#.to_owned(),
        r#"curfew_introspection_duration_seconds_bucket{le="1.0",issuer="corp"} 8"#.to_owned(),
        r#"curfew_introspection_cache_hits_total{issuer="corp"} 40"#.to_owned(),
        r#"curfew_introspection_paused{issuer="corp"} 1.0"#.to_owned(),
        r#"curfew_jwks_age_seconds{issuer="corp"} 5.0"#.to_owned(),
        r#"curfew_issuer_date_skew_seconds{issuer="corp"} -1.5"#.to_owned(),
        r#"curfew_issuer_leeway_seconds{issuer="corp"} 10.0"#.to_owned(),
        r#"curfew_config_info{revision="abc123"} 1"#.to_owned(),
        "curfew_connections_open 1".to_owned(),
        "curfew_revocation_journal_failures_total 1".to_owned(),
        "curfew_revocation_journal_load_seconds 1.5".to_owned(),
        r#"curfew_revocation_journal_sync_duration_seconds_bucket{le="1.0"} 3"#.to_owned(),
        r#"curfew_connections_refused_total{reason="limit"} 2"#.to_owned(),
        r#"curfew_tls_handshakes_failed_total{reason="client_certificate"} 3"#.to_owned(),
        "curfew_requests_in_flight 1".to_owned(),
        "curfew_token_cache_hits_total 9".to_owned(),
        "curfew_judge_duration_seconds_count 6".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

/// Every metric has help and type once, no series comes twice, and `promtool` has nothing to say.
#[tokio::test]
async fn the_text_is_well_formed() {
    let telemetry = telemetry();
    use_it(&telemetry);
    let text = telemetry.render();
    for metric in names::metric::ALL.iter().filter(|metric| !metric.name.starts_with("curfew_upstream_")) {
        assert_eq!(text.matches(&format!("# TYPE {} ", metric.name)).count(), 1, "{}", metric.name);
    }
    let series: Vec<_> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once("} ")).collect();
    let names: std::collections::HashSet<_> = series.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), series.len());
    let classic = telemetry.render_classic();
    assert!(
        !classic.contains(" # {")
            && !classic.contains("# EOF")
            && classic.contains("# TYPE curfew_decisions_total counter")
    );
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, which tests/run installs");
    promtool.stdin.take().unwrap().write_all(classic.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let text = [said.stdout, said.stderr].concat();
    assert!(said.status.success() && text.is_empty(), "{}\n{classic}", String::from_utf8_lossy(&text));
}

/// A plan that is built anew goes on counting where the last one was.
#[tokio::test]
async fn a_reload_keeps_the_series() {
    let telemetry = telemetry();
    use_it(&telemetry);
    use_it(&telemetry);
    assert!(telemetry.render().contains(r#"route="orders",issuer="corp"} 4"#));
}
