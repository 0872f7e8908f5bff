//! Clients that others wrote: curl, the `websockets` and `grpcio` packages of Python.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::World;
use crate::world::config::Config;
use crate::world::process::{Process, python, run, stdout};
use crate::world::provider::{expiry, part};
use crate::world::wait::{PATIENCE, bounded, now, until};

/// curl, about to ask the gateway as `api.test`.
fn curl(world: &World, path: &str, arguments: &[&str]) -> Command {
    let port = world.gateway.config.port;
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "20", "--cacert"])
        .arg(world.gateway.ca());
    command.args(["--resolve", &format!("api.test:{port}:127.0.0.1")]).args(arguments);
    command.arg(format!("https://api.test:{port}{path}"));
    command
}

/// curl speaks both protocols with the gateway: GET, a large body there and back, two requests on one connection.
#[tokio::test(flavor = "multi_thread")]
async fn curl_is_served_over_both_protocols() {
    bounded(60, async {
        let world = World::start().await;
        let bearer = format!("authorization: Bearer {}", world.provider.token("rs256", 60));
        let big: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let file = world.gateway.config.file.with_file_name("body");
        std::fs::write(&file, &big).unwrap();
        for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let form = "\n%{http_version} %{http_code}";
            let said = stdout(&mut curl(&world, "/orders/7?a=b", &[flag, "-H", &bearer, "-w", form]));
            let (body, end) = said.rsplit_once('\n').unwrap();
            assert_eq!(end, format!("{version} 200"), "{said}");
            let told: Value = serde_json::from_str(body).unwrap();
            assert_eq!((&told["target"], &told["method"]), (&json!("/orders/7?a=b"), &json!("GET")));

            let upload = format!("@{}", file.display());
            let back = run(&mut curl(&world, "/orders/body", &[flag, "-H", &bearer, "--data-binary", &upload]));
            assert!(back.status.success() && back.stdout == big, "{flag}: {} bytes came back", back.stdout.len());

            let port = world.gateway.config.port;
            let second = format!("https://api.test:{port}/orders/8");
            let form = "%{num_connects} ";
            let discard = ["-o", "/dev/null", "-o", "/dev/null"];
            let reused = stdout(curl(&world, "/orders/9", &[flag, "-H", &bearer, "-w", form, &second]).args(discard));
            assert_eq!(reused.trim(), "1 0", "{flag}: the connection is kept");
        }
    })
    .await;
}

/// What curl sees of a refusal: status, challenge, problem body, no caching; an upload is answered before it is read.
#[tokio::test(flavor = "multi_thread")]
async fn curl_sees_why_it_is_refused() {
    bounded(60, async {
        let world = World::start().await;
        for flag in ["--http1.1", "--http2"] {
            let said = stdout(&mut curl(&world, "/orders/1", &[flag, "-i"])).replace('\r', "").to_lowercase();
            let (head, body) = said.split_once("\n\n").unwrap();
            assert!(head.lines().next().unwrap().contains(" 401"), "{head}");
            for line in ["www-authenticate: bearer realm=\"test\"", "content-type: application/problem+json"] {
                assert!(head.contains(line), "{line} is not in\n{head}");
            }
            assert!(head.contains("cache-control: no-store") && head.contains("proxy-status: curfew-test"), "{head}");
            let problem: Value = serde_json::from_str(body).unwrap();
            assert_eq!((&problem["reason"], &problem["status"]), (&json!("token_missing"), &json!(401)));

            // curl waits for "100 Continue" over HTTP/1.1; the answer comes instead of it.
            let file = world.gateway.config.file.with_file_name("zeros");
            std::fs::write(&file, vec![0; 5_000_000]).unwrap();
            let upload = format!("@{}", file.display());
            let arguments = [flag, "-H", "expect: 100-continue", "--data-binary", &upload, "-o", "/dev/null"];
            let form = ["-w", "%{http_code} %{size_upload}"];
            let said = stdout(&mut curl(&world, "/orders/body", &[&arguments[..], &form].concat()));
            let (status, sent) = said.split_once(' ').unwrap();
            assert_eq!(status, "401");
            println!("{flag}: refused after {sent} of 5000000 bytes");
            assert!(sent.parse::<u64>().unwrap() < 2_000_000, "the body was read: {sent}");
        }
        assert_eq!(world.upstream.seen(), 0);
    })
    .await;
}

/// A config with a second upstream, and a route to it.
fn beside(config: &mut Config, route: Value, port: u64) {
    let endpoint = format!("http://127.0.0.1:{port}");
    config.value["upstreams"]["side"] = json!({ "endpoints": [endpoint] });
    config.value["routes"].as_array_mut().unwrap().push(route);
}

fn websocket(world: &World, token: &str, messages: &str) -> Value {
    let url = format!("wss://localhost:{}/live/feed", world.gateway.config.port);
    let mut client = python("ws_client.py", [url.as_str(), path(&world.gateway.ca()), token, messages]);
    serde_json::from_str(&stdout(&mut client)).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A WebSocket opens with a good token, and messages of many sizes come back; without one it is refused as any
/// request is; and it ends within a second of its token.
#[tokio::test(flavor = "multi_thread")]
async fn websockets_live_as_long_as_their_token() {
    bounded(90, async {
        let mut echo = Process::start("the WebSocket server", &mut python("ws_server.py", [""; 0]));
        let port = echo.first_json()["port"].as_u64().unwrap();
        let route = json!({ "name": "live", "path": "/live/**", "upstream": "side", "websocket": true });
        let world = World::start_with(|config| beside(config, route.clone(), port)).await;

        let report = websocket(&world, &world.provider.token("es256", 60), "60");
        assert_eq!(
            (&report["echoed"], &report["closed_by"], &report["code"]),
            (&json!(60), &json!("client"), &json!(1000))
        );
        let told = &report["hello"]["headers"];
        assert_eq!((&told["curfew-subject"], told.get("authorization")), (&json!("worker"), None), "{told}");

        let refusal = websocket(&world, "-", "1");
        assert_eq!(refusal["status"], 401, "{refusal}");
        assert!(refusal["body"].as_str().unwrap().contains("token_missing"), "{refusal}");

        let token = world.provider.token("es256", 3);
        let report = websocket(&world, &token, "hold");
        let late = report["ended_at"].as_f64().unwrap() - expiry(&token);
        println!(
            "{} echoes, ended by the {} {:.0} ms after the token's end: {}",
            report["echoed"],
            report["closed_by"],
            late * 1000.0,
            report["error"]
        );
        assert_eq!(report["closed_by"], "server", "{report}");
        assert!(report["echoed"].as_u64().unwrap() > 10, "{report}");
        assert!((0.0..=1.0).contains(&late), "ended {late} s after its token: {report}");
        assert_eq!((&report["code"], &report["reason"]), (&json!(1008), &json!("stream_expired")), "{report}");
        let told = r#"{"closed": 1008, "reason": "stream_expired"}"#;
        assert!(echo.said().contains(told), "the upstream is told, too: {}", echo.said());
    })
    .await;
}

/// gRPC: unary, streams, messages of many sizes, metadata both ways, trailers and error statuses, as without a
/// gateway; and a refusal is a status that gRPC understands.
#[tokio::test(flavor = "multi_thread")]
async fn grpc_passes_whole() {
    bounded(90, async {
        let mut server = Process::start("the gRPC server", &mut python("grpc_server.py", [""; 0]));
        let port = server.first_json()["port"].as_u64().unwrap();
        let route = json!({ "name": "grpc", "path": "/test.Echo/**", "methods": ["POST"], "upstream": "side" });
        let world = World::start_with(|config| {
            beside(config, route.clone(), port);
            config.value["upstreams"]["side"]["protocol"] = "http2".into();
        })
        .await;
        let call = |token: &str| -> Value {
            let port = world.gateway.config.port.to_string();
            let mut client = python("grpc_client.py", [port.as_str(), path(&world.gateway.ca()), "api.test", token]);
            serde_json::from_str(&stdout(&mut client)).unwrap()
        };
        let token = world.provider.token("eddsa", 60);
        let seen = call(&token);
        let unary = &seen["unary"];
        assert_eq!((&unary["answer"], &unary["code"]), (&json!("olleh"), &json!("OK")), "{seen}");
        assert_eq!((&unary["initial"]["x-initial"], &unary["trailing"]["x-trailing"]), (&json!("i"), &json!("t")));
        assert_eq!(unary["trailing"]["x-binary-bin"], "00ff01");
        assert_eq!(
            (&unary["told"]["curfew-subject"], unary["told"].get("authorization")),
            (&part(&token, 1)["sub"], None)
        );
        assert_eq!((&seen["stream"]["whole"], &seen["stream"]["code"]), (&json!(200), &json!("OK")));
        assert_eq!(seen["stream"]["trailing"]["x-sent"], "200");
        assert_eq!(seen["both"]["answers"], json!(["ONE", "TWO", "THREE"]));
        assert_eq!(
            (&seen["fail"]["code"], &seen["fail"]["details"]),
            (&json!("FAILED_PRECONDITION"), &json!("the précondition failed: 100%"))
        );
        assert_eq!(seen["fail"]["trailing"]["x-trailing"], "of a failure");

        let refused = call("-");
        println!("without a token, gRPC sees {}", refused["unary"]);
        assert_eq!(refused["unary"]["code"], "UNAUTHENTICATED", "{refused}");
    })
    .await;
}

/// An answer that streams is cut within a second of its token's end, and not before, over both protocols.
#[tokio::test(flavor = "multi_thread")]
async fn streams_are_cut_when_their_token_ends() {
    bounded(60, async {
        let world = World::start().await;
        for flag in ["--http1.1", "--http2"] {
            let token = world.provider.token("rs256", 2);
            let bearer = format!("authorization: Bearer {token}");
            let output = run(&mut curl(&world, "/orders/drip", &[flag, "--no-buffer", "-H", &bearer]));
            let late = now() - expiry(&token);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            println!(
                "{flag}: {} bytes, cut {:.0} ms after the token's end: {said}",
                output.stdout.len(),
                late * 1000.0
            );
            assert!(output.stdout.starts_with(b"data: drop"), "{flag}: {said}");
            assert!(!output.status.success(), "{flag}: an answer that was cut must not look whole");
            assert!((0.0..=1.0).contains(&late), "{flag}: cut {late} s after the token's end");
        }
    })
    .await;
}

/// An ordinary request was admitted in time, but its answer comes after its token's end. The client gets the answer,
/// or is told why not: an answer that was not begun is never just torn off.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_an_answer() {
    bounded(60, async {
        let world = World::start().await;
        let mut torn = Vec::new();
        for flag in ["--http1.1", "--http2"] {
            let bearer = format!("authorization: Bearer {}", world.provider.token("rs256", 2));
            let output = run(&mut curl(&world, "/orders/1?ms=3000", &[flag, "-H", &bearer, "-w", "\n%{http_code}"]));
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("{flag}: {} {said} {complaint}", output.status);
            let (body, status) = said.rsplit_once('\n').unwrap();
            let is_answer = status == "200" || status == "401" && body.contains("stream_expired");
            if !(output.status.success() && is_answer) {
                torn.push(format!("{flag}: {said} {complaint}"));
            }
        }
        assert!(torn.is_empty(), "torn off: {torn:?}");
    })
    .await;
}

/// The provider tells the gateway of logouts, in the clear, on this machine.
fn told_of_logouts(config: &mut Config, inside: u16) {
    let listener = json!({"name": "inside", "address": format!("127.0.0.1:{inside}"), "plaintext": true});
    config.value["listeners"].as_array_mut().unwrap().push(listener);
    config.value["revocation"]["sources"]["corp-logout"] =
        json!({"kind": "backchannel_logout", "issuer": "corp", "client_ids": ["shop"]});
}

/// Waits until so many streams are live, and have been for long enough that something was said on each.
async fn until_live(world: &World, count: usize) {
    until("streams are live", PATIENCE * 2, async || {
        let (_, told) = world.gateway.ask_admin("/connections").await?;
        let told: Value = serde_json::from_str(&told).ok()?;
        (told["connections"].as_array()?.len() == count).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

/// A user signs out at the provider; a WebSocket and a gRPC stream of that session end within a second, each by the
/// proper code of its protocol, and what others have open goes on.
#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_their_user_signs_out() {
    bounded(90, async {
        let mut sockets = Process::start("the WebSocket server", &mut python("ws_server.py", [""; 0]));
        let mut grpc = Process::start("the gRPC server", &mut python("grpc_server.py", [""; 0]));
        let (ws_port, grpc_port) = (sockets.first_json()["port"].clone(), grpc.first_json()["port"].clone());
        let inside = crate::port::free();
        let world = World::start_with(|config| {
            told_of_logouts(config, inside);
            let endpoints = |port: &Value| json!([format!("http://127.0.0.1:{port}")]);
            config.value["upstreams"]["sockets"] = json!({ "endpoints": endpoints(&ws_port) });
            config.value["upstreams"]["grpc"] = json!({ "endpoints": endpoints(&grpc_port), "protocol": "http2" });
            let routes = config.value["routes"].as_array_mut().unwrap();
            routes.push(json!({ "name": "live", "path": "/live/**", "upstream": "sockets", "websocket": true }));
            routes.push(json!({ "name": "grpc", "path": "/test.Echo/**", "methods": ["POST"], "upstream": "grpc" }));
        })
        .await;
        world.provider.tell_logouts_to(&format!("http://127.0.0.1:{inside}/.curfew/events/corp-logout"));
        let (user, token) = world.provider.sign_in();
        let (_, other) = world.provider.sign_in();
        let ca = world.gateway.ca();
        let (port, url) =
            (world.gateway.config.port, format!("wss://localhost:{}/live/feed", world.gateway.config.port));
        let hold = |token: &str| {
            Process::start("a WebSocket client", &mut python("ws_client.py", [&url, path(&ca), token, "hold"]))
        };
        let (mut socket, mut kept) = (hold(&token), hold(&other));
        let arguments = [&port.to_string(), path(&ca), "api.test", &token, &other];
        let mut call = Process::start("a gRPC client", &mut python("grpc_client.py", arguments));
        until_live(&world, 4).await;
        let (_, failed) = world.provider.sign_out(user);
        let enforced = now();
        assert_eq!(failed, 0);
        for (name, report) in [("WebSocket", socket.first_json()), ("gRPC", call.first_json())] {
            let late = report["ended_at"].as_f64().unwrap() - enforced;
            println!("{name}: ended {:.0} ms after the sign-out was enforced: {report}", late * 1000.0);
            assert!((-0.1..=1.0).contains(&late), "{report}");
        }
        let report = socket.first_json();
        assert_eq!((&report["code"], &report["reason"]), (&json!(1008), &json!("session_revoked")), "{report}");
        assert!(sockets.said().contains(r#"{"closed": 1008, "reason": "session_revoked"}"#), "{}", sockets.said());
        let report = call.first_json();
        assert_eq!((&report["code"], &report["details"]), (&json!("UNAUTHENTICATED"), &json!("session_revoked")));
        assert!(report["messages"].as_u64() > Some(10) && report["kept"].as_u64() > Some(10), "{report}");
        assert_eq!(report["kept_on"], true, "{report}");
        assert!(kept.ended().is_none(), "the WebSocket of another session ended: {}", kept.said());
        let metrics = world.gateway.metrics().await;
        for route in ["live", "grpc"] {
            let words = [format!("route=\"{route}\""), "reason=\"session_revoked\"".to_owned()];
            let line = metrics.lines().find(|line| words.iter().all(|word| line.contains(word)));
            println!("{}", line.unwrap_or_default());
            assert!(line.is_some_and(|line| line.split(" # ").next().unwrap().ends_with(" 1")), "{route}: {line:?}");
        }
    })
    .await;
}

/// A gateway that leaves says so: 1001, so that clients open their WebSocket elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_leaves_tells_websockets() {
    bounded(60, async {
        let mut echo = Process::start("the WebSocket server", &mut python("ws_server.py", [""; 0]));
        let port = echo.first_json()["port"].as_u64().unwrap();
        let route = json!({ "name": "live", "path": "/live/**", "upstream": "side", "websocket": true });
        let mut world = World::start_with(|config| beside(config, route.clone(), port)).await;
        let (url, ca) = (format!("wss://localhost:{}/live/feed", world.gateway.config.port), world.gateway.ca());
        let token = world.provider.token("es256", 60);
        let mut client = Process::start("a client", &mut python("ws_client.py", [&url, path(&ca), &token, "hold"]));
        until_live(&world, 1).await;
        let began = now();
        assert!(world.gateway.stop().await.success());
        let report = client.first_json();
        println!("closed {:.0} ms after it was told to go", (report["ended_at"].as_f64().unwrap() - began) * 1000.0);
        assert_eq!((&report["code"], &report["reason"]), (&json!(1001), &json!("going_away")), "{report}");
        assert!(report["echoed"].as_u64().unwrap() > 10 && echo.said().contains(r#""closed": 1001"#), "{report}");
    })
    .await;
}
