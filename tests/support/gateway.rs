//! The gateway: the real binary, started with a config file, ready when it says so itself.

pub use super::port::free as free_port;
use super::raw::{Conn, Door, ask};
use super::wait;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts `curfew`, and ends it when the test's end of the pipe closes, however the test ends.
const KEEPER: &str = r#""$@" >&2 & child=$!; echo $child; cat >/dev/null; kill -9 $child 2>/dev/null; wait $child"#;

/// A running gateway.
pub struct Gateway {
    keeper: Child,
    /// The process of the gateway itself.
    pub pid: u32,
    pub admin: SocketAddr,
    log: PathBuf,
}

impl Gateway {
    /// Starts it and waits until it is ready.
    pub fn start(config: &Path, admin: SocketAddr) -> Self {
        let gateway = Self::start_unready(config, admin);
        gateway.wait_ready();
        gateway
    }

    /// Starts it.
    pub fn start_unready(config: &Path, admin: SocketAddr) -> Self {
        Self::start_under(&[], config, admin)
    }

    /// Starts it by a command that runs what follows it in its own place, as `prlimit` does.
    pub fn start_under(wrapper: &[&str], config: &Path, admin: SocketAddr) -> Self {
        let log = config.with_extension("log");
        let file = std::fs::File::create(&log).unwrap();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .args(wrapper)
            .args([env!("CARGO_BIN_EXE_curfew"), "run", "-c"])
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = line.trim().parse().expect("the process id");
        Self { keeper, pid, admin, log }
    }

    /// Waits for `/readyz`.
    pub fn wait_ready(&self) {
        wait::until("ready", Duration::from_secs(20), || {
            assert!(self.lives(), "the gateway ended: {}", self.log());
            let ready = admin(self.admin, "/readyz").is_some_and(|(status, _)| status == 200);
            ready.then_some(()).or_else(|| {
                std::thread::sleep(Duration::from_millis(10));
                None
            })
        });
    }

    /// Is it still running? A dead child of the keeper is a zombie or gone; but as long as one of its threads is not, its
    /// files are open, and locked.
    pub fn lives(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid)).map_or(0, Iterator::count);
        if threads > 1 {
            return true;
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
    }

    /// A document of its admin listener.
    pub fn admin(&self, path: &str) -> (u16, String) {
        admin(self.admin, path).expect("the admin listener")
    }

    /// What it wrote to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.lives() {
            eprintln!("the gateway is gone; its log:\n{}", self.log());
        }
        drop(self.keeper.stdin.take());
        _ = self.keeper.wait();
        if !std::thread::panicking() {
            let told = super::confided::told(&self.log);
            assert!(told.is_empty(), "a token was written down: {told:#?}");
        }
    }
}

fn admin(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut conn: Conn = Door::plain(address).open().ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = ask(&mut conn, request.as_bytes(), Duration::ZERO).ok()?;
    Some((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}
