//! What if the client's body is slow or breaks off? The endpoint is not to blame for it.

use crate::world::{Act, Client, Endpoint, OK, Step, pause, paused, payload, worker};
use curfew::upstream::FailureKind;
use http::Request;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// The wait for an answer begins when the request has been sent: a slow client is not a slow endpoint.
#[test]
fn a_slow_upload_is_not_a_slow_answer() {
    paused(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        let body = payload([Step::Data("a"), pause(25), Step::Data("b")]);
        assert_eq!(client.ask(Request::post("/").body(body).unwrap()).await, "ok");
    });
}

/// And the wait does begin then.
#[test]
fn after_a_slow_upload_the_answer_has_its_own_time() {
    paused(async {
        let endpoint = Endpoint::start([Act::Silence]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()] }));
        let began = Instant::now();
        let body = payload([Step::Data("a"), pause(25), Step::Data("b")]);
        let failure = client.send(Request::post("/").body(body).unwrap()).await.err().unwrap();
        assert_eq!((failure.kind, began.elapsed().as_secs()), (FailureKind::FirstByteTimeout, 35));
    });
}

/// Else anybody could have the endpoints left out, by hanging up in the middle of uploads.
#[test]
fn who_breaks_off_its_upload_does_not_harm_the_endpoint() {
    worker(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let client = Client::new(json!({ "endpoints": [endpoint.url()], "outlier": { "failures": 2 } }));
        for _ in 0..5 {
            let body = payload([Step::Data("a"), Step::Break]);
            let failure = client.send(Request::post("/").body(body).unwrap()).await.err().unwrap();
            assert_eq!(failure.kind, FailureKind::Request);
            assert!(client.pool.endpoints()[0].is_available());
        }
    });
}

/// The time of the whole ends a slow upload too, and that is not the endpoint's doing either.
#[test]
fn who_uploads_for_too_long_does_not_harm_the_endpoint() {
    paused(async {
        let endpoint = Endpoint::start([Act::Say(OK)]).await;
        let mut client = Client::new(json!({ "endpoints": [endpoint.url()], "outlier": { "failures": 1 } }));
        let began = Instant::now();
        client.terms.until = Some(began + Duration::from_secs(15));
        let body = payload([Step::Data("a"), pause(25), Step::Data("b")]);
        let failure = client.send(Request::post("/").body(body).unwrap()).await.err().unwrap();
        assert_eq!((failure.kind, began.elapsed().as_secs()), (FailureKind::Request, 15));
        assert!(client.pool.endpoints()[0].is_available());
    });
}
