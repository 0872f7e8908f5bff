//! A Redis of its own for a test: in a directory of its own, without persistence, ended with the test.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Redis {
    dir: TempDir,
    args: Vec<String>,
    child: Child,
}

impl Redis {
    /// Reached by a socket only.
    pub fn start() -> Self {
        Self::with(&["--port", "0"])
    }

    pub fn with(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let child = spawn(&dir, &args);
        let redis = Self { dir, args, child };
        redis.ready();
        redis
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn ready(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.cli(&["PING"]).trim() != "PONG" && !self.cli(&["PING"]).contains("NOAUTH") {
            assert!(Instant::now() < until, "the Redis does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it; whatever it held is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, empty.
    pub fn again(&mut self) {
        self.child = spawn(&self.dir, &self.args);
        self.ready();
    }

    /// `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// A sentinel with this config.
    pub fn sentinel(config: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("redis-server");
        command.arg(config).arg("--sentinel").arg("--unixsocket").arg(dir.path().join("redis.sock"));
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        Self { dir, args: Vec::new(), child }
    }

    /// Whether a sentinel at this port knows a replica by now.
    pub fn sentinels_know(&self, port: &str) -> bool {
        let ask = ["-p", port, "SENTINEL", "REPLICAS", "main"];
        let output = Command::new("redis-cli").args(ask).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("slave")
    }

    pub fn cli(&self, args: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn spawn(dir: &TempDir, args: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--unixsocket"])
        .arg(dir.path().join("redis.sock"))
        .arg("--dir")
        .arg(dir.path())
        .args(args)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server, of Debian's package redis-server")
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
