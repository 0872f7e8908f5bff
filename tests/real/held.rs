//! What lasts ends on time, as real clients see it: WebSockets and calls of gRPC that are held open across limits of
//! seconds. None ends before its instant, and each within a second of it; what was measured is printed.

use serde_json::{Value, json};

use crate::world::World;
use crate::world::config::Config;
use crate::world::process::{Process, python};
use crate::world::provider::{expiry, part};
use crate::world::wait::bounded;

/// In seconds, as all instants here: how long a session may be left alone, and last.
const IDLE: f64 = 3.0;
const WHOLE: f64 = 7.0;
/// How long a token lives that ends before its session.
const LIFE: u32 = 7;
/// For so long something is exchanged where a session is then left alone: longer than it may be.
const TALKS: f64 = 4.0;
/// For so long one is used that then closes by itself.
const ENOUGH: f64 = 5.0;
/// Longer than anything lasts here.
const ALWAYS: f64 = 30.0;
/// The gateway's clock and the clients' are one, and are read in whole milliseconds.
const ROUNDING: f64 = 0.002;

/// Routes for WebSockets and for gRPC, under each limit; tokens may come as cookies, as browsers send them.
fn limits(config: &mut Config, sockets: &Value, grpc: &Value) {
    let policy = |session: Value| json!({ "scopes": ["orders.read"], "session": session });
    config.value["policies"]["idle"] = policy(json!({ "idle": format!("{IDLE}s") }));
    config.value["policies"]["whole"] = policy(json!({ "absolute": format!("{WHOLE}s") }));
    let endpoints = |port: &Value| json!([format!("http://127.0.0.1:{port}")]);
    config.value["upstreams"]["sockets"] = json!({ "endpoints": endpoints(sockets) });
    config.value["upstreams"]["grpc"] = json!({ "endpoints": endpoints(grpc), "protocol": "http2" });
    let routes = config.value["routes"].as_array_mut().unwrap();
    for (name, policy) in [("test", "standard"), ("idle", "idle"), ("whole", "whole")] {
        routes.push(
            json!({ "name": format!("{name}-socket"), "path": format!("/{name}/socket/{{id}}"), "policy": policy,
            "upstream": "sockets", "websocket": true, "token": { "cookie": "session" } }),
        );
        routes.push(
            json!({ "name": format!("{name}-grpc"), "path": format!("/{name}.Echo/{{method}}"), "policy": policy,
            "upstream": "grpc", "methods": ["POST"] }),
        );
    }
    routes.push(json!({ "name": "page", "path": "/page", "access": "open", "upstream": "main" }));
}

/// A gateway with limits, the services behind it, and a provider whose tokens name their sessions.
pub struct Held {
    pub world: World,
    pub sockets: Process,
    _grpc: Process,
}

impl Held {
    pub async fn start() -> Self {
        let mut sockets = Process::start("the WebSocket server", &mut python("ws_server.py", [""; 0]));
        let mut grpc = Process::start("the gRPC server", &mut python("grpc_server.py", [""; 0]));
        let (ws, rpc) = (sockets.first_json()["port"].clone(), grpc.first_json()["port"].clone());
        let world = World::start_with(|config| limits(config, &ws, &rpc)).await;
        world.provider.tell_logouts_to("http://127.0.0.1:9/nobody");
        Self { world, sockets, _grpc: grpc }
    }

    fn plan(&self, what: &What, token: &str) -> Value {
        let name = if what.kind.is_empty() { what.name.replace(' ', "-") } else { what.kind.to_owned() };
        let url = format!("wss://localhost:{}/{}/socket/{name}", self.world.gateway.config.port, what.under);
        json!({ "name": what.name, "url": url, "method": format!("/{}.Echo/{}", what.under, what.method),
            "kind": what.kind, "token": token, "talks": what.talks, "closes": what.talks == ENOUGH })
    }
}

/// What is to be held open: under which limit, and for how long it says something. Its token lives so many seconds.
pub struct What {
    name: &'static str,
    under: &'static str,
    talks: f64,
    life: u32,
    /// Another way than messages that are echoed, and the method of gRPC for it.
    kind: &'static str,
    method: &'static str,
}

const fn what(name: &'static str, under: &'static str, (talks, life): (f64, u32)) -> What {
    What { name, under, talks, life, kind: "", method: "" }
}

const fn call(what: What, kind: &'static str, method: &'static str) -> What {
    What { kind, method, ..what }
}

/// What is held open, by the token of a user who signed in for it, and why it will end.
pub struct Planned {
    what: &'static What,
    token: String,
    pub reason: &'static str,
}

impl Planned {
    fn new(held: &Held, what: &'static What) -> Self {
        let reason = match what.under {
            "idle" => "session_idle_timeout",
            "whole" => "session_absolute_timeout",
            _ => "stream_expired",
        };
        let (_, token) = held.world.provider.sign_in_for(what.life);
        Self { what, token, reason }
    }

    /// Between which instants it must end, but for the second that it may take. An activity was when it was sent at the
    /// earliest, and when it was heard at the latest.
    fn due(&self, report: &Value) -> (f64, f64) {
        match self.what.under {
            "idle" => (number(report, "sent_at") + IDLE, number(report, "heard_at") + IDLE),
            "whole" => [part(&self.token, 1)["auth_time"].as_f64().unwrap() + WHOLE; 2].into(),
            _ => [expiry(&self.token); 2].into(),
        }
    }

    /// It ended on time.
    pub fn ended_on_time(&self, report: &Value) {
        let ((earliest, latest), ended) = (self.due(report), number(report, "ended_at"));
        let (early, late) = ((ended - earliest) * 1000.0, (ended - latest) * 1000.0);
        let more = report["pongs"].as_u64().map_or(String::new(), |pongs| format!(", {pongs} pongs"));
        println!(
            "{:<34} {late:>4.0} ms after its instant, {} messages{more}: {}",
            self.what.name, report["messages"], self.reason
        );
        assert!(early >= -ROUNDING * 1000.0, "{}: {early} ms too early: {report}", self.what.name);
        // What a client that is flooded has not read yet comes before the end, and it takes its time.
        let patience = if self.what.kind == "flood" { 5000.0 } else { 1000.0 };
        assert!(late <= patience, "{}: {late} ms late: {report}", self.what.name);
        // What ends one that moves is not that it stood still.
        if self.what.talks == ALWAYS {
            assert!(ended - number(report, "heard_at") < 1.2, "{}: it stood still before: {report}", self.what.name);
        }
    }
}

fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

/// One for each limit: messages keep a session, pings and silence do not; and one that is never due is not cut.
pub const SOCKETS: &[What] = &[
    what("absolute, messages flow", "whole", (ALWAYS, 300)),
    what("token expiry, messages flow", "test", (ALWAYS, LIFE)),
    what("idle, messages, then none", "idle", (TALKS, 300)),
    what("used beyond idle, then closed", "idle", (ENOUGH, 300)),
];

/// What floods its client is cut in the midst of a frame, as good as always.
const FLOOD: &[What] = &[call(what("token expiry, within large frames", "test", (ALWAYS, LIFE)), "flood", "")];

const CALLS: &[What] = &[
    call(what("absolute, answers flow", "whole", (ALWAYS, 300)), "answers", "Quiet"),
    call(what("absolute, only requests flow", "whole", (TALKS, 300)), "upload", "Sink"),
    call(what("token expiry, answers flow", "test", (ALWAYS, LIFE)), "answers", "Quiet"),
    call(what("token expiry, both ways", "test", (ALWAYS, LIFE)), "both", "Both"),
    call(what("token expiry, only requests flow", "test", (ALWAYS, LIFE)), "upload", "Sink"),
    call(what("idle, answers, then none", "idle", (TALKS, 300)), "answers", "Quiet"),
    call(what("idle, both ways, then nothing", "idle", (TALKS, 300)), "both", "Both"),
    call(what("idle, only requests, then none", "idle", (TALKS, 300)), "upload", "Sink"),
];

/// For each a user signs in, and a client that is ready begins at once; in the end it reports, in the same order.
pub fn carried_out(
    held: &Held,
    client: &mut Process,
    all: impl IntoIterator<Item = &'static What>,
) -> (Vec<Planned>, Value) {
    let begin = |what| {
        let planned = Planned::new(held, what);
        client.tell(&held.plan(what, &planned.token));
        planned
    };
    let planned = all.into_iter().map(begin).collect();
    client.tell(&Value::Null);
    (planned, tokio::task::block_in_place(|| client.json(1)))
}

/// What the upstream was told of each connection: as many as were cut, by the same code and reason.
pub fn upstream_was_told(held: &Held, plans: &[Planned]) {
    for Planned { reason, .. } in plans {
        let told = format!(r#"{{"closed": 1008, "reason": "{reason}"}}"#);
        assert!(held.sockets.said().contains(&told), "{told}: {}", held.sockets.said());
    }
}

/// The `websockets` package, over HTTP/1.1.
#[tokio::test(flavor = "multi_thread")]
async fn websockets_are_closed_on_time() {
    bounded(60, async {
        let held = Held::start().await;
        let ca = held.world.gateway.ca();
        let mut client = Process::start("the WebSocket client", &mut python("ws_held.py", [&ca]));
        client.first_json();
        let (plans, reports) = carried_out(&held, &mut client, FLOOD.iter().chain(SOCKETS));
        println!("WebSockets over HTTP/1.1, the `websockets` package of Python:");
        let [cut @ .., kept] = &plans[..] else { panic!("no plan") };
        for (plan, report) in cut.iter().zip(reports.as_array().unwrap()) {
            plan.ended_on_time(report);
            // The closing handshake was whole, and begun by us (RFC 6455 §7.1.5).
            let frames = (&report["received"], &report["sent"], &report["by_peer"]);
            assert_eq!(frames, (&json!([1008, plan.reason]), &json!([1008, plan.reason]), &json!(true)), "{report}");
            assert!(report["messages"].as_u64() > Some(5), "{report}");
        }
        assert!(reports[3]["pongs"].as_u64() > Some(8), "pings went on until the end: {}", reports[3]);
        let report = &reports[4];
        assert_eq!(
            (&report["sent"], &report["by_peer"]),
            (&json!([1000, ""]), &json!(false)),
            "{}: {report}",
            kept.what.name
        );
        upstream_was_told(&held, cut);
    })
    .await;
}

/// The `grpcio` package: calls over one connection, which goes on, and whose pings keep nothing.
#[tokio::test(flavor = "multi_thread")]
async fn calls_of_grpc_end_on_time() {
    bounded(60, async {
        let held = Held::start().await;
        let (port, ca) = (held.world.gateway.config.port.to_string(), held.world.gateway.ca());
        let arguments = [port.as_str(), ca.to_str().unwrap(), "api.test"];
        let mut client = Process::start("the gRPC client", &mut python("grpc_held.py", arguments));
        client.first_json();
        let (plans, reports) = carried_out(&held, &mut client, CALLS);
        println!("calls of gRPC, the `grpcio` package of Python:");
        for (plan, report) in plans.iter().zip(reports.as_array().unwrap()) {
            plan.ended_on_time(report);
            let said = (&report["code"], &report["details"]);
            assert_eq!(said, (&json!("UNAUTHENTICATED"), &json!(plan.reason)), "{}: {report}", plan.what.name);
        }
    })
    .await;
}
