//! What a page in a browser sees when its WebSockets end: over HTTP/2, which browsers use where they may, and over HTTP/1.1.

use serde_json::json;

use std::process::Command;

use crate::held::{Held, SOCKETS, carried_out, upstream_was_told};
use crate::world::process::{Process, installed, service};
use crate::world::wait::bounded;

/// `status`: that of the handshake, by which the versions differ (RFC 8441 §5).
async fn held_open(version: &str, status: u16, arguments: &[&str]) {
    let held = Held::start().await;
    let origin = format!("https://localhost:{}", held.world.gateway.config.port);
    let mut node = Command::new("node");
    node.arg(service("ws_chromium.mjs")).arg(installed()).arg(origin).args(arguments);
    let mut client = Process::start("Chromium", &mut node);
    client.first_json();
    let (plans, told) = carried_out(&held, &mut client, SOCKETS);
    println!("WebSockets over {version}, Chromium:");
    assert_eq!(told["statuses"], json!([status]), "{told}");
    let reports = told["reports"].as_array().unwrap();
    let [cut @ .., _] = &plans[..] else { panic!("no plan") };
    for (plan, report) in cut.iter().zip(reports) {
        plan.ended_on_time(report);
        let seen = (&report["code"], &report["reason"], &report["clean"]);
        assert_eq!(seen, (&json!(1008), &json!(plan.reason), &json!(true)), "{report}");
    }
    let report = &reports[3];
    assert_eq!((&report["code"], &report["clean"]), (&json!(1000), &json!(true)), "{report}");
    upstream_was_told(&held, cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_of_a_page_over_http_2() {
    bounded(90, held_open("HTTP/2", 200, &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_of_a_page_over_http_1() {
    bounded(90, held_open("HTTP/1.1", 101, &["--disable-http2"])).await;
}
