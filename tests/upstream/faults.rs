//! What if the endpoint is away, slow, rude or wrong?

use crate::world::{Act, Client, Endpoint, OK, get, nobody, paused, post, worker};
use curfew::upstream::{Class, FailureKind};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// A request that never left goes to the next endpoint, whatever its method.
#[test]
fn who_refuses_is_passed_over() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [nobody().await, nobody().await, endpoint.url()] }));
        for sent in 1..=6 {
            assert_eq!(client.ask(post()).await, "ok");
            assert_eq!(endpoint.count(), sent);
        }
    });
}

#[test]
fn when_all_refuse_it_says_so() {
    worker(async {
        let client = Client::new(json!({ "endpoints": [nobody().await, nobody().await] }));
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::ConnectRefused);
        assert_eq!((failure.kind.class(), failure.kind.proxy_error()), (Class::Unreachable, "connection_refused"));
        assert!(failure.endpoint.is_some());
    });
}

/// Without retries the first refusal is the answer.
#[test]
fn retries_are_counted() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let mut client = Client::new(json!({ "endpoints": [nobody().await, endpoint.url()] }));
        client.terms.retries = 0;
        assert_eq!(client.send(get()).await.err().unwrap().kind, FailureKind::ConnectRefused);
    });
}

#[test]
fn who_does_not_answer_is_given_up_in_time() {
    paused(async {
        let endpoint = Endpoint::start([Act::Silence]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        let began = Instant::now();
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::FirstByteTimeout);
        assert_eq!((failure.kind.class(), failure.kind.proxy_error()), (Class::Timeout, "http_response_timeout"));
        assert_eq!(began.elapsed().as_secs(), 10);
    });
}

/// The limit on connecting covers the handshake of TLS: an endpoint that accepts and says nothing is not waited for.
#[test]
fn who_does_not_shake_hands_is_given_up_in_time() {
    paused(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(json!({ "endpoints": [format!("https://{}", listener.local_addr().unwrap())] }));
        let began = Instant::now();
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!(failure.kind, FailureKind::ConnectTimeout);
        assert_eq!(began.elapsed(), Duration::from_secs(5));
    });
}

/// Once it may have left, a request is not sent again, even where there are others who could take it.
#[test]
fn who_hangs_up_is_not_asked_twice() {
    worker(async {
        let (one, other) = (Endpoint::start([Act::Leave("")]).await, Endpoint::start([Act::Leave("")]).await);
        let client = Client::new(json!({ "endpoints": [one.url(), other.url()] }));
        let failure = client.send(post()).await.err().unwrap();
        assert_eq!((failure.kind, failure.kind.class()), (FailureKind::Reset, Class::Protocol));
        assert_eq!(one.count() + other.count(), 1);
    });
}

#[test]
fn what_is_not_http_is_told_apart() {
    let many: &str = Box::leak(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-many: 1\r\n".repeat(150)).into_boxed_str());
    let large: &str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx-large: {}\r\n\r\n", "x".repeat(300 * 1024)).into_boxed_str());
    let rows = [
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", FailureKind::Protocol, "http_protocol_error"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            FailureKind::Protocol,
            "http_protocol_error",
        ),
        (many, FailureKind::HeadersTooLarge, "http_response_header_section_size"),
        (large, FailureKind::HeadersTooLarge, "http_response_header_section_size"),
    ];
    for (answer, kind, token) in rows {
        worker(async {
            let endpoint = Endpoint::start([Act::Say(answer)]).await;
            let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
            let told = client.send(get()).await.map(|delivered| delivered.response.status());
            let told = told.map_err(|failure| (failure.kind, failure.kind.proxy_error(), failure.kind.class()));
            assert_eq!(told, Err((kind, token, Class::Protocol)), "{}", &answer[..24]);
        });
    }
}

/// Origin form and `Host` (RFC 9112 §3.2.1), cookies on one line (RFC 9113 §8.2.3).
#[test]
fn a_request_is_written_for_http1() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        let request = http::Request::get("https://shop.example/a?b=c").version(http::Version::HTTP_2);
        let request = request.header("cookie", "a=1").header("cookie", "b=2").header("te", "trailers");
        client.ask(request.body(Default::default()).unwrap()).await;
        let seen = endpoint.seen.borrow()[0].clone();
        assert!(seen.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("host: shop.example\r\n"), "{seen}");
        assert!(seen.contains("cookie: a=1; b=2\r\n"), "{seen}");
        assert!(
            !seen.contains("te: "),
            "`TE` is for one hop, and HTTP/1.1 would want it named in `Connection`: {seen}"
        );

        let client = Client::new(json!({ "endpoints": [endpoint.url()], "host": "endpoint" }));
        client.ask(get()).await;
        assert!(endpoint.seen.borrow()[1].contains(&format!("host: {}\r\n", endpoint.address)));
    });
}

/// Several slow endpoints, each within its own `first_byte` and `connect`, do not outlast the whole: what an attempt may
/// take is bounded by what is left.
#[test]
fn attempts_share_the_time_of_the_whole() {
    paused(async {
        let deaf = [listener().await, listener().await, listener().await];
        let urls = deaf.each_ref().map(|deaf| format!("https://{}", deaf.local_addr().unwrap()));
        let mut client = Client::new(json!({ "endpoints": urls }));
        let began = Instant::now();
        client.terms.until = Some(began + Duration::from_secs(8));
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!((failure.kind, began.elapsed().as_secs()), (FailureKind::ConnectTimeout, 8));

        let endpoint = Endpoint::start([Act::Silence]).await;
        let mut client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        let began = Instant::now();
        client.terms.until = Some(began + Duration::from_secs(3));
        let failure = client.send(get()).await.err().unwrap();
        assert_eq!((failure.kind, began.elapsed().as_secs()), (FailureKind::FirstByteTimeout, 3));
    });
}

async fn listener() -> tokio::net::TcpListener {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Who asks with the last moment of a token does not have an endpoint left out for everybody; one that lets the time of
/// the whole pass does not go free.
#[test]
fn the_end_of_a_token_is_nobodys_fault() {
    for (until_is_callers, available) in [(true, true), (false, false)] {
        paused(async {
            let endpoint = Endpoint::start([Act::Silence]).await;
            let outlier = json!({ "failures": 1 });
            let mut client = Client::new(json!({ "endpoints": [endpoint.url()], "outlier": outlier }));
            client.terms.until = Some(Instant::now() + Duration::from_secs(1));
            client.terms.until_is_callers = until_is_callers;
            assert_eq!(client.send(get()).await.err().unwrap().kind, FailureKind::FirstByteTimeout);
            assert_eq!(client.pool.endpoints()[0].is_available(), available);
        });
    }
}
