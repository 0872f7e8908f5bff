//! The commands that need no running gateway: `check` and `demo --once`.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::world::gateway::curfew;
use crate::world::process::{python, run, run_with};
use crate::world::wait::bounded;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A file with six different faults gets six messages, each with its line and column, and a cure where there is one.
#[tokio::test(flavor = "multi_thread")]
async fn check_tells_all_faults_at_once() {
    bounded(30, async {
        let file = root().join("tests/real/six_faults.yaml");
        let output = run(curfew().arg("check").arg("-c").arg(&file));
        let said = said(&output);
        println!("{said}");
        assert!(!output.status.success(), "a faulty file passed:\n{said}");
        let text = std::fs::read_to_string(&file).unwrap();
        let faulty: Vec<_> = (1..).zip(text.lines()).filter(|(_, line)| line.contains("# fault")).collect();
        assert_eq!(faulty.len(), 6, "the file marks its faults");
        for (number, line) in &faulty {
            let place = format!("six_faults.yaml:{number}:");
            assert_eq!(said.matches(&place).count(), 1, "one message at {place} for {line:?}:\n{said}");
        }
        assert_eq!(said.matches("six_faults.yaml:").count(), 6, "no message is one too many:\n{said}");
        assert!(said.contains("listeners") && said.contains("audiences"), "the nearest valid keys are named:\n{said}");
    })
    .await;
}

/// The configs that come with the project are clean.
#[tokio::test(flavor = "multi_thread")]
async fn our_own_configs_are_clean() {
    bounded(30, async {
        let files: Vec<PathBuf> = std::fs::read_dir(root().join("config"))
            .expect("the folder config")
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .collect();
        assert!(!files.is_empty());
        for file in files {
            let output = run(curfew().arg("check").arg("-c").arg(&file).current_dir(root()));
            assert!(output.status.success(), "{}:\n{}", file.display(), said(&output));
        }
    })
    .await;
}

/// The document of the admin API is one, says a validator that shares nothing with it.
#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_is_described_by_openapi() {
    bounded(30, async {
        let output = run_with(&mut python("openapi.py", [""; 0]), curfew::control::admin::OPENAPI.as_bytes());
        println!("{}", said(&output));
        assert!(output.status.success(), "{}", said(&output));
    })
    .await;
}

/// The demo answers as it promises, from a folder where nothing has been made yet.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_keeps_its_promises() {
    bounded(110, async {
        let folder = tempfile::tempdir().unwrap();
        let output = run(curfew().args(["demo", "--once"]).current_dir(&folder));
        println!("{}", said(&output));
        assert!(output.status.success(), "{}", output.status);
    })
    .await;
}
