//! Ten refusals of ten causes from the demo, as its user meets them: the lines that it prints are pasted into bash, and
//! from nothing but the answer `curfew trace` says why.

use crate::support::gateway::free_port;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

/// What stands between two parts of what bash says.
const CUT: &str = "@@@@";

/// The demo, until it is dropped.
struct Demo {
    keeper: Child,
    _held: Option<ChildStdin>,
    lines: Vec<String>,
    _dir: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = four_free().to_string();
        // It ends when this end of the pipe closes, however the test ends.
        let mut keeper = Command::new("sh")
            .args(["-c", r#""$@" & child=$!; cat >/dev/null; kill $child 2>/dev/null; wait $child"#, "sh"])
            .args([env!("CARGO_BIN_EXE_curfew"), "demo", "--port", &port, "--dir"])
            .arg(dir.path().join("demo"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(keeper.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line.ends_with("/rotate")) {
                break;
            }
        }
        let held = keeper.stdin.take();
        Self { keeper, _held: held, lines, _dir: dir }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self._held.take());
        _ = self.keeper.wait();
    }
}

/// The first of four ports in a row.
fn four_free() -> u16 {
    loop {
        let first = free_port();
        if (1..4).all(|after| free_port() == first + after) {
            return first;
        }
    }
}

/// The block of each request that is refused: what it promises, and its lines, the last of which is asked about.
fn refusals(lines: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for block in lines.join("\n").split("\n\n") {
        let promise = block.lines().find_map(|line| line.strip_prefix("#    answers "));
        let Some((status, reason)) = promise.and_then(|promise| promise.split_once(' ')) else { continue };
        let script = format!("{block} | tee /dev/stderr | {{ echo {CUT}; why; }}");
        found.push((format!("{reason} ({status}"), script));
    }
    found
}

#[test]
fn ten_refusals_of_the_demo_are_explained_from_their_answers() {
    let demo = Demo::start();
    let opening: String =
        demo.lines.iter().take_while(|line| !line.starts_with("# 1. ")).map(|l| l.clone() + "\n").collect();
    let refusals = refusals(&demo.lines);
    let causes: BTreeSet<&String> = refusals.iter().map(|(reason, _)| reason).collect();
    assert!(causes.len() >= 10, "{causes:?}");
    for (number, (reason, script)) in refusals.iter().enumerate() {
        let bash = Command::new("bash").args(["-c", &format!("{opening}\n{script}")]).output().unwrap();
        let (out, answer) = (String::from_utf8_lossy(&bash.stdout), String::from_utf8_lossy(&bash.stderr));
        let told = out.rsplit(CUT).next().unwrap().trim();
        let name = script.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default();
        let (head, body) =
            answer.trim().split_once("\n\n").unwrap_or_else(|| answer.trim().split_once("\r\n\r\n").unwrap());
        let (status, body) = (head.lines().next().unwrap_or_default(), body.split(",\"checks\"").next().unwrap());
        println!("──── {}. {name}\n{}\n{body} …\n\n$ curfew trace …\n{told}\n", number + 1, status.trim());
        assert!(told.starts_with(&format!("refused: {reason} ")), "{script}\n{out}\n{answer}");
        for part in ["\n  at ", "\n  trace ", "\n  request ", "the caller can:", "the operator can:"] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert!(!told.contains("eyJ"), "no token is told: {told}");
    }
}
