//! A real Prometheus (Debian's package of that name, which tests/run installs), in a directory of its own, with the rules that we ship, scraping once a second.

use crate::files::path;
use crate::support::config::address;
use crate::support::port;
use crate::support::raw::{Door, ask};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Ends it when the test's end of the pipe closes, however the test ends.
const KEEPER: &str = r#""$@" & child=$!; cat >/dev/null; kill -9 $child 2>/dev/null; wait"#;

pub struct Prometheus {
    keeper: Child,
    address: SocketAddr,
    dir: TempDir,
}

impl Prometheus {
    pub fn start(target: SocketAddr) -> Self {
        let (dir, address) = (tempfile::tempdir().unwrap(), address(port::free()));
        let rules =
            ["records.yaml", "alerts.yaml"].map(|file| path("deploy/prometheus").join(file).display().to_string());
        let config = dir.path().join("prometheus.yaml");
        // One gateway as two instances: what is right only of one shows.
        let scraped =
            |instance: &str| format!("{{ targets: ['{target}'], labels: {{ instance: gateway-{instance} }} }}");
        let text = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: ['{}', '{}']\nscrape_configs:\n  \
             - {{ job_name: curfew, static_configs: [{}, {}] }}\n",
            rules[0],
            rules[1],
            scraped("one"),
            scraped("two")
        );
        std::fs::write(&config, text).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", "prometheus"])
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg("--enable-feature=exemplar-storage")
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Self { keeper, address, dir };
        prometheus.wait_ready();
        prometheus
    }

    fn wait_ready(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.get("/-/ready").is_none_or(|(status, _)| status != 200) {
            assert!(Instant::now() < until, "Prometheus does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn get(&self, path: &str) -> Option<(u16, Vec<u8>)> {
        let mut conn = Door::plain(self.address).open().ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = ask(&mut conn, request.as_bytes(), Duration::ZERO).ok()?;
        Some((answer.status, answer.body))
    }

    /// How many series a query has now that are numbers.
    pub fn series(&self, expr: &str) -> Result<usize, String> {
        let escaped: String = expr.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (_, body) = self.get(&format!("/api/v1/query?query={escaped}")).ok_or("no answer")?;
        let answer: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let result = answer["data"]["result"].as_array().ok_or_else(|| answer["error"].to_string())?;
        Ok(result.iter().filter(|one| one["value"][1] != "NaN").count())
    }

    /// The trace ids of the exemplars of these series within the last minutes, with the labels of their series.
    pub fn exemplars(&self, expr: &str) -> Vec<(Value, String)> {
        let escaped: String = expr.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let now = crate::support::mint::now();
        let range = format!("start={}&end={}", now - 300, now + 60);
        let Some((_, body)) = self.get(&format!("/api/v1/query_exemplars?query={escaped}&{range}")) else {
            return vec![];
        };
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        let series = answer["data"].as_array().into_iter().flatten();
        let traces = |one: &Value| -> Vec<(Value, String)> {
            let all = one["exemplars"].as_array().unwrap().iter();
            let trace = |seen: &Value| seen["labels"]["trace_id"].as_str().unwrap().to_owned();
            all.map(|seen| (one["seriesLabels"].clone(), trace(seen))).collect()
        };
        series.flat_map(traces).collect()
    }

    /// The rules whose last evaluation failed, and why.
    pub fn failed_rules(&self) -> Vec<String> {
        let (_, body) = self.get("/api/v1/rules").expect("an answer");
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        rules
            .filter(|rule| rule["health"] == "err")
            .map(|rule| format!("{}: {}", rule["name"], rule["lastError"]))
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
