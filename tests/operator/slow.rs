//! A disk that takes its time over a reload keeps nobody waiting who only looks.

use super::{PATIENCE, World};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

/// Holds a lease on a file (fcntl(2), `F_SETLEASE`), says when somebody opens it, and lets him when it is told to.
const LEASE: &str = "
import fcntl, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
signal.sigwait([signal.SIGIO])
print('opened', flush=True)
sys.stdin.readline()
";

/// A secret whose disk takes its time: who opens it waits for as long as the test likes.
#[test]
fn who_looks_does_not_wait_for_a_reload() {
    let world = World::start();
    let secret = world.path("slow.key");
    fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
    let mut lease = Command::new("python3");
    lease.args(["-c", LEASE]).arg(&secret).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut lease = lease.spawn().unwrap();
    let (tell, told) = channel();
    let lines = BufReader::new(lease.stdout.take().unwrap()).lines();
    thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "held");
    let issuer = format!(
        "  slow: {{ issuer: 'https://slow.example.com', audiences: [api], algorithms: [HS256], keys: {{ secret: {{ file: {} }} }} }}\nrevocation:\n",
        secret.display()
    );
    world.edit("revocation:\n", &issuer);
    assert_eq!(told.recv_timeout(PATIENCE).expect("the reload reads the secret"), "opened");

    for path in ["/metrics", "/config", "/routes", "/checkup", "/keys", "/readyz", "/fleet"] {
        let (status, body) = world.gateway.admin(path);
        assert_eq!(status, 200, "{path}: {body}");
        assert!(!body.contains("slow.example.com"), "{path} tells what is in force: {body}");
    }
    drop(lease.stdin.take());
    assert!(lease.wait().unwrap().success());
    world.until_told(&["reloaded", "revision="]);
    assert!(world.gateway.admin("/keys").1.contains("https://slow.example.com"));
}

/// Files that never begin and never end, in the places of those that were there: looked at, told of, and no more.
#[test]
fn a_file_without_an_end_holds_up_nobody() {
    let world = World::start();
    let (cert, key) = (world.path("server.crt"), world.path("server.key"));
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    assert!(Command::new("mkfifo").arg(&key).status().unwrap().success());
    world.until_told(&["certificates not replaced", "server.key", "no regular file"]);
    let (status, body) = world.gateway.admin("/checkup");
    assert!(status == 200 && body.contains("server.key") && body.contains("no regular file"), "{body}");
    fs::rename(&cert, cert.with_extension("kept")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &cert).unwrap();
    world.until_told(&["certificates not replaced", "server.crt", "no regular file"]);
    let (status, body) = world.gateway.admin("/checkup");
    assert!(status == 200 && body.contains("server.crt") && body.contains("no regular file"), "{body}");
    fs::rename(cert.with_extension("kept"), &cert).unwrap();
    fs::remove_file(&key).unwrap();
    fs::write(&key, kept).unwrap();
    world.until_told(&["certificates can be read again"]);
}
