//! Everything that can happen to the files of a gateway while requests run: none is refused, none is lost, what is wrong is
//! told, and what is right comes into force.

use super::PATIENCE;
use crate::support::authority::Authority;
use crate::support::config::address;
use crate::support::gateway::{Gateway, free_port};
use crate::support::mint::{AUDIENCE, CORP, Mint};
use crate::support::raw::{Conn, Door, talk};
use crate::support::upstream::Upstream;
use crate::support::wait::until;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

struct World {
    gateway: Gateway,
    door: Door,
    config: PathBuf,
    text: String,
    _upstream: Upstream,
    dir: TempDir,
}

impl World {
    fn start() -> Self {
        let (dir, upstream, port, admin) = (tempfile::tempdir().unwrap(), Upstream::start(), free_port(), free_port());
        Authority::get().server(dir.path(), "server", &["localhost"]);
        fs::write(dir.path().join("corp.json"), Mint::get().corp_keys().to_string()).unwrap();
        let (d, behind) = (dir.path().display(), upstream.url());
        let text = format!(
            "version: 1
admin: {{ address: 127.0.0.1:{admin}, audit: {{ file: {d}/operators }} }}
gateway: {{ grace: 1s, realm: first }}
telemetry: {{ audit: {{ file: {d}/audit }}, records: {{ directory: {d}/records }} }}
listeners:
  - name: public
    address: 127.0.0.1:{port}
    tls: {{ certificates: [{{ cert: {d}/server.crt, key: {d}/server.key }}] }}
issuers:
  corp: {{ issuer: '{CORP}', audiences: [{AUDIENCE}], keys: {{ file: {d}/corp.json }} }}
upstreams:
  echo: {{ endpoints: ['{behind}'] }}
policies:
  standard: {{ issuers: [corp] }}
routes:
  - {{ name: all, path: '/**', policy: standard, upstream: echo }}
"
        );
        let config = dir.path().join("curfew.yaml");
        fs::write(&config, &text).unwrap();
        let gateway = Gateway::start(&config, address(admin));
        Self {
            gateway,
            door: Door::tls(address(port), "localhost", "http/1.1"),
            config,
            text,
            _upstream: upstream,
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn edited(&self, from: &str, to: &str) -> String {
        assert!(self.text.contains(from), "{from}");
        self.text.replace(from, to)
    }

    /// Puts a text in the config's place, as a whole.
    fn put(&self, text: &str) {
        let beside = self.path("beside.yaml");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, &self.config).unwrap();
    }

    fn lines(&self, words: &[&str]) -> usize {
        self.gateway.log().lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// Waits for one more such line than there were.
    fn told_after(&self, words: &[&str], act: impl FnOnce()) {
        let before = self.lines(words);
        act();
        until(&format!("another line with {words:?}"), PATIENCE, || {
            std::thread::sleep(Duration::from_millis(20));
            (self.lines(words) > before).then_some(())
        });
    }

    fn hangup(&self, times: u32) {
        let all = format!("for i in $(seq {times}); do kill -HUP {}; done", self.gateway.pid);
        assert!(Command::new("sh").args(["-c", &all]).status().unwrap().success());
    }

    fn until_realm(&self, realm: &str) {
        until(realm, PATIENCE, || {
            let config: serde_json::Value = serde_json::from_str(&self.gateway.admin("/config").1).unwrap();
            (config["gateway"]["realm"] == realm).then_some(())
        });
    }

    fn load(&self) -> Load {
        let (door, ended) = (self.door.clone(), Arc::new(AtomicBool::new(false)));
        let token = Mint::get().rsa.token().sign();
        let request = format!("GET /a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
        let end = Arc::clone(&ended);
        let work = move || {
            let (mut good, mut bad, mut open) = (0, Vec::new(), None::<Conn>);
            while !end.load(Relaxed) {
                // Handshakes too, now and then.
                let kept = open.take().filter(|_| good % 16 != 0);
                let asked = kept.map_or_else(|| door.open(), Ok).and_then(|mut conn| {
                    let heard = talk(&mut conn, request.as_bytes(), 1, Duration::ZERO)?;
                    Ok((conn, heard.answers.first().map_or(0, |answer| answer.status)))
                });
                match asked {
                    Ok((conn, 200)) => (good, open) = (good + 1, Some(conn)),
                    Ok((_, status)) => bad.push(format!("{status}")),
                    Err(error) => bad.push(error.to_string()),
                }
            }
            (good, bad)
        };
        Load { ended, thread: std::thread::spawn(work) }
    }
}

struct Load {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<(u32, Vec<String>)>,
}

impl Load {
    fn stop(self) {
        self.ended.store(true, Relaxed);
        let (good, bad) = self.thread.join().unwrap();
        assert!(bad.is_empty() && good > 10, "{good} good; {bad:?}");
    }
}

/// What is read once waits for a restart, and is not half taken up; two writers of one chain are refused before that.
#[test]
fn settings_that_wait_for_a_restart() {
    let world = World::start();
    let load = world.load();
    let moved = world.edited("/records }", "/elsewhere, max_records: 32 }").replace("/audit }", "/other }");
    world.told_after(&["wait for a restart", "telemetry"], || world.put(&moved));
    world.told_after(&["at: admin.audit.file"], || {
        world.put(&world.edited("/operators }", "/x/../audit }"));
    });
    world.told_after(&["config file can be used again"], || world.put(&world.edited("realm: first", "realm: second")));
    world.until_realm("second");
    assert!(world.gateway.admin("/metrics").1.contains("curfew_config_pending_restart 0"));
    assert!(!world.path("elsewhere").exists() && !world.path("other").exists(), "nothing of it was opened");
    load.stop();
    let verify = Command::new(env!("CARGO_BIN_EXE_curfew")).args(["audit", "verify"]).arg(world.path("audit")).output();
    let verify = verify.unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
}

/// A certificate that comes in pieces, or before its key, is not served before it is whole.
#[test]
fn certificates_that_are_written_in_pieces() {
    let world = World::start();
    let load = world.load();
    let next = tempfile::tempdir().unwrap();
    let files = Authority::get().server(next.path(), "server", &["localhost"]);
    let (cert, key) = (fs::read(files.cert).unwrap(), fs::read(files.key).unwrap());
    let not = ["certificates not replaced", "server.crt"];
    world.told_after(&not, || fs::write(world.path("server.crt"), &cert[..cert.len() / 2]).unwrap());
    world.told_after(&[not[0], "server.key"], || fs::write(world.path("server.crt"), &cert).unwrap());
    world.told_after(&[not[0], "server.key"], || fs::write(world.path("server.key"), &key[..key.len() / 2]).unwrap());
    world.told_after(&["certificates replaced"], || fs::write(world.path("server.key"), &key).unwrap());
    world.told_after(&[not[0], "no regular file"], || {
        fs::remove_file(world.path("server.crt")).unwrap();
        symlink("/dev/zero", world.path("server.crt")).unwrap();
    });
    load.stop();
}

/// A directory in its place, nothing, and the way in which Kubernetes exchanges a whole directory under a link.
#[test]
fn a_config_that_is_exchanged_under_a_link() {
    let world = World::start();
    let load = world.load();
    world.told_after(&["config file cannot be read", "directory"], || {
        fs::remove_file(&world.config).unwrap();
        fs::create_dir(&world.config).unwrap();
    });
    world.told_after(&["error: the file cannot be read", "directory"], || world.hangup(1));
    for round in 0..5 {
        let version = format!("..version-{round}");
        fs::create_dir(world.path(&version)).unwrap();
        let text = world.edited("realm: first", &format!("realm: round-{round}"));
        fs::write(world.path(&version).join("curfew.yaml"), text).unwrap();
        symlink(&version, world.path("..data_tmp")).unwrap();
        fs::rename(world.path("..data_tmp"), world.path("..data")).unwrap();
        if round == 0 {
            fs::remove_dir(&world.config).unwrap();
            symlink("..data/curfew.yaml", &world.config).unwrap();
        } else {
            fs::remove_dir_all(world.path(&format!("..version-{}", round - 1))).unwrap();
        }
        world.until_realm(&format!("round-{round}"));
    }
    load.stop();
}

/// Signals without a pause, while the config is written, well and badly, whole and in place.
#[test]
fn a_storm_of_signals() {
    let world = World::start();
    let load = world.load();
    for round in 0..10 {
        let good = world.edited("realm: first", &format!("realm: round-{round}"));
        fs::write(&world.config, &good[..good.len() / 2]).unwrap();
        world.hangup(30);
        world.put(&good.replace("upstream: echo", "upstream: nowhere"));
        world.hangup(30);
        world.put(&good);
        world.hangup(30);
    }
    world.until_realm("round-9");
    load.stop();
    world.told_after(&["reloaded: nothing changed"], || world.hangup(1));
    assert!(world.gateway.lives());
}
