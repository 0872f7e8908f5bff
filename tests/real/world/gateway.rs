//! The gateway: the real binary, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::client::{Client, Protocol, get_plain};
use super::config::Config;
use super::process::Process;
use super::wait::{PATIENCE, until};

/// The program under test.
pub fn curfew() -> Command {
    Command::new(env!("CARGO_BIN_EXE_curfew"))
}

/// A gateway that runs and was ready once.
pub struct Gateway {
    pub process: Process,
    pub config: Config,
    _directory: tempfile::TempDir,
}

impl Gateway {
    /// Starts it with the config that `make` writes for this folder, and waits until it is ready.
    pub async fn start(make: impl Fn(&Path) -> Config) -> Self {
        for _ in 0..3 {
            let directory = tempfile::tempdir().unwrap();
            let config = make(directory.path());
            config.write();
            let process = Process::start("the gateway", curfew().arg("run").arg("-c").arg(&config.file));
            let mut gateway = Self { process, config, _directory: directory };
            if gateway.becomes_ready().await {
                return gateway;
            }
        }
        panic!("no ports for the gateway to be had");
    }

    /// False if one of its ports was taken by somebody else.
    async fn becomes_ready(&mut self) -> bool {
        let began = std::time::Instant::now();
        loop {
            if let Some(status) = self.process.ended() {
                let said = self.process.said();
                assert!(said.to_lowercase().contains("in use"), "the gateway ended, {status}:\n{said}");
                return false;
            }
            let readiness = self.ask_admin("/readyz").await;
            if matches!(readiness, Some((200, _))) {
                return true;
            }
            assert!(began.elapsed() < PATIENCE, "not ready: {readiness:?}\n{}", self.process.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A document of the admin listener, if there is an answer.
    pub async fn ask_admin(&self, path: &str) -> Option<(u16, String)> {
        get_plain(self.config.admin, path).await
    }

    /// The metrics, as Prometheus reads them.
    pub async fn metrics(&self) -> String {
        let (status, text) = self.ask_admin("/metrics").await.expect("the admin listener answers");
        assert_eq!(status, 200);
        text
    }

    /// The sum of a metric over the series whose line holds all of these words.
    pub async fn metric(&self, name: &str, words: &[&str]) -> f64 {
        let text = self.metrics().await;
        let series = text.lines().filter(|line| line.starts_with(name) && words.iter().all(|word| line.contains(word)));
        series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// A new connection to it.
    pub async fn connect(&self, protocol: Protocol) -> Client {
        Client::connect(self.config.port, &self.ca(), protocol).await.expect("the gateway accepts")
    }

    /// The certificate that its clients trust.
    pub fn ca(&self) -> PathBuf {
        self.config.authority.file()
    }

    /// Writes an edited config and asks for a reload, without waiting.
    pub fn reload(&mut self, edit: impl FnOnce(&mut serde_json::Value)) {
        edit(&mut self.config.value);
        self.config.write();
        self.process.signal("HUP");
    }

    /// Asks it to stop, waits, and says how it ended.
    pub async fn stop(&mut self) -> std::process::ExitStatus {
        self.process.signal("TERM");
        let process = std::cell::RefCell::new(&mut self.process);
        until("the gateway ends", PATIENCE, async || process.borrow_mut().ended()).await
    }
}
