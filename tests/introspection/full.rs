//! More sessions than there is room for: where the config says so, the issuer's word stands in for what cannot be
//! remembered. Small bounds, over real sockets.

use crate::idp::{Idp, Say};
use crate::support::mint::{CORP, Mint, now, unique};
use crate::support::wait::until;
use crate::world::World;
use serde_json::json;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

const POLICIES: &str = r"
  idle: { session: { idle: 1m, extend: allow } }
  whole: { session: { absolute: 8h } }
  raced: { session: { idle: 1m }, revocation: { introspection: always } }
";

const ROUTES: &str = r#"
  - { name: idle, hosts: [HOST], path: "/idle", policy: idle, upstream: echo, session_headers: true }
  - { name: whole, hosts: [HOST], path: "/whole", policy: whole, upstream: echo }
  - { name: raced, hosts: [HOST], path: "/raced/**", policy: raced, upstream: echo }
"#;

/// At most two sessions are remembered.
fn start(on_full: &str) -> World {
    let idp = Idp::start();
    idp.json("/feed", &json!({"complete": true, "entries": []}));
    let world = World::start_edited(idp, |text| {
        let routes = ROUTES.replace("HOST", crate::support::config::HOST);
        let text = text.replacen("\npolicies:\n", &format!("\npolicies:{POLICIES}"), 1);
        let text = text.replacen("\nroutes:\n", &format!("\nroutes:{routes}"), 1);
        format!("{text}sessions: {{ max: 2, on_full: {on_full}, door: {{ route: idle }} }}\n")
    });
    world.gateway.wait_ready();
    world
}

/// A token of a session of its own, issued so many seconds ago.
fn issued(ago: i64, dated: bool) -> String {
    let token = Mint::get().ec.token().claim("iss", CORP).claim("sid", unique("s")).claim("iat", now() - ago);
    if dated { token.claim("auth_time", now() - ago).sign() } else { token.sign() }
}

fn fill(world: &World) -> [String; 2] {
    let held = [issued(5, true), issued(5, true)];
    held.iter().for_each(|token| assert_eq!(world.asks("/idle", token), "admitted"));
    assert_eq!((world.idp.count("/corp"), world.metric("curfew_sessions")), (0, 2.0), "while there is room");
    held
}

fn vouched(world: &World, answer: &str) -> f64 {
    world.metric(&format!("curfew_sessions_vouched_total{{answer=\"{answer}\"}}"))
}

#[test]
fn its_issuer_stands_in() {
    let world = start("introspect");
    let held = fill(&world);
    // Active, and its answer is kept: one question.
    let active = issued(5, true);
    for _ in 0..3 {
        assert_eq!(world.asks("/idle", &active), "admitted");
    }
    assert_eq!(world.idp.count("/corp"), 1);
    let gone = issued(5, true);
    world.idp.revoke(&gone);
    let answer = world.get("/idle", &gone);
    assert_eq!((answer.status, answer.reason().as_deref()), (401, Some("introspection_inactive")));
    // What it proves is over: nobody is asked.
    let asked = world.idp.count("/corp");
    assert_eq!(world.asks("/idle", &issued(62, true)), "session_idle_timeout");
    // How long it is, its sign-in tells; else it would have to be remembered.
    assert_eq!(world.asks("/whole", &issued(5, true)), "admitted");
    assert_eq!(world.idp.count("/corp"), asked);
    assert_eq!(world.asks("/whole", &issued(5, false)), "admitted");
    assert_eq!(world.idp.count("/corp"), asked + 1);
    // That it cannot be told is no fault of the session.
    world.idp.says("/corp", Say::Raw(500, "application/json", "{}".into()));
    let answer = world.get("/idle", &issued(5, true));
    assert_eq!((answer.status, answer.reason().as_deref()), (503, Some("introspection_unavailable")));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    // Whoever is held needs nobody.
    held.iter().for_each(|token| assert_eq!(world.asks("/idle", token), "admitted"));
    let counted = ["active", "inactive", "unknown"].map(|answer| vouched(&world, answer));
    assert_eq!(counted, [4.0, 1.0, 1.0]);
    assert_eq!(world.metric("curfew_sessions"), 2.0);
}

/// What is not remembered ends by what its token proves, however busy its user is: nobody is told of a later end, and more time
/// is not to be had.
#[test]
fn nobody_is_told_too_late_an_end() {
    let world = start("introspect");
    let held = fill(&world);
    let told = |token: &str| {
        let answer = world.get("/idle", token);
        let field = answer.header("curfew-session").unwrap_or_else(|| panic!("{}", answer.brief()));
        let left = field.split(", ").find_map(|one| one.strip_prefix("in=")).unwrap();
        left.parse::<u64>().unwrap()
    };
    let unkept = issued(20, true);
    assert!(told(&held[0]) >= 58 && told(&unkept) <= 40);
    let extend = |token: &str| {
        let host = crate::support::config::HOST;
        let head = format!("POST /.curfew/session/extend HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}");
        let request = format!("{head}\r\nCurfew-Extend: 1\r\nContent-Length: 0\r\n\r\n");
        let answer =
            crate::support::raw::ask(&mut world.door().open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap();
        (answer.status, answer.reason())
    };
    assert_eq!(extend(&held[0]).0, 200);
    assert_eq!(extend(&unkept), (503, Some("session_unavailable".to_owned())));
}

/// As it is without a word: 503, nobody is asked, and those who are held stay.
#[test]
fn or_there_is_503() {
    let world = start("deny");
    let held = fill(&world);
    let waits = (0..12).map(|_| {
        let answer = world.get("/idle", &issued(5, true));
        assert_eq!((answer.status, answer.reason().as_deref()), (503, Some("session_unavailable")));
        answer.header("retry-after").unwrap().parse::<u64>().unwrap()
    });
    let waits: std::collections::BTreeSet<u64> = waits.collect();
    assert!(waits.len() > 1 && waits.iter().all(|wait| (1..=5).contains(wait)), "those who wait are spread: {waits:?}");
    held.iter().for_each(|token| assert_eq!(world.asks("/idle", token), "admitted"));
    assert_eq!((world.idp.count("/corp"), vouched(&world, "active")), (0, 0.0));
    assert!(world.metric("curfew_sessions_not_kept_total") >= 12.0);
}

/// Two were judged while there was room for one more. When the other is left alone nobody would ever know: its stream ends.
#[test]
fn a_stream_that_lost_the_last_place_ends() {
    let world = start("deny");
    assert_eq!(world.asks("/idle", &issued(5, true)), "admitted");
    world.idp.says("/corp", Say::Hang);
    let mut streams = [(); 2].map(|()| {
        let (mut conn, host) = (world.door().open().unwrap(), crate::support::config::HOST);
        let token = issued(5, true);
        let head = format!("GET /raced/endless HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
        conn.write_all(head.as_bytes()).unwrap();
        conn
    });
    until("both are asked about", Duration::from_secs(5), || (world.idp.count("/corp") == 2).then_some(()));
    world.idp.says("/corp", Say::Truth);
    let (began, mut piece, mut ended) = (Instant::now(), vec![0; 1 << 16], [false; 2]);
    while began.elapsed() < Duration::from_secs(3) {
        for (conn, ended) in streams.iter_mut().zip(&mut ended) {
            conn.socket().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            *ended |= match conn.read(&mut piece) {
                Ok(count) => count == 0,
                Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            };
        }
    }
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1, "{ended:?}");
}

/// Sessions of one request each: not one more is remembered, each is asked about once, and what they take does not grow.
#[test]
fn a_flood_of_sessions_takes_no_room() {
    const MANY: usize = 300;
    let world = start("introspect");
    fill(&world);
    let bytes = world.metric("curfew_sessions_bytes");
    let mut conn = world.door().open().unwrap();
    for _ in 0..MANY {
        let head = format!(
            "GET /idle HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            crate::support::config::HOST,
            issued(5, true)
        );
        let answer = crate::support::raw::ask(&mut conn, head.as_bytes(), Duration::ZERO).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.brief());
    }
    until("all are counted", Duration::from_secs(5), || (vouched(&world, "active") == MANY as f64).then_some(()));
    assert_eq!((world.metric("curfew_sessions"), world.metric("curfew_sessions_bytes")), (2.0, bytes));
}

fn check(world: &World, from: &str, to: &str) -> (bool, String) {
    let text = std::fs::read_to_string(&world.config).unwrap();
    assert!(text.contains(from), "{from}");
    let file = world.config.with_file_name("edited.yaml");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_curfew")).arg("check").arg("-c").arg(&file).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn who_cannot_be_asked_is_told() {
    let world = start("introspect");
    let (fine, told) = check(&world, "max: 2", "max: 3");
    assert!(fine && !told.contains("on_full"), "{told}");
    let text = std::fs::read_to_string(&world.config).unwrap();
    let start = text.find("    introspection: { auth: { bearer").unwrap();
    let end = start + text[start..].find("}\nrevocation").unwrap();
    let (_, told) = check(&world, &text[start..end], "");
    assert!(told.contains("issuer `found`, which policy `idle` trusts, cannot be asked"), "{told}");
    let (fine, told) = check(&world, "on_full: introspect", "on_full: introspect, state: redis");
    assert!(!fine && told.contains("has to be remembered"), "{told}");
}
