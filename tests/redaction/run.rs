//! The run, its report, and the proof that it could fail.

use crate::marks::{Hit, Sink, report};
use crate::support::confided;
use crate::support::config::HOST;
use crate::support::mint::Mint;
use crate::support::raw::ask;
use crate::support::wait::until;
use crate::world::World;
use crate::{commands, events, traffic};
use std::time::Duration;

fn everything() -> (World, Vec<Sink>, Vec<Hit>) {
    let world = World::start();
    let (ends, traces) = traffic::send_all(&world);
    let told = events::send_all(&world);
    println!("requests, by their ends: {ends:#?}\nevents: {told:?}");
    assert!(ends.len() >= 25 && ends.values().sum::<usize>() > 150, "{ends:?}");
    assert!(told.iter().filter(|status| (200..300).contains(*status)).count() >= 4, "{told:?}");
    // Providers are asked again and again, and answer each time otherwise.
    let asked = |path: &str, times: usize| {
        until(path, Duration::from_secs(40), || (world.liar.asked(path) >= times).then_some(()));
    };
    asked("/feed", 5);
    let said = commands::ask_all(&world, &traces);
    for (path, times) in [("/feed", 10), ("/badkeys", 5), ("/introspect", 4), ("/mad", 5), ("/v1/traces", 3)] {
        asked(path, times);
    }
    // What is exported and written in batches is out when the gateway has ended.
    let pid = world.gateway.pid.to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    until("the gateway has ended", Duration::from_secs(20), || (!world.gateway.lives()).then_some(()));
    let sinks: Vec<Sink> = world.written().into_iter().chain(said).collect();
    let hits = world.marks.search(&sinks);
    println!("{}", report(&world.marks, &sinks, &hits));
    (world, sinks, hits)
}

#[track_caller]
fn clean(sinks: &[Sink], hits: &[Hit]) {
    let mut seen = std::collections::BTreeSet::new();
    for hit in hits
        .iter()
        .filter(|hit| seen.insert((hit.sink.clone(), hit.around.chars().skip(150).take(60).collect::<String>())))
        .take(60)
    {
        println!("LEAK {} ({}): …{}…\n", hit.sink, hit.spelling, hit.around);
    }
    assert!(hits.is_empty(), "{} marks were found", hits.len());
    for name in [
        "standard error, the log",
        "spans, as the collector got them",
        "syslog",
        "file access.log",
        "file operators.log",
        "file audit/log",
        "curfew trace",
        "admin /metrics",
        "Redis, all keys",
    ] {
        let sink = sinks.iter().find(|sink| sink.name == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(!sink.bytes.is_empty(), "{name} is empty, and so proves nothing");
    }
}

/// Nothing that is told in confidence is written anywhere; what is plain to see is found, so that it could have failed.
#[test]
fn nothing_that_is_secret_is_written_anywhere() {
    let (world, sinks, hits) = everything();
    clean(&sinks, &hits);
    let log = String::from_utf8_lossy(&sinks[0].bytes).into_owned();
    for level in ["TRACE", "DEBUG", "WARN"] {
        assert!(log.contains(&format!(" {level} ")), "the log says nothing at the level {level}");
    }
    drop(world);
}

/// The search finds what is there: a mark in the path, which logs, spans and records may tell.
#[test]
fn a_mark_that_is_plain_to_see_is_found() {
    let world = World::start();
    let (token, mark) = (Mint::get().ec.token().claim("exp", 1).sign(), world.marks.visible());
    let request = format!("GET /orders/{mark} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
    let answer = ask(&mut world.door().open().unwrap(), request.as_bytes(), Duration::ZERO).unwrap();
    let trace = answer.json().unwrap()["trace_id"].as_str().unwrap().to_owned();
    let said = commands::ask_all(&world, &[trace]);
    std::process::Command::new("kill").args(["-TERM", &world.gateway.pid.to_string()]).status().unwrap();
    until("the gateway has ended", Duration::from_secs(20), || (!world.gateway.lives()).then_some(()));
    let sinks: Vec<Sink> = world.written().into_iter().chain(said).collect();
    let hits = world.marks.search(&sinks);
    println!("{}", report(&world.marks, &sinks, &hits));
    for name in [
        "spans, as the collector got them",
        "file access.log",
        "curfew trace",
        "curfew refusals --limit",
        "admin records",
    ] {
        assert!(hits.iter().any(|hit| hit.sink == name), "{name} should tell the path");
    }
    assert!(hits.iter().any(|hit| hit.sink.starts_with("file records/")));
}

/// At the end of every gateway of every test, what it wrote is searched for the tokens that were issued.
#[test]
fn a_token_in_a_log_is_found_at_the_end_of_any_test() {
    let dir = tempfile::tempdir().unwrap();
    let (config, token) = (dir.path().join("curfew.yaml"), Mint::get().ec.token().sign());
    std::fs::write(config.with_extension("log"), "nothing\n").unwrap();
    assert!(confided::told(&config).is_empty());
    std::fs::write(config.with_extension("log"), format!("a line\nBearer {token}, and more\n")).unwrap();
    assert!(confided::told(&config)[0].ends_with("curfew.log: line 2"));
    std::fs::create_dir(dir.path().join("records")).unwrap();
    std::fs::write(dir.path().join("records/1.ndjson"), format!("{{\"a\":\"{token}\"}}")).unwrap();
    assert_eq!(confided::told(&config).len(), 2);
}
