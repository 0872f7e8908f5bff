//! A disk that takes its time over a reload keeps nobody waiting who only looks.

use super::{PATIENCE, World};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

/// A pipe in the place of a secret: who reads it waits for as long as the test likes.
#[test]
fn who_looks_does_not_wait_for_a_reload() {
    let world = World::start();
    let secret = world.path("slow.key");
    assert!(Command::new("mkfifo").arg(&secret).status().unwrap().success());
    let issuer = format!(
        "  slow: {{ issuer: 'https://slow.example.com', audiences: [api], algorithms: [HS256], keys: {{ secret: {{ file: {} }} }} }}\nrevocation:\n",
        secret.display()
    );
    world.edit("revocation:\n", &issuer);
    let (opened, opens) = channel();
    let pipe = secret.clone();
    thread::spawn(move || opened.send(OpenOptions::new().write(true).open(pipe).unwrap()));
    let mut writer = opens.recv_timeout(PATIENCE).expect("the reload reads the secret");

    for path in ["/metrics", "/config", "/routes", "/checkup", "/keys", "/readyz", "/fleet"] {
        let (status, body) = world.gateway.admin(path);
        assert_eq!(status, 200, "{path}: {body}");
        assert!(!body.contains("slow.example.com"), "{path} tells what is in force: {body}");
    }
    let rest = secret.with_extension("rest");
    fs::write(&rest, "0123456789abcdef0123456789abcdef").unwrap();
    fs::rename(rest, &secret).unwrap();
    writer.write_all(b"0123456789abcdef0123456789abcdef").unwrap();
    drop(writer);
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
