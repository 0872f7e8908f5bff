//! Is a user in a browser warned, given more time, and told of the end? The demo's page in a real Chromium, behind a
//! gateway with the demo's config, but for shorter limits. `UPDATE=1` takes the pictures of the docs.

#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::config::address;
use support::gateway::{Gateway, free_port};
use tempfile::TempDir;

/// Ends the demo when the test's end of the pipe closes, however the test ends.
const KEEPER: &str = r#""$@" & child=$!; cat >/dev/null; kill -9 $child 2>/dev/null; wait $child"#;

/// `curfew demo`, whose provider and page are used.
struct Demo {
    keeper: Child,
    dir: TempDir,
}

impl Demo {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", env!("CARGO_BIN_EXE_curfew"), "demo", "--port", "0"])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("# Curfew's demo runs"), "{line}");
        Self { keeper, dir }
    }

    /// The config its own gateway reads, with what is changed for this one.
    fn config(&self, public: u16, admin: u16) -> String {
        let text = std::fs::read_to_string(self.dir.path().join("certs/demo/curfew.yaml")).unwrap();
        let mut text = text.replace("idle: 30s,", "idle: 8s,").replace("warn_before: 20s,", "warn_before: 6s,");
        assert!(text.contains("idle: 8s, absolute: 2m, warn_before: 6s,"), "{text}");
        for port in [public, admin] {
            let (before, after) = text.split_once(" address: '127.0.0.1:").unwrap();
            let (_, after) = after.split_once('\'').unwrap();
            text = format!("{before} address:  '127.0.0.1:{port}'{after}");
        }
        text
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        _ = self.keeper.wait();
    }
}

#[test]
fn a_user_is_warned_extends_and_is_told_of_the_end() {
    let (demo, public, admin) = (Demo::start(), free_port(), free_port());
    let config = demo.dir.path().join("short.yaml");
    std::fs::write(&config, demo.config(public, admin)).unwrap();
    let gateway = Gateway::start(&config, address(admin));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pictures = root.join("deploy/runbook/sessions");
    let mut node = Command::new("timeout");
    node.args(["60", "node"]).arg(root.join("tests/browser/countdown.mjs"));
    node.arg(root.join("target/services/node_modules")).arg(format!("https://127.0.0.1:{public}"));
    if std::env::var_os("UPDATE").is_some() {
        node.arg(&pictures);
    }
    assert!(node.status().unwrap().success(), "{}", gateway.log());
    for name in ["warned.png", "ended.png"] {
        let length = std::fs::metadata(pictures.join(name)).unwrap().len();
        assert!((1_000..60_000).contains(&length), "{name}: {length} bytes");
    }
}
