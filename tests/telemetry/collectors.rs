//! A collector that refuses, or that takes a connection and says nothing: what it misses is kept, bounded and counted, and
//! nobody on the line waits for it.

use crate::collector::{self, Received};
use crate::world::exchange;
use curfew::decide::reason::Reason;
use curfew::telemetry::{Exchange, Service, Settings, Telemetry};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

fn start(address: std::net::SocketAddr) -> Telemetry {
    let otlp = serde_json::json!({ "endpoint": format!("http://{address}/v1/traces"), "protocol": "http",
        "timeout": "300ms" });
    let settings: Settings = serde_json::from_value(serde_json::json!({ "otlp": otlp, "sample": 0 })).unwrap();
    let service = Service { name: "curfew".into(), version: "1".into(), instance: "one".into() };
    Telemetry::start(&settings, &service, &Handle::current()).unwrap()
}

/// Refuses so many requests; how long the longest of them was held up.
fn refuse(telemetry: &Telemetry, count: usize) -> Duration {
    let route = telemetry.route("orders", "/orders/{id}", "api", &[]);
    let one = Exchange { status: 401, reason: Some(Reason::TokenMissing), ..exchange(&route) };
    let held = (0..count).map(|_| {
        let begun = Instant::now();
        telemetry.record(&one);
        begun.elapsed()
    });
    held.max().unwrap_or_default()
}

fn counted(telemetry: &Telemetry, name: &str) -> u64 {
    let text = telemetry.render();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("curfew_spans_{name}_total "))).unwrap();
    line.parse().unwrap()
}

/// Answers so many times with this status, whatever is sent.
async fn answer(listener: &TcpListener, status: &str, times: usize) {
    for _ in 0..times {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 1 << 20];
        let _ = stream.read(&mut bytes).await;
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_at_first_comes_once() {
    for status in ["503 Service Unavailable", "429 Too Many Requests", "500 Internal Server Error"] {
        let (listener, address) = collector::listen().await;
        let telemetry = start(address);
        refuse(&telemetry, 40);
        answer(&listener, status, 2).await;
        let received: Received = collector::http(listener).await;
        assert_eq!(received.wait(40).await.len(), 40, "{status}");
        telemetry.shutdown(Duration::from_secs(1)).await;
        assert_eq!((received.spans().len(), counted(&telemetry, "exported")), (40, 40), "{status}");
        assert_eq!(counted(&telemetry, "dropped"), 0, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_holds_nobody_up() {
    let (listener, address) = collector::listen().await;
    let telemetry = start(address);
    let hung = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let longest = refuse(&telemetry, 5000);
    // A batch may be with the collector, besides what waits.
    let dropped = counted(&telemetry, "dropped");
    assert!((5000 - 2048 - 256..=5000 - 2048).contains(&dropped), "{dropped}");
    assert!(longest < Duration::from_secs(2), "a request was held up for {longest:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counted(&telemetry, "exported"), 0);
    let begun = Instant::now();
    telemetry.shutdown(Duration::from_millis(500)).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "the end took {:?}", begun.elapsed());
    hung.abort();
}
