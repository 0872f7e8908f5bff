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

/// One request of the demo: its lines, and what they promise, if that is a refusal.
struct Block {
    lines: String,
    refusal: Option<String>,
}

/// All requests, in order: what one does, the next may build upon.
fn blocks(lines: &[String]) -> Vec<Block> {
    let mut found = Vec::new();
    for block in lines.join("\n").split("\n\n") {
        let promise = block.lines().find_map(|line| line.strip_prefix("#    answers "));
        let Some(promise) = promise else { continue };
        let refusal = promise.split_once(' ').filter(|(status, _)| status.starts_with(['4', '5']));
        let refusal = refusal.map(|(status, reason)| format!("{reason} ({status}"));
        found.push(Block { lines: block.to_owned(), refusal });
    }
    found
}

/// What bash says to all of them, one after the other: the answers of each, and what `curfew trace` says of the last one.
fn pasted(opening: &str, blocks: &[Block]) -> Vec<(String, String)> {
    let mut script = opening.to_owned();
    for block in blocks {
        let asked = if block.refusal.is_some() { " | tee /dev/stderr | why" } else { " >/dev/null" };
        script += &format!("\n{} {asked}\necho {CUT}; echo {CUT} >&2\n", block.lines);
    }
    let bash = Command::new("bash").args(["-c", &script]).output().unwrap();
    let parts = |said: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(said).split(&format!("{CUT}\n")).map(str::to_owned).collect()
    };
    parts(&bash.stderr).into_iter().zip(parts(&bash.stdout)).collect()
}

#[test]
fn ten_refusals_of_the_demo_are_explained_from_their_answers() {
    let demo = Demo::start();
    let opening: String =
        demo.lines.iter().take_while(|line| !line.starts_with("# 1. ")).map(|l| l.clone() + "\n").collect();
    let blocks = blocks(&demo.lines);
    let causes: BTreeSet<&String> = blocks.iter().filter_map(|block| block.refusal.as_ref()).collect();
    assert!(causes.len() >= 10, "{causes:?}");
    for (block, (answer, out)) in blocks.iter().zip(pasted(&opening, &blocks)) {
        let Some(refusal) = &block.refusal else { continue };
        // Before it stand the answers of requests that are there to bring it about.
        let told = out.find("refused: ").and_then(|at| out.get(at..)).unwrap_or_default().trim();
        let name = block.lines.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default();
        let answer = answer.replace('\r', "");
        let (head, body) = answer.trim().rsplit_once("\n\n").unwrap_or((&answer, ""));
        let (status, body) = (head.lines().next().unwrap_or_default(), body.split(",\"checks\"").next().unwrap());
        println!("──── {name}\n{}\n{body} …\n\n$ curfew trace …\n{told}\n", status.trim());
        assert!(told.starts_with(&format!("refused: {refusal} ")), "{}\n{out}\n{answer}", block.lines);
        for part in ["\n  at ", "\n  trace ", "\n  request ", "the caller can:", "the operator can:"] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert!(!told.contains("eyJ"), "no token is told: {told}");
    }
}
