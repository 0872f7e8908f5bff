//! What lasts, over both versions of HTTP: listed with its route and its session for as long as it does, kept alive by what
//! moves on it, and by no ping.

use crate::live::{listed, text};
use crate::support::config::World;
use crate::support::lasting::Lasting;
use crate::support::wait;
use crate::world::{Session, bad, good, pause, start};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(2);

/// Of every kind that a client can speak on: its name here, in the list, its route, and what is said at its end.
const KINDS: [[&str; 4]; 3] = [
    ["WebSocket", "websocket", "idle", "1008 session_idle_timeout"],
    ["WebSocket over HTTP/2", "websocket", "idle", "1008 session_idle_timeout"],
    ["gRPC", "grpc", "idle-grpc", "16 session_idle_timeout"],
];

fn opened(world: &World, which: &str, token: &str) -> Lasting {
    match which {
        "WebSocket" => Lasting::websocket(&world.h1(), "/idle/socket", token),
        "WebSocket over HTTP/2" => Lasting::websocket_over_h2(&world.h2(), "/idle/socket", token),
        _ => Lasting::grpc(&world.h2(), "/grpc/echo", token),
    }
}

#[test]
fn listed_until_they_end() {
    let world = start();
    let (session, other) = (Session::begun(60), Session::begun(60));
    let _beside = Lasting::grpc(&world.h2(), "/grpc/echo", &other.token());
    let mut open = Vec::new();
    for [which, ..] in KINDS {
        open.push(opened(&world, which, &session.token()));
    }
    let told = listed(&world, "");
    assert_eq!(told["total"], 4, "{told}");
    let hash = told["connections"].as_array().unwrap().iter().find(|one| text(one, "kind") == "websocket");
    let hash = text(hash.unwrap(), "session").to_owned();
    let mine = listed(&world, &format!("?session={hash}"));
    let found = |name: &str| -> Vec<_> {
        mine["connections"].as_array().unwrap().iter().map(|one| text(one, name).to_owned()).collect()
    };
    assert_eq!(found("kind"), KINDS.map(|[_, kind, ..]| kind), "{mine}");
    assert_eq!(found("route"), KINDS.map(|[_, _, route, _]| route), "{mine}");
    assert!(found("why").iter().all(|why| why == "session_idle_timeout"), "{mine}");
    assert!(hash.len() == 16 && !mine.to_string().contains(session.sid()), "{mine}");
    let grpc = listed(&world, "?kind=grpc");
    assert_eq!((&grpc["total"], &grpc["routes"][0]["route"]), (&2.into(), &"idle-grpc".into()), "{grpc}");
    // Each leaves when it ends, whichever end that was.
    while let Some(one) = open.pop() {
        drop(one);
        wait::until("it has left", Duration::from_secs(2), || {
            (listed(&world, &format!("?session={hash}"))["total"] == open.len()).then_some(())
        });
    }
    assert_eq!(listed(&world, "")["total"], 1, "what nobody ended is live");
}

/// Ended by us they leave as well.
#[test]
fn kept_by_what_moves_and_by_no_ping() {
    let world = start();
    let sessions = KINDS.map(|_| Session::begun(60));
    let tokens = sessions.each_ref().map(Session::token);
    let mut open: Vec<_> = KINDS.iter().zip(&tokens).map(|([which, ..], token)| opened(&world, which, token)).collect();
    let mut before = Instant::now();
    for _ in 0..3 {
        pause(1_200);
        before = Instant::now();
        open.iter_mut().for_each(Lasting::says);
    }
    let said = Instant::now();
    sessions.iter().for_each(|session| good(&world, "/polled/1", &session.token()));
    for _ in 0..3 {
        pause(400);
        for ([which, ..], one) in KINDS.iter().zip(&mut open) {
            let lives = one.lives();
            assert!(lives || before.elapsed() > LIMIT, "{which} was cut too early");
            if lives {
                one.pings();
            }
        }
    }
    let ends = std::thread::scope(|scope| {
        let ends: Vec<_> = open.into_iter().map(|one| scope.spawn(|| one.end())).collect();
        ends.into_iter().map(|end| end.join().unwrap()).collect::<Vec<_>>()
    });
    for ([which, .., words], end) in KINDS.iter().zip(ends) {
        let (late, since) = (end.at.duration_since(said), end.at.duration_since(before));
        println!("{which}: {} {late:?} after it last said something, of {LIMIT:?}", end.said);
        assert_eq!(end.said, *words, "{which}");
        assert!(since >= LIMIT && late < LIMIT + Duration::from_secs(1), "{which}: {late:?}");
    }
    sessions.iter().for_each(|session| _ = bad(&world, "/idle/1", &session.token(), "session_idle_timeout"));
    wait::until("nothing is listed", Duration::from_secs(2), || (listed(&world, "")["total"] == 0).then_some(()));
}
