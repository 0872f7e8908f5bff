//! What is live is listed, by route and hashed session, with when and why it will end; and no longer than it lasts.

use crate::streams::open;
use crate::support::config::World;
use crate::support::raw::Conn;
use crate::support::table::get;
use crate::support::wait;
use crate::world::{Session, pause, start};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::time::Duration;

pub fn listed(world: &World, query: &str) -> Value {
    let (status, body) = world.gateway.admin(&format!("/connections{query}"));
    assert_eq!(status, 200, "{body}");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(told["complete"], true, "{told}");
    told
}

/// An answer that has begun.
fn begun(world: &World, path: &str, session: &Session) -> Conn {
    let mut conn = world.h1().open().unwrap();
    conn.write_all(&get(path, &session.token())).unwrap();
    assert_eq!(conn.read(&mut [0; 1]).unwrap(), 1);
    conn
}

pub fn text<'a>(one: &'a Value, name: &str) -> &'a str {
    one[name].as_str().unwrap_or_default()
}

#[test]
fn what_is_live_is_listed() {
    let world = start();
    assert_eq!(listed(&world, "")["total"], 0);
    let (alice, bob) = (Session::begin(), Session::begin());
    let socket = open(&world, &alice.token());
    let events = begun(&world, "/lax/quiet", &alice);
    let download = begun(&world, "/lax/quiet", &bob);
    let told = listed(&world, "");
    assert_eq!((&told["total"], &told["routes"][0]["route"]), (&3.into(), &"idle".into()), "{told}");
    let kinds: Vec<_> = told["connections"].as_array().unwrap().iter().map(|one| text(one, "kind")).collect();
    assert_eq!(kinds, ["websocket", "events", "events"], "those that have lasted longest come first");

    // The end that comes first, and its reason.
    let [socket_told, events_told, ..] = &told["connections"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!((text(socket_told, "route"), text(socket_told, "why")), ("idle", "session_idle_timeout"));
    let span = |one: &Value| {
        let at = |name: &str| text(one, name).parse::<jiff::Timestamp>().unwrap().as_millisecond();
        at("ends") - at("since")
    };
    assert!((500..=2_500).contains(&span(socket_told)), "{socket_told}");
    assert_eq!(text(events_told, "why"), "stream_expired", "{events_told}");

    // By the session, which is never told itself.
    let hash = text(socket_told, "session");
    assert!(hash.len() == 16 && text(events_told, "session") == hash, "{told}");
    assert_eq!(listed(&world, &format!("?session={hash}"))["total"], 2);
    assert_eq!(listed(&world, &format!("?session={hash}&route=lax&kind=events"))["total"], 1);
    let one = listed(&world, "?limit=1");
    assert_eq!((&one["total"], one["connections"].as_array().unwrap().len()), (&3.into(), 1), "{one}");
    assert_eq!(world.gateway.admin("/connections?kind=tcp").0, 400);

    let output = Command::new(env!("CARGO_BIN_EXE_curfew"))
        .args(["connections", "--kind", "websocket", "--admin", &format!("http://127.0.0.1:{}", world.ports.admin)])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("websocket") && said.contains("(session_idle_timeout)") && said.ends_with("1 of 1\n"),
        "{said}"
    );

    // What has ended is gone, whoever ended it.
    drop((events, download));
    wait::until("only the socket is left", Duration::from_secs(3), || {
        pause(50);
        (listed(&world, "")["total"].as_u64()? <= 1).then_some(())
    });
    drop(socket);
    wait::until("nothing is left", Duration::from_secs(5), || {
        pause(50);
        (listed(&world, "")["total"] == 0).then_some(())
    });
}

/// Any answer is a download once it has lasted for a second.
#[test]
fn an_answer_becomes_a_download() {
    let world = start();
    let conn = begun(&world, "/lax/endless", &Session::begin());
    assert_eq!(listed(&world, "?kind=download")["total"], 0);
    pause(1_100);
    let told = listed(&world, "");
    assert_eq!((&told["total"], text(&told["connections"][0], "kind")), (&1.into(), "download"), "{told}");
    drop(conn);
}
