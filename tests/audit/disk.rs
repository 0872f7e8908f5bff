//! Killed, rotated, and on a disk that is full.

use crate::support::gateway::free_port;
use crate::support::wait::until;
use crate::world::{World, token};
use std::io::Write as _;
use std::time::Duration;

/// Killed again and again, and once in the middle of a line: it is told, and the chain goes on.
#[test]
fn killed() {
    let mut world = World::start("");
    for round in 0..5 {
        assert_eq!(world.revoke(&format!("u{round}"), "r", "ann").status, 200);
        world.restart();
    }
    world.kill();
    let mut file = std::fs::OpenOptions::new().append(true).open(world.log()).unwrap();
    file.write_all(b"{\"seq\":99,\"time\":\"20").unwrap();
    let (code, said) = world.audit(&["verify"], &world.files());
    assert!(code == 0 && said.contains("the last line is not whole"), "{said}");
    world.restart();
    assert_eq!(world.told("torn_tail")["bytes"], 20);
    let lines = world.lines();
    assert_eq!(lines.iter().filter(|line| line["result"] == "enforced").count(), 5, "what was answered is there");
    assert_eq!(lines.iter().filter(|line| line["event"] == "start").count(), 7);
    world.holds(&[]);
}

/// The end of the file was changed meanwhile: a new chain begins, and both the log and whoever verifies say so.
#[test]
fn changed_while_it_was_down() {
    let mut world = World::start("");
    assert_eq!(world.revoke("u", "r", "ann").status, 200);
    world.kill();
    let text = std::fs::read_to_string(world.log()).unwrap();
    std::fs::write(world.log(), text.replace("enforced", "failed")).unwrap();
    world.restart();
    assert!(world.told("chain_begun")["why"].as_str().unwrap().contains("does not hold"));
    let metrics = world.gateway.as_ref().unwrap().admin("/metrics").1;
    assert!(metrics.contains("\ncurfew_audit_chain_broken 1.0\n"), "{metrics}");
    assert_eq!(world.audit(&["verify"], &world.files()).0, 8);
}

#[test]
fn rotated_by_size_and_some_are_kept() {
    let mut world = World::start("rotate_bytes: 2KiB, keep: 3");
    for round in 0..6 {
        assert_eq!(world.revoke(&format!("u{round}"), &"r".repeat(900), "ann").status, 200);
    }
    world.holds(&[]);
    assert_eq!(world.files().len(), 4);
    let first = std::fs::read_to_string(world.log()).unwrap();
    let first: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    let before = std::fs::read_to_string(&world.files()[2]).unwrap();
    assert_eq!(first["event"], "rotated");
    assert!(
        before.lines().last().unwrap().contains(first["prev"].as_str().unwrap()),
        "it names the last hash before it"
    );
    // The log says which of the oldest it removed itself; one more that is missing shows.
    let (code, said) = world.audit(&["verify"], &world.files()[1..]);
    assert!(code == 8 && said.contains("the log does not say that it removed them"), "{said}");
    // A file in the middle that is missing shows; the order in which files are named does not matter.
    let mut files = world.files();
    files.reverse();
    assert_eq!(world.audit(&["verify"], &files).0, 0);
    files.remove(1);
    let (code, said) = world.audit(&["verify"], &files);
    assert!(code == 8 && said.contains("removed before line") && said.contains("log:1:"), "{said}");
    world.restart();
    // Its start is told beside everything else, and rotates the log once more.
    let pid = world.gateway.as_ref().unwrap().pid;
    until("the start is told", Duration::from_secs(15), || {
        let text = std::fs::read_to_string(world.log()).unwrap_or_default();
        text.contains(&format!("\"pid\":{pid}")).then_some(())
    });
    world.holds(&[]);
}

#[test]
fn rotated_by_age() {
    let world = World::start("rotate_after: 1s");
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(world.revoke("u", "r", "ann").status, 200);
    assert_eq!(world.files().len(), 2);
    world.holds(&[]);
}

/// What operators ask is not done, what the line tells is dropped and counted, nobody waits; and the log says so once.
#[test]
fn a_disk_that_is_full() {
    let full = ["sh", "-c", "trap '' XFSZ; ulimit -S -f 48; exec \"$@\"", "sh"];
    let world = World::start_under(&full, "events: [operator, session_first_seen], rotate_bytes: 1GiB");
    let mut refused = 0;
    for round in 0..40 {
        let status = world.revoke(&format!("u{round}"), &"r".repeat(1_000), "ann").status;
        assert!(status == 200 || status == 503, "{status}");
        refused += usize::from(status == 503);
    }
    assert!(refused > 5, "{refused}");
    // Lines of sessions are shorter: some find room yet.
    for _ in 0..60 {
        // A token is dated in whole seconds: on a busy machine its session may have been quiet for one already.
        let answer = world.bear(&token().0);
        let quiet = answer.reason().as_deref() == Some("session_idle_timeout");
        assert!(answer.status == 200 || quiet, "{}", answer.brief());
    }
    let log = world.gateway.as_ref().unwrap().log();
    let told =
        log.lines().filter(|line| line.contains("ERROR") && line.contains("audit log cannot be written:")).count();
    assert!((1..=3).contains(&told), "{told}: {log}");
    world.holds(&[]);
    // Nothing comes any more, and it is not well for that: whoever is to be woken is.
    let count = |name: &str| world.metric(name);
    assert!(count("curfew_audit_refused_total") >= refused as f64);
    let (before, again) = (count("curfew_audit_sync_age_seconds"), world.times("is written again"));
    until("it is looked for room again", Duration::from_secs(15), || {
        std::thread::sleep(Duration::from_millis(50));
        (count("curfew_audit_sync_age_seconds") > before + 3.0).then_some(())
    });
    assert_eq!(world.times("is written again"), again, "nothing was written");
    assert_eq!(world.revoke("not yet", &"r".repeat(1_000), "ann").status, 503);
    // Room is made: somebody raises the limit. What was dropped is the first that is told.
    let pid = world.gateway.as_ref().unwrap().pid.to_string();
    let raised = std::process::Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap();
    assert!(raised.success());
    assert_eq!(world.revoke("later", "r", "ann").status, 200);
    assert!(world.told("dropped")["events"].as_u64().unwrap() > 0);
    // Some of it was told meanwhile, when there was room for a short line.
    let told = |line: &serde_json::Value| (line["event"] == "refused").then(|| line["deeds"].as_u64().unwrap());
    assert_eq!(world.lines().iter().filter_map(told).sum::<u64>(), refused as u64 + 1);
    world.holds(&[]);
}

/// Where standard error goes is full: what would be logged is lost, and nothing else is.
#[test]
fn a_log_that_cannot_be_written() {
    let full = ["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"];
    let world = World::start_under(&full, "");
    assert_eq!(world.revoke("u", "r", "ann").status, 200);
    // A token is dated in whole seconds: on a busy machine its session may have been quiet for one already.
    assert!((0..10).any(|_| world.bear(&token().0).status == 200));
    assert_eq!(world.bear("none.at.all").status, 401);
    world.holds(&[]);
}

/// Whoever else would add lines to its file is not started, whatever name it has for it; and a second writer of the chain
/// neither.
#[test]
fn one_writes_it_alone() {
    let world = World::start("");
    std::fs::hard_link(world.log(), world.dir.path().join("alias")).unwrap();
    let text = std::fs::read_to_string(&world.config).unwrap();
    let (chain, plain) = (world.log().display().to_string(), world.dir.path().join("plain").display().to_string());
    let alias = world.dir.path().join("alias").display().to_string();
    let lines = |text: &str| text.replace(&chain, &format!("{chain}-of-its-own"));
    let cases = [
        (text.clone(), "written by one alone"),
        (lines(&text).replace(&plain, &alias), "an audit log of its own is kept in this file"),
        (
            lines(&text).replace("telemetry: {", &format!("telemetry: {{ access_log: {{ file: {alias} }},")),
            "is kept in",
        ),
        (text.replace(&plain, &alias), "admin.audit.file"),
    ];
    for (number, (text, said)) in cases.into_iter().enumerate() {
        let config = world.dir.path().join(format!("other-{number}.yaml"));
        std::fs::write(&config, other_ports(&text)).unwrap();
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_curfew")).arg("run").arg("-c").arg(&config).output();
        let output = output.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && told.contains(said), "{said}: {told}");
    }
    assert_eq!(world.revoke("u", "r", "ann").status, 200);
    world.holds(&[]);
}

/// The same config for another process beside this one.
fn other_ports(text: &str) -> String {
    let any = |line: &str| match line.split_once("127.0.0.1:") {
        Some((before, rest)) => {
            format!("{before}127.0.0.1:{}{}", free_port(), rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    };
    text.lines().map(any).collect::<Vec<_>>().join("\n")
}
