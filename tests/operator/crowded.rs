//! `limits.requests` counts a request until its response has ended: streams too, however long they last.

use super::PATIENCE;
use crate::support::answer::Answer;
use crate::support::config::address;
use crate::support::gateway::{Gateway, free_port};
use crate::support::raw::{Conn, Door, ask};
use crate::support::wait::until;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

struct World {
    gateway: Gateway,
    door: Door,
    upstream: TcpListener,
    _dir: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, admin, behind) = (free_port(), free_port(), upstream.local_addr().unwrap());
        let text = format!(
            "version: 1
admin: {{ address: 127.0.0.1:{admin} }}
gateway: {{ workers: 1, grace: 1s, exposure: full }}
limits: {{ requests: 2 }}
listeners:
  - {{ name: inside, address: 127.0.0.1:{port}, plaintext: true }}
upstreams:
  slow: {{ endpoints: ['http://{behind}'] }}
routes:
  - {{ name: all, path: '/**', access: open, upstream: slow, websocket: true }}
"
        );
        let config = dir.path().join("curfew.yaml");
        fs::write(&config, text).unwrap();
        let gateway = Gateway::start(&config, address(admin));
        Self { gateway, door: Door::plain(address(port)), upstream, _dir: dir }
    }

    /// Begins a request whose response has a head, and no end yet: the caller's side, and the upstream's.
    fn begin(&self, request: &str, head: &str) -> (Conn, TcpStream) {
        let mut caller = self.door.open().unwrap();
        caller.write_all(request.as_bytes()).unwrap();
        let (mut upstream, _) = self.upstream.accept().unwrap();
        upstream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(upstream.read(&mut [0; 4096]).unwrap() > 0);
        upstream.write_all(head.as_bytes()).unwrap();
        let mut read = [0; 4096];
        let length = caller.read(&mut read).unwrap();
        let status = head.split(' ').nth(1).unwrap();
        assert!(String::from_utf8_lossy(&read[..length]).contains(status));
        (caller, upstream)
    }

    fn stream(&self) -> (Conn, TcpStream) {
        self.begin(
            "GET /stream HTTP/1.1\r\nHost: a.test\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\nContent-Type: text/event-stream\r\n\r\nfor",
        )
    }

    fn socket(&self) -> (Conn, TcpStream) {
        self.begin(
            "GET /socket HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
    }

    fn ask(&self) -> Answer {
        let request = b"GET /one HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
        ask(&mut self.door.open().unwrap(), request, Duration::ZERO).unwrap()
    }

    fn is_full(&self) {
        let answer = self.ask();
        assert_eq!((answer.status, answer.reason().as_deref()), (503, Some("overloaded")), "{}", answer.brief());
    }

    fn has(&self, under_way: &str) {
        let line = format!("curfew_requests_in_flight {under_way}\n");
        until(&line, PATIENCE, || self.gateway.admin("/metrics").1.contains(&line).then_some(()));
    }
}

#[test]
fn a_stream_counts_as_long_as_it_lasts() {
    let world = World::start();
    let (mut first, mut behind) = world.stream();
    let second = world.stream();
    world.has("2");
    world.is_full();

    behind.write_all(b"ver").unwrap();
    let mut rest = [0; 3];
    first.read_exact(&mut rest).unwrap();
    world.has("1");
    let third = world.socket();
    world.has("2");
    world.is_full();

    // Whoever leaves gives their place up, and so does a tunnel.
    drop(second);
    world.has("1");
    drop(third);
    world.has("0");
    let (fourth, fifth) = (world.stream(), world.stream());
    world.is_full();
    drop((fourth, fifth));
}
