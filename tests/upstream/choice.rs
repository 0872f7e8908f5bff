//! Which endpoint is asked?

use crate::world::{Act, Client, Endpoint, OK, get, nobody, paused, worker};
use curfew::upstream::{Delivered, FailureKind};
use http::Request;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

async fn endpoints(count: usize) -> Vec<Endpoint> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Endpoint::start([Act::Say(OK)]).await);
    }
    all
}

fn client(all: &[Endpoint], balance: Value) -> Client {
    let urls: Vec<String> = all.iter().map(Endpoint::url).collect();
    Client::new(json!({ "endpoints": urls, "balance": balance }))
}

fn counts(all: &[Endpoint]) -> Vec<usize> {
    all.iter().map(Endpoint::count).collect()
}

#[test]
fn each_has_its_turn() {
    worker(async {
        let all = endpoints(3).await;
        let client = client(&all, json!({ "kind": "round_robin" }));
        for _ in 0..9 {
            client.ask(get()).await;
        }
        assert_eq!(counts(&all), [3, 3, 3]);
    });
}

/// A request is in flight until its lease is dropped, which the caller does when the body has ended.
#[test]
fn the_idle_one_is_preferred() {
    worker(async {
        let all = endpoints(2).await;
        let client = client(&all, json!({ "kind": "least_request" }));
        let busy = client.send(get()).await.unwrap();
        let first = all.iter().position(|endpoint| endpoint.count() == 1).unwrap();
        for _ in 0..10 {
            client.ask(get()).await;
        }
        assert_eq!((all[first].count(), all[1 - first].count()), (1, 10));
        drop(busy);
        assert_eq!(client.pool.endpoints().iter().map(|endpoint| endpoint.in_flight()).sum::<usize>(), 0);
    });
}

fn asks(field: &str, value: &str) -> Request<crate::world::Payload> {
    let mut request = get();
    request.headers_mut().append(http::HeaderName::try_from(field).unwrap(), value.parse().unwrap());
    request
}

/// Everybody stays where they are, and together they use all endpoints.
#[test]
fn who_sticks_stays() {
    worker(async {
        let all = endpoints(4).await;
        let by_cookie = client(&all, json!({ "kind": "sticky_cookie", "cookie": "cart" }));
        let by_header = client(&all, json!({ "kind": "sticky_header", "header": "X-Tenant" }));
        let mut used = HashSet::new();
        for caller in 0..40 {
            let mut same = HashSet::new();
            for _ in 0..3 {
                let cookie = asks("cookie", &format!("a=b; cart={caller}"));
                for sent in [by_cookie.send(cookie).await, by_header.send(asks("x-tenant", &caller.to_string())).await]
                {
                    let Delivered { endpoint, .. } = sent.unwrap();
                    same.insert(endpoint);
                }
            }
            assert_eq!(same.len(), 1, "cookie and header hash alike");
            used.extend(same);
        }
        assert_eq!(used.len(), 4);
    });
}

/// After so many failures in a row it is left out; then it gets another chance, and a success clears its name.
#[test]
fn who_fails_is_left_out_and_comes_back() {
    paused(async {
        let (good, bad) = (
            Endpoint::start([Act::Say(OK)]).await,
            Endpoint::start([Act::Leave(""), Act::Leave(""), Act::Say(OK)]).await,
        );
        let outlier = json!({ "failures": 2, "eject_for": "30s" });
        let client = Client::new(json!({ "endpoints": [good.url(), bad.url()], "outlier": outlier }));
        for _ in 0..10 {
            drop(client.send(get()).await);
        }
        assert_eq!((good.count(), bad.count()), (8, 2));
        assert!(!client.pool.endpoints()[1].is_available());
        tokio::time::advance(Duration::from_secs(31)).await;
        for _ in 0..4 {
            assert_eq!(client.ask(get()).await, "ok");
        }
        assert_eq!((good.count(), bad.count()), (10, 4));
        assert!(client.pool.endpoints()[1].is_available());
    });
}

/// When all are left out, all are tried: an upstream that is all ill is better asked than given up.
#[test]
fn when_nobody_is_well_everybody_is_tried() {
    worker(async {
        let client =
            Client::new(json!({ "endpoints": [nobody().await, nobody().await], "outlier": { "failures": 1 } }));
        for _ in 0..3 {
            assert_eq!(client.send(get()).await.err().unwrap().kind, FailureKind::ConnectRefused);
            assert!(client.pool.endpoints().iter().all(|endpoint| !endpoint.is_available()));
        }
    });
}

/// A name may have several addresses of which not all take connections: `localhost` is often `::1` as well.
#[test]
fn a_name_is_tried_at_all_its_addresses() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let url = format!("http://localhost:{}", endpoint.address.port());
        let client = Client::new(json!({ "endpoints": [url] }));
        assert_eq!(client.send(get()).await.err().unwrap().kind, FailureKind::Dns, "before it was resolved");
        client.pool.prepare().await;
        assert_eq!(client.ask(get()).await, "ok");
    });
}

/// Of several that fail, only so many are left out at once.
#[test]
fn not_too_many_are_left_out() {
    worker(async {
        let urls = [nobody().await, nobody().await, nobody().await, nobody().await];
        let outlier = json!({ "failures": 1, "max_ejected_percent": 50 });
        let client = Client::new(json!({ "endpoints": urls, "outlier": outlier }));
        for _ in 0..4 {
            drop(client.send(get()).await);
        }
        assert_eq!(client.pool.endpoints().iter().filter(|endpoint| endpoint.is_available()).count(), 2);
    });
}

/// Who wants no answers of the ill says so.
#[test]
fn when_nobody_is_well_nobody_need_be_tried() {
    worker(async {
        for urls in [vec![nobody().await], vec![nobody().await, nobody().await]] {
            let outlier = json!({ "failures": 1 });
            let client =
                Client::new(json!({ "endpoints": urls, "outlier": outlier, "fail_open_when_all_unhealthy": false }));
            assert_eq!(client.send(get()).await.err().unwrap().kind, FailureKind::ConnectRefused);
            let failure = client.send(get()).await.err().unwrap();
            let told = (failure.kind, failure.kind.proxy_error());
            assert_eq!(told, (FailureKind::NoEndpoint, "destination_unavailable"));
        }
    });
}
