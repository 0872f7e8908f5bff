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
