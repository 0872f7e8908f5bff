//! The page, looked at.

use crate::traffic::{CAUSES, nasty, refuse};
use crate::window::{look, node_test};
use crate::world::{TOKEN, World};
use serde_json::{Value, json};

fn url(world: &World) -> String {
    format!("http://127.0.0.1:{}", world.admin.port())
}

/// One picture of everything: sign-in, chart, counts, filters, look-ups, time lines, the gateway.
#[test]
fn an_operator_looks() {
    let world = World::start("token: { file: DIR/token }");
    let traces = refuse(&world);
    let of = |cause: &str| traces.iter().find(|(one, _)| *one == cause).unwrap().1.clone();
    let causes: Vec<Value> = CAUSES.iter().map(|(cause, times)| json!([cause, times])).collect();
    let each: Value = traces
        .iter()
        .map(|(cause, trace)| ((*cause).to_owned(), json!(trace)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let told =
        json!({ "url": url(&world), "token": TOKEN, "causes": causes, "traces": each, "expired": of("token_expired") });
    look("overview.mjs", &told);
}
