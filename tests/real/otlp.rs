//! What a collector gets that others wrote: the published Python packages of OpenTelemetry's protocol.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::World;
use crate::world::client::Protocol;
use crate::world::process::{Process, python, run};
use crate::world::wait::{PATIENCE, bounded, until};

/// The lines that a collector has said of one kind.
fn told(collector: &Process, kind: &str) -> Vec<Value> {
    let said = collector.said();
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["kind"] == kind).collect()
}

async fn spans(collector: &Process, count: usize) -> Vec<Value> {
    until("the spans", PATIENCE, async || {
        let spans = told(collector, "span");
        (spans.len() >= count).then_some(spans)
    })
    .await
}

fn by_name<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no {name} among {spans:#?}"))
}

/// OT-01 to OT-08 as a stranger reads them: names, kinds, status, parents, links; a refusal is there although the caller's
/// trace is not sampled; and what the answer says of its trace is what was exported.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_others_wrote_understands_spans_and_lines() {
    bounded(60, async {
        let mut collector = Process::start("the collector", &mut python("otlp_receiver.py", [""; 0]));
        let port = collector.first_json()["port"].as_u64().unwrap();
        let mut world = World::start_with(|config| {
            let dir = config.file.parent().unwrap().to_owned();
            config.value["gateway"]["trace_fields"] = json!(["traceresponse", "server_timing"]);
            config.value["telemetry"] = json!({
                "otlp": { "endpoint": format!("http://127.0.0.1:{port}") },
                "sample": 0,
                "audit": { "file": dir.join("audit"), "otlp_logs": true, "events": ["start", "request_refused"] },
            });
            config.value["upstreams"]["gone"] = json!({ "endpoints": ["http://127.0.0.1:9"] });
            let gone = json!({ "name": "gone", "path": "/gone/{id}", "upstream": "gone" });
            config.value["routes"].as_array_mut().unwrap().push(gone);
        })
        .await;
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let token = world.provider.token("rs256", 60);
        let admitted = client.get("/orders/7", &token).await;
        assert_eq!(admitted.status, 200);
        let named = |answer: &crate::world::client::Answer| {
            let field = answer.headers["traceresponse"].to_str().unwrap().to_owned();
            let timing: Vec<&str> =
                answer.headers.get_all("server-timing").iter().map(|one| one.to_str().unwrap()).collect();
            assert!(
                timing.iter().any(|one| one.contains(&format!("traceparent;desc=\"{field}\""))),
                "{timing:?} {field}"
            );
            field
        };
        assert!(named(&admitted).ends_with("-02"), "an admission is not sampled here: {}", named(&admitted));
        let broken = client.get("/gone/1", &token).await;
        assert_eq!(broken.status, 503);
        // A caller's own trace, which it does not sample.
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let port = world.gateway.config.port;
        let refused = run(std::process::Command::new("curl")
            .args(["--silent", "--noproxy", "*", "-i", "--cacert"])
            .arg(world.gateway.ca())
            .args(["--resolve", &format!("api.test:{port}:127.0.0.1")])
            .args(["-H", &format!("traceparent: 00-{trace}-{parent}-00")])
            .arg(format!("https://api.test:{port}/orders/1?access_token=x&code=hidden")));
        let head = String::from_utf8_lossy(&refused.stdout).to_lowercase();
        let said = head.lines().find_map(|line| line.strip_prefix("traceresponse: ")).unwrap().trim().to_owned();
        assert!(said.ends_with("-03") && !said.contains(trace) && head.contains(", curfew;desc=\""), "{head}");

        let all = spans(&collector, 3).await;
        let refusal = by_name(&all, "GET /orders/**");
        let [_, of, span, _] = said.split('-').collect::<Vec<_>>()[..] else { panic!("{said}") };
        assert_eq!((&refusal["trace"], &refusal["span"]), (&json!(of), &json!(span)), "what the answer said");
        assert_eq!((&refusal["span_kind"], &refusal["status"], &refusal["parent"]), (&json!(2), &json!(0), &json!("")));
        assert_eq!(refusal["links"], json!([{ "trace": trace, "span": parent }]));
        assert!(!refusal["attributes"].as_object().unwrap().contains_key("error.type"), "{refusal}");
        let said =
            ["url.query", "curfew.decision", "curfew.reason", "http.route"].map(|name| &refusal["attributes"][name]);
        assert_eq!(said, ["access_token=REDACTED&code=REDACTED", "deny", "token_in_query", "/orders/**"]);
        // What goes into the caller's own fields is never captured, under any name (OT-07).
        for name in all.iter().flat_map(|span| span["attributes"].as_object().unwrap().keys()) {
            let captured = ["header", "authorization", "cookie", "dpop"].iter().find(|word| name.contains(**word));
            assert!(captured.is_none(), "{name}");
        }
        assert!(refusal["events"].as_array().unwrap().iter().any(|event| event["curfew.check.outcome"] == "fail"));
        let (server, attempt) = (by_name(&all, "GET /gone/{id}"), by_name(&all, "GET"));
        assert_eq!((&server["span_kind"], &server["status"]), (&json!(2), &json!(2)), "a 503 is a fault: {server}");
        assert_eq!((&attempt["span_kind"], &attempt["status"]), (&json!(3), &json!(2)), "{attempt}");
        assert_eq!((&attempt["parent"], &attempt["trace"]), (&server["span"], &server["trace"]));
        // OT-04: what a client's span needs.
        let needed = ["http.request.method", "server.address", "server.port", "url.full", "error.type"];
        let needed = needed.map(|name| attempt["attributes"][name].to_string().trim_matches('"').to_owned());
        assert_eq!(needed, ["GET", "127.0.0.1", "9", "http://127.0.0.1:9/gone/1", "connection_refused"], "{attempt}");
        assert_eq!(server["attributes"]["curfew.reason"], "upstream_unreachable");
        for one in &all {
            assert_eq!(
                (&one["resource"]["service.name"], &one["scope"]),
                (&json!("curfew"), &json!("curfew")),
                "{one}"
            );
        }
        assert_eq!(all.len(), 3, "an admitted request that nobody samples is silent: {all:#?}");

        // The end flushes; every line of the file came, as its own body, in order.
        assert!(world.gateway.stop().await.success());
        let file = world.gateway.config.file.with_file_name("audit");
        let lines: Vec<String> = std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
        let logs = until("the lines", PATIENCE, async || {
            let logs = told(&collector, "log");
            (logs.len() >= lines.len()).then_some(logs)
        })
        .await;
        let bodies: Vec<&str> = logs.iter().map(|log| log["body"].as_str().unwrap()).collect();
        assert_eq!(bodies, lines, "{logs:#?}");
        let counts = logs.iter().fold(BTreeMap::new(), |mut all: BTreeMap<&str, u32>, log| {
            *all.entry(log["event"].as_str().unwrap()).or_default() += 1;
            all
        });
        assert_eq!((counts["start"], counts["request_refused"]), (1, 2), "{counts:?}");
        let refusal = logs.iter().rfind(|log| log["event"] == "request_refused").unwrap();
        assert_eq!((&refusal["trace"], &refusal["severity"]), (&json!(of), &json!(9)), "{refusal}");
        assert_eq!(refusal["attributes"]["curfew.audit.event"], "request_refused");
        let said = collector.said();
        assert!(!said.contains("hidden") && !said.contains(token.rsplit('.').next().unwrap()), "{said}");
    })
    .await;
}
