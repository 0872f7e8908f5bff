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
use crate::world::client::{Answer, Client, Protocol};
use crate::world::gateway::curfew;
use crate::world::process::{run_with, stdout};
use crate::world::wait::{PATIENCE, bounded, until};

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

/// A refused request's trace, as a collector received it, says the same as `explain` says of the same token for the
/// same instant: reason, outcome of each question, and every number that was compared.
#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_refusal_agrees_with_explain() {
    bounded(60, async {
        let (port, mut spans) = collector().await;
        let world = World::start_with(|config| {
            config.value["telemetry"] = json!({
                "otlp": { "endpoint": format!("http://127.0.0.1:{port}"), "protocol": "grpc" },
                "sample": 0,
            });
            config.value["policies"]["standard"]["token"] = json!({ "max_age": "5m", "max_lifetime": "1h" });
        })
        .await;
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let expired = world.provider.token("rs256", 1);
        let tokens = [
            ("audience_mismatch", world.provider.token_for("https://other.test", "es256", 60)),
            ("token_lifetime_excessive", world.provider.token("eddsa", 7200)),
            ("token_expired", expired),
        ];
        for (reason, token) in &tokens {
            let answer = refusal(&mut client, token).await;
            assert_eq!(answer.verdict(), (401, (*reason).into()));
            let span = tokio::time::timeout(PATIENCE, spans.recv()).await.expect("a span arrives").unwrap();
            compare(&world, reason, token, &answer, &span);
        }
    })
    .await;
}

/// The refusal of a token that is, or is about to be, of no use. Admitted requests leave no span here.
async fn refusal(client: &mut Client, token: &str) -> Answer {
    let client = tokio::sync::Mutex::new(client);
    until("a refusal", PATIENCE, async || {
        let answer = client.lock().await.get("/orders/77", token).await;
        (answer.status != 200).then_some(answer)
    })
    .await
}

fn compare(world: &World, reason: &str, token: &str, answer: &Answer, span: &Span) {
    let told = attributes(&span.attributes);
    println!("span: {}", Value::from(told.clone()));
    assert_eq!((&told["curfew.reason"], &told["curfew.route"]), (&json!(reason), &json!("orders")));
    assert_eq!(told["http.response.status_code"], 401);
    let trace: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(answer.json().to_string().contains(&trace), "the answer names the trace {trace}: {}", answer.json());
    let signature = token.rsplit('.').next().unwrap();
    assert!(!format!("{span:?}").contains(signature), "the span holds the token");

    let explained = explain(world, token, span.start_time_unix_nano as f64 / 1e9);
    assert_eq!((&explained["reason"], &explained["status"]), (&json!(reason), &json!(401)), "{explained:#}");
    assert_eq!((&explained["revision"], &explained["route"]), (&told["curfew.config.revision"], &told["curfew.route"]));
    let questions = explained["trail"]["questions"].as_array().unwrap();
    let (mut failed, mut numbers) = (0, 0);
    for event in span.events.iter().filter(|event| event.name == "curfew.check") {
        let event = attributes(&event.attributes);
        println!("event: {}", Value::from(event.clone()));
        let question = questions.iter().find(|question| question["name"] == event["curfew.check.name"]);
        let question = question.unwrap_or_else(|| panic!("explain does not ask {event:?}"));
        for (key, value) in &event {
            let field = key.strip_prefix("curfew.check.").unwrap();
            // A quantity names its kind, `{"count": 1}`; the trace tells the bare number.
            let same = question[field].as_object().and_then(|kind| kind.values().next()).unwrap_or(&question[field]);
            assert_eq!(same, value, "{field} of {question}");
            numbers += usize::from(["measured", "allowed", "distance_ms"].contains(&field));
        }
        failed += usize::from(event["curfew.check.outcome"] == "fail");
    }
    assert!(failed >= 1 && numbers > 6, "{failed} questions failed, {numbers} numbers were told");
}

fn explain(world: &World, token: &str, at: f64) -> Value {
    let mut command = curfew();
    command.arg("explain").arg("-c").arg(&world.gateway.config.file).arg("--json");
    command.args(["--request", "GET https://api.test/orders/77", "--token-file", "-", "--at", &format!("{at:.3}")]);
    let output = run_with(&mut command, token.as_bytes());
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
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
        for (name, least) in
            [("curfew_build_info", 1.0), ("process_start_time_seconds", 1.7e9), ("process_resident_memory_bytes", 1e6)]
        {
            assert!(world.gateway.metric(name, &[]).await >= least, "{name}\n{metrics}");
        }
        // What the listeners counted is what happened: one client, over TLS.
        assert!(world.gateway.metric("curfew_connections_total", &[]).await >= 1.0, "{metrics}");
        assert_eq!(world.gateway.metric("curfew_tls_handshakes_failed_total", &["unknown_name"]).await, 0.0);
        assert!(stdout(Command::new("promtool").arg("--version")).contains("promtool"));
    })
    .await;
}

/// A request counts as in flight until the end of its answer, and not a moment longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_in_flight_until_its_answer_ends() {
    bounded(60, async {
        let world = World::start().await;
        let in_flight = async || world.gateway.metric("curfew_requests_in_flight", &[]).await;
        assert_eq!(in_flight().await, 0.0);
        let mut client = world.gateway.connect(Protocol::Http2).await;
        let token = world.provider.token("es256", 60);
        let slow = tokio::spawn(async move { client.get("/orders/1?ms=1500", &token).await.status });
        until("the request is in flight", PATIENCE, async || (in_flight().await == 1.0).then_some(())).await;
        assert_eq!(slow.await.unwrap(), 200);
        until("it is no longer", PATIENCE, async || (in_flight().await == 0.0).then_some(())).await;
    })
    .await;
}
