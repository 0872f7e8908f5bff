//! Which connections serve a second request, and what if one of them has died?

use crate::world::{Act, Client, Endpoint, OK, get, paused, post, worker};
use curfew::upstream::FailureKind;
use serde_json::json;
use std::time::Duration;

/// One connection is enough for requests that follow each other.
#[test]
fn a_connection_serves_many_requests() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        for _ in 0..20 {
            assert_eq!(client.ask(get()).await, "ok");
        }
        assert_eq!((endpoint.opened.get(), endpoint.count()), (1, 20));
    });
}

/// HTTP/1.1 carries one exchange at a time: a connection is busy until its response was read.
#[test]
fn a_connection_whose_response_is_unread_is_busy() {
    worker(async {
        let endless = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome of it";
        let endpoint = Endpoint::start([Act::Say(endless), Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        let unread = client.send(get()).await.unwrap();
        assert_eq!(client.ask(get()).await, "ok");
        assert_eq!(endpoint.opened.get(), 2);
        drop(unread);
    });
}

/// RFC 9112 §9.5: an endpoint may close an idle connection at any time. The request that meets it is sent again,
/// whatever its method, and arrives once.
#[test]
fn a_request_that_meets_a_closed_connection_arrives_once() {
    worker(async {
        let endpoint = Endpoint::start([Act::Leave(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        for sent in 1..=30 {
            assert_eq!(client.ask(post()).await, "ok");
            // Told by the endpoint itself: the connection's own task has had no turn to see it.
            endpoint.left.notified().await;
            assert_eq!(endpoint.count(), sent);
        }
    });
}

/// What went out on a kept connection and was lost is sent again only if that does no harm (RFC 9110 §9.2.2).
#[test]
fn only_what_is_repeatable_is_sent_twice() {
    for (repeatable, seen) in [(true, 3), (false, 2)] {
        worker(async {
            let endpoint = Endpoint::start([Act::Say(OK), Act::Leave(""), Act::Say(OK)]).await;
            let mut client = Client::new(json!({ "endpoints": [endpoint.url()] }));
            assert_eq!(client.ask(get()).await, "ok");
            client.terms.repeatable = repeatable;
            let request = if repeatable { get() } else { post() };
            let kind = client.send(request).await.map_err(|failure| failure.kind).err();
            assert_eq!(kind, (!repeatable).then_some(FailureKind::Reset));
            assert_eq!(endpoint.count(), seen);
        });
    }
}

#[test]
fn a_connection_is_not_used_after_its_idle_timeout() {
    paused(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()], "idle_timeout": "60s" }));
        client.ask(get()).await;
        tokio::time::advance(Duration::from_secs(59)).await;
        client.ask(get()).await;
        assert_eq!(endpoint.opened.get(), 1);
        tokio::time::advance(Duration::from_secs(61)).await;
        client.ask(get()).await;
        assert_eq!(endpoint.opened.get(), 2);
    });
}

/// However often it is used, a connection is replaced in time, so that load follows where names lead.
#[test]
fn a_connection_is_not_used_beyond_its_age() {
    paused(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()], "idle_timeout": "60s", "max_age": "100s" }));
        for (after, opened) in [(0, 1), (50, 1), (49, 1), (2, 2)] {
            tokio::time::advance(Duration::from_secs(after)).await;
            client.ask(get()).await;
            assert_eq!(endpoint.opened.get(), opened, "{after}");
        }
    });
}

/// Beyond its bound, a request goes elsewhere; where there is no elsewhere it is refused, and nobody is blamed.
#[test]
fn connections_are_bounded() {
    worker(async {
        let endless = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome of it";
        let (one, other) = (Endpoint::start([Act::Say(endless)]).await, Endpoint::start([Act::Say(endless)]).await);
        let urls = [one.url(), other.url()];
        let client = Client::new(json!({ "endpoints": urls, "max_connections": 2, "outlier": { "failures": 1 } }));
        let mut unread = Vec::new();
        for _ in 0..4 {
            unread.push(client.send(get()).await.unwrap());
        }
        assert_eq!((one.opened.get(), other.opened.get()), (2, 2));
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!(
            (failure.kind, failure.kind.proxy_error()),
            (FailureKind::ConnectionLimit, "connection_limit_reached")
        );
        assert!(client.pool.endpoints().iter().all(|endpoint| endpoint.is_available()));
        // A connection that has ended makes room for another.
        let ended = unread.pop().unwrap().response;
        drop(ended);
        let freed = if one.count() + other.count() == 4 { [&one, &other] } else { panic!("four were sent") };
        futures_util::future::select(Box::pin(freed[0].left.notified()), Box::pin(freed[1].left.notified())).await;
        assert!(client.send(get()).await.is_ok());
    });
}

/// Of those that are idle at once only so many are kept.
#[test]
fn idle_connections_are_bounded() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()], "max_idle": 3 }));
        futures_util::future::join_all((0..10).map(|_| client.ask(get()))).await;
        assert_eq!((endpoint.opened.get(), client.connections.count()), (10, 3));
    });
}

/// Attack: a request that makes its endpoint close the connection is sent on every kept connection, one after the
/// other: up to `max_idle` times, with no retries allowed. 81 deliveries of one DELETE were seen.
#[test]
fn a_request_that_kills_connections_does_not_kill_all() {
    worker(async {
        const KEPT: usize = 20;
        let acts = std::iter::repeat_n(Act::Say(OK), KEPT).chain([Act::Leave("")]);
        let endpoint = Endpoint::start(acts).await;
        let mut client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        futures_util::future::join_all((0..KEPT).map(|_| client.ask(get()))).await;
        (client.terms.repeatable, client.terms.retries) = (true, 0);
        let failed = client.send(get()).await.is_err();
        let sent = endpoint.count() - KEPT;
        assert!(failed && sent <= 3, "sent {sent} times over {} connections", endpoint.opened.get());
    });
}

/// A tunnel is a connection too, as long as it is open: its end makes room, not its beginning.
#[test]
fn tunnels_count_as_connections() {
    worker(async {
        const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        let endpoint = Endpoint::start([Act::Say(SWITCH)]).await;
        let mut client = Client::new(json!({ "endpoints": [endpoint.url()], "max_connections": 3 }));
        client.terms.upgrade = true;
        let (mut open, mut refused) = (Vec::new(), 0);
        for _ in 0..20 {
            match client.send(get()).await {
                Ok(mut delivered) => {
                    let upgraded = hyper::upgrade::on(&mut delivered.response).await.unwrap();
                    open.push((upgraded, delivered.lease));
                }
                Err(failure) => refused += usize::from(failure.kind == FailureKind::ConnectionLimit),
            }
            tokio::task::yield_now().await;
        }
        assert_eq!((open.len(), refused, endpoint.opened.get()), (3, 17, 3));
        open.pop();
        assert!(client.send(get()).await.is_ok());
    });
}

/// Those that the endpoint closed count no more, though they are not yet cleared away: the one that is sent again finds
/// room at the bound.
#[test]
fn closed_connections_make_room() {
    worker(async {
        let acts = [Act::Say(OK), Act::Say(OK), Act::Leave(""), Act::Say(OK)];
        let endpoint = Endpoint::start(acts).await;
        let mut client = Client::new(json!({ "endpoints": [endpoint.url()], "max_connections": 2 }));
        client.terms.repeatable = true;
        futures_util::future::join_all((0..2).map(|_| client.ask(get()))).await;
        let (connections, lost) = (client.connections.count(), client.ask(get()).await);
        assert_eq!((connections, lost.as_str(), endpoint.opened.get()), (2, "ok", 3));
    });
}
