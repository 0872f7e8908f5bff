//! Proves that bytes stop being HTTP only once an answer has said so.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{local, plain, read_all, read_until, start, talk};

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

#[tokio::test]
async fn after_101_any_bytes_pass() {
    local(async {
        let gateway = start(plain(), Default::default());
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        // The first bytes of the tunnel come before its answer; they wait for it.
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        stream.write_all(b"\0early\n").await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert_eq!(read_until(&mut stream, "early\n").await, "\0early\n");
        stream.write_all(b"\r\n\r\n\0not http\n").await.unwrap();
        assert_eq!(read_until(&mut stream, "http\n").await, "\r\n\r\n\0not http\n");
        assert_eq!(gateway.counters.open.load(std::sync::atomic::Ordering::Relaxed), 1, "a tunnel counts");
    })
    .await;
}

#[tokio::test]
async fn without_101_it_is_still_http() {
    local(async {
        let gateway = start(plain(), Default::default());
        let refused = UPGRADE.replace("/ws", "/other");
        let text = talk(&gateway, format!("{refused}{refused}GET / HTTP/1.1\nHost: a\n\n").as_bytes()).await;
        assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
        assert!(text.ends_with("MalformedRequest"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn connect_is_no_tunnel() {
    local(async {
        let gateway = start(plain(), Default::default());
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01").await.unwrap();
        stream.shutdown().await.unwrap();
        let text = read_all(&mut stream).await;
        assert!(!text.contains("101"), "{text}");
    })
    .await;
}
