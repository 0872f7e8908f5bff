//! Who is well? Probes run on a thread of their own, in real time: these tests wait for what the endpoint sees.

use crate::world::{Act, Client, Endpoint, OK, get, worker};
use curfew::upstream::Pool;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

const SICK: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const CLOSING: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

fn probed(endpoints: &[&Endpoint]) -> (Arc<Pool>, DropGuard) {
    let urls: Vec<String> = endpoints.iter().map(|endpoint| endpoint.url()).collect();
    let health = json!({ "path": "/healthz", "interval": "10ms", "healthy": 2, "unhealthy": 3 });
    let pool = Client::new(json!({ "endpoints": urls, "health": health })).pool;
    let cancelled = CancellationToken::new();
    tokio::task::spawn_local(Arc::clone(&pool).tasks(cancelled.clone()));
    (pool, cancelled.drop_guard())
}

/// Until the endpoint is seen so: after each probe it is looked at again.
async fn until(endpoint: &Endpoint, pool: &Pool, available: bool) {
    while pool.endpoints()[0].is_available() != available {
        drop(tokio::time::timeout(Duration::from_millis(20), endpoint.asked.notified()).await);
    }
}

/// Three bad answers and it is out, two good ones and it is back; the probe asks for the path, by its own name.
#[test]
fn who_is_ill_is_left_out_until_it_is_well() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(SICK), Act::Say(SICK), Act::Say(SICK), Act::Say(OK)]).await;
        let (pool, _guard) = probed(&[&endpoint]);
        until(&endpoint, &pool, false).await;
        assert!(endpoint.count() >= 3);
        until(&endpoint, &pool, true).await;
        assert!(endpoint.count() >= 5);
        let seen = endpoint.seen.borrow()[0].clone();
        assert!(seen.starts_with("GET /healthz HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains(&format!("host: {}\r\n", endpoint.address)), "{seen}");
    });
}

/// An endpoint that closes after each answer is well all the same.
#[test]
fn who_closes_after_a_good_answer_is_well() {
    worker(async {
        let endpoint = Endpoint::start([Act::Leave(CLOSING)]).await;
        let (pool, _guard) = probed(&[&endpoint]);
        for _ in 0..12 {
            endpoint.asked.notified().await;
            assert!(pool.endpoints()[0].is_available());
        }
    });
}

/// Requests go past it meanwhile.
#[test]
fn who_is_ill_is_not_asked() {
    worker(async {
        let (ill, well) = (Endpoint::start([Act::Say(SICK)]).await, Endpoint::start([Act::Say(OK)]).await);
        let (pool, _guard) = probed(&[&ill, &well]);
        until(&ill, &pool, false).await;
        let mut client = Client::new(json!({ "endpoints": [] }));
        client.pool = pool;
        for _ in 0..6 {
            assert_eq!(client.ask(get()).await, "ok");
        }
        assert!(ill.seen.borrow().iter().all(|request| request.starts_with("GET /healthz")));
    });
}

/// A good answer is the one that the settings name.
#[test]
fn the_settings_say_what_is_well() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK), Act::Say(OK), Act::Say(OK), Act::Say(SICK)]).await;
        let health = json!({ "path": "/healthz", "interval": "10ms", "status": 503 });
        let pool = Client::new(json!({ "endpoints": [endpoint.url()], "health": health })).pool;
        let cancelled = CancellationToken::new();
        tokio::task::spawn_local(Arc::clone(&pool).tasks(cancelled.clone()));
        let _guard = cancelled.drop_guard();
        until(&endpoint, &pool, false).await;
        until(&endpoint, &pool, true).await;
    });
}
