//! The browser: node, with playwright and Chromium, told what to look for.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No look takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a script of this folder with what it is to know; it fails the test if it fails.
pub fn look(script: &str, told: &Value) {
    let modules = root().join("target/services");
    assert!(modules.join("node_modules/playwright-core").exists(), "the services are not installed; run tests/run");
    let pictures = root().join("deploy/runbook/look");
    let mut told = told.clone();
    told["modules"] = modules.display().to_string().into();
    if std::env::var_os("UPDATE").is_some() {
        told["pictures"] = pictures.display().to_string().into();
    }
    let mut command = Command::new("node");
    command.arg(root().join("tests/look").join(script)).arg(told.to_string());
    run(script, &mut command);
}

/// Runs a file of node's own tests.
pub fn node_test(script: &str) {
    run(script, Command::new("node").arg("--test").arg(Path::new("tests/look").join(script)));
}

fn run(script: &str, command: &mut Command) {
    let mut child = command.current_dir(root()).stdin(Stdio::null()).spawn().expect("node");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            _ = child.kill();
            _ = child.wait();
            panic!("{script} took longer than {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{script}: {status}");
}
