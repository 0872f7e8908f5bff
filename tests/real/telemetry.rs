//! What the gateway tells, read by those it is meant for: a collector of traces, promtool.

use std::process::Command;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::world::World;
use crate::world::client::Protocol;
use crate::world::gateway::curfew;
use crate::world::process::{run_with, stdout};
use crate::world::wait::{PATIENCE, bounded};

/// A collector that hands on every span.
struct Collector(Sender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        for span in resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans) {
            _ = self.0.send(span).await;
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (u16, Receiver<Span>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = channel(1000);
    let service = TraceServiceServer::new(Collector(sender));
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    (port, receiver)
}

fn attributes(pairs: &[KeyValue]) -> Map<String, Value> {
    let value = |pair: &KeyValue| match pair.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(json!(text)),
        any_value::Value::BoolValue(yes) => Some(json!(yes)),
        any_value::Value::IntValue(number) => Some(json!(number)),
        any_value::Value::DoubleValue(number) => Some(json!(number)),
        _ => None,
    };
    pairs.iter().map(|pair| (pair.key.clone(), value(pair).unwrap_or(Value::Null))).collect()
}

/// A refused request's trace, as a collector received it, says the same reason and numbers as `explain` says of the
/// same token for the same instant.
#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_refusal_agrees_with_explain() {
    bounded(60, async {
        let (port, mut spans) = collector().await;
        let world = World::start_with(|config| {
            config.value["telemetry"] = json!({
                "otlp": { "endpoint": format!("http://127.0.0.1:{port}"), "protocol": "grpc" },
                "sample": 0,
            });
        })
        .await;
        let token = world.provider.token_for("https://other.test", "es256", 60);
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let answer = client.get("/orders/77", &token).await;
        assert_eq!(answer.verdict(), (401, "audience_mismatch".into()));

        let span = tokio::time::timeout(PATIENCE, spans.recv()).await.expect("a span arrives").unwrap();
        let told = attributes(&span.attributes);
        println!("span: {}", Value::from(told.clone()));
        assert_eq!(told["curfew.reason"], "audience_mismatch");
        assert_eq!(told["http.response.status_code"], 401);
        assert_eq!(told["curfew.route"], "orders");
        let trace: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(answer.json().to_string().contains(&trace), "the answer names the trace {trace}: {}", answer.json());
        let secret = token.rsplit('.').next().unwrap();
        assert!(!format!("{span:?}").contains(secret), "the span holds the token");

        let seconds = span.start_time_unix_nano as f64 / 1e9;
        let explained = explain(&world, &token, seconds);
        println!("explain:\n{explained}");
        assert!(explained.contains("audience_mismatch"), "{explained}");
        let mut failed = 0;
        for event in span.events.iter().filter(|event| event.name == "curfew.check") {
            let event = attributes(&event.attributes);
            println!("event: {}", Value::from(event.clone()));
            let word = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            assert!(explained.contains(&word("curfew.check.name")), "explain leaves out {event:?}");
            if word("curfew.check.outcome") == "fail" {
                failed += 1;
                assert_eq!(word("curfew.check.reason"), "audience_mismatch");
                assert!(explained.contains(&word("curfew.check.text")), "explain says otherwise than {event:?}");
            }
        }
        assert_eq!(failed, 1, "one question failed");
    })
    .await;
}

fn explain(world: &World, token: &str, at: f64) -> String {
    let mut command = curfew();
    command.arg("explain").arg("-c").arg(&world.gateway.config.file);
    command.args(["--request", "GET https://api.test/orders/77", "--token-file", "-", "--at", &format!("{at:.3}")]);
    let output = run_with(&mut command, token.as_bytes());
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// promtool finds nothing to object to in the metrics, after requests of every kind.
#[tokio::test(flavor = "multi_thread")]
async fn promtool_accepts_the_metrics() {
    bounded(60, async {
        let world = World::start().await;
        let good = world.provider.token("rs256", 60);
        let wrong = world.provider.token_for("https://other.test", "rs256", 60);
        let mut client = world.gateway.connect(Protocol::Http1).await;
        for (path, token, status) in [("/orders/1", &good, 200), ("/orders/1", &wrong, 401), ("/nowhere", &good, 404)] {
            assert_eq!(client.get(path, token).await.status, status);
        }
        let metrics = world.gateway.metrics().await;
        let output = run_with(Command::new("promtool").args(["check", "metrics"]), metrics.as_bytes());
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.trim().is_empty(), "promtool objects:\n{said}\n{metrics}");
        for words in [["\"allow\"", "orders"], ["audience_mismatch", "orders"]] {
            assert_eq!(world.gateway.metric("curfew_decisions_total", &words).await, 1.0, "{words:?}\n{metrics}");
        }
        assert!(stdout(Command::new("promtool").arg("--version")).contains("promtool"));
    })
    .await;
}
