//! The page, looked at.

use crate::traffic::{CAUSES, loud, nasty, refuse, refuse_ageless, try_out};
use crate::window::{look, node_test};
use crate::world::{TOKEN, World};
use serde_json::{Map, Value, json};

const GUARDED: &str = "token: { file: DIR/token }";

/// Which limit each cause crosses on the time line; the others have to do with no time.
const CROSSED: &[(&str, &str)] = &[
    ("token_expired", "token"),
    ("token_not_yet_valid", "token"),
    ("subject_revoked", "revocation"),
    ("session_idle_timeout", "idle"),
    ("auth_too_old", "auth_age"),
    ("token_too_old", "age"),
    ("session_absolute_timeout", "absolute"),
    ("token_lifetime_excessive", "lifetime"),
];

fn told(world: &World) -> Value {
    json!({ "url": format!("http://127.0.0.1:{}", world.admin.port()), "token": TOKEN })
}

fn object<V: Into<Value>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Value {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>().into()
}

/// Whoever signs in sees what is refused, as it comes, and finds the way by keys alone.
#[test]
fn the_overview_shows_what_is_refused() {
    let mut world = World::start(GUARDED);
    refuse(&world);
    world.age();
    let all = world.records(&json!({ "limit": 1000 }));
    let count = |reason: &str| all.iter().filter(|record| record["reason"] == reason).count();
    let mut told = told(&world);
    told["total"] = all.len().into();
    told["most"] =
        json!([["token_expired", count("token_expired")], ["session_idle_timeout", count("session_idle_timeout")]]);
    told["shop"] = all.iter().filter(|record| record["token"]["client"].is_string()).count().into();
    told["mallory"] = count("subject_revoked").into();
    told["public"] = format!("http://127.0.0.1:{}", world.public).into();
    look("overview.mjs", &told);
}

/// One glance shows which edge was crossed, and by how much.
#[test]
fn each_refusal_is_drawn_to_scale() {
    let world = World::start(GUARDED);
    let traces = refuse(&world);
    assert_eq!(world.get("/orders/7", b"X-Request-Id: checkout-7f3a\r\n").status, 401);
    try_out(&world);
    let mut told = told(&world);
    let record = |trace: &String| world.records(&json!({ "id": trace }))[0].clone();
    told["causes"] = CAUSES.iter().map(|(cause, times)| json!([cause, times])).collect();
    told["traces"] = object(traces.iter().map(|(cause, trace)| (*cause, trace.clone())));
    told["records"] = object(traces.iter().map(|(cause, trace)| (*cause, record(trace))));
    let ageless = refuse_ageless(&world);
    let trail = record(&ageless)["trail"]["questions"].clone();
    let freshness = trail.as_array().unwrap().iter().find(|one| one["name"] == "freshness").unwrap();
    assert!(freshness.get("allowed").is_none() && freshness["outcome"] == "pass", "{freshness}");
    told["ageless"] = ageless.into();
    told["crossed"] = object(CROSSED.iter().copied());
    look("refusals.mjs", &told);
}

/// The gateway's standing, dark, narrow, and what clients would like to do to a page.
#[test]
fn the_rest_is_shown_everywhere_and_does_nothing() {
    let mut world = World::start(GUARDED);
    refuse(&world);
    world.age();
    let traces = refuse(&world);
    let mut told = told(&world);
    told["traces"] = object(traces.iter().map(|(cause, trace)| (*cause, trace.clone())));
    told["nasty"] = nasty(&world).into();
    told["loud"] = loud(&world).into();
    look("rest.mjs", &told);
}

/// The figures behind the figure.
#[test]
fn the_scale_is_right_without_a_browser() {
    node_test("timeline.test.mjs");
}
