//! Who is asked, how often, and as whom.

use crate::idp::{Say, claims, field};
use crate::support::mint::{Mint, now};
use crate::support::wait::until;
use crate::world::{SECRET, World, corp, found, legacy, partner};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::time::Duration;

#[test]
fn what_the_issuer_says_is_what_counts() {
    let world = World::start();
    let token = corp();
    for _ in 0..3 {
        assert_eq!(world.asks("/always", &token), "admitted");
    }
    assert_eq!(world.idp.count("/corp"), 1, "its answer is kept");
    let question = world.idp.asked("/corp").remove(0);
    assert_eq!(
        (field(&question.body, "token"), field(&question.body, "token_type_hint")),
        (token.clone(), "access_token".into())
    );
    let head = question.head.to_lowercase();
    assert!(question.head.starts_with("POST /corp HTTP/1.1") && head.contains("accept: application/json"), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded"));
    // RFC 6749 §2.3.1: each half is escaped as in a form, so that a colon in the id is no border.
    let basic = format!("Basic {}", STANDARD.encode("gate%3Away:s3cr%2Bt+%26%3D%25%C3%A4"));
    assert!(question.head.contains(&basic), "{}", question.head);

    let gone = corp();
    world.idp.revoke(&gone);
    let answer = world.get("/always", &gone);
    assert_eq!((answer.status, answer.reason().unwrap().as_str()), (401, "introspection_inactive"));
    assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    assert_eq!(world.asks("/always", &gone), "introspection_inactive");
    assert_eq!(world.idp.count("/corp"), 2, "that it is not active is kept too");
    // Nobody is asked where nobody is to be.
    for path in ["/never", "/stale", "/wish", "/cold"] {
        assert_eq!(world.asks(path, &gone), "admitted", "{path}");
    }
    assert_eq!(world.idp.count("/corp"), 2);
    assert_eq!(world.metric("curfew_introspection_answers_total{issuer=\"corp\",result=\"active\"}"), 1.0);
    assert_eq!(world.metric("curfew_introspection_answers_total{issuer=\"corp\",result=\"inactive\"}"), 1.0);
    assert_eq!(world.metric("curfew_introspection_cache_hits_total{issuer=\"corp\"}"), 3.0);
    assert_eq!(world.metric("curfew_introspection_duration_seconds_count{issuer=\"corp\"}"), 2.0);
    let log = std::fs::read_to_string(world.config.with_file_name("access.log")).unwrap_or_default();
    for text in [world.gateway.log(), log, world.gateway.admin("/metrics").1] {
        assert!(!text.contains(&token) && !text.contains(SECRET) && !text.contains(&gone));
    }
}

/// A token that is revoked at its issuer is refused as soon as the answer is too old; `0s` asks every time.
#[test]
fn answers_that_are_not_kept_are_asked_for_every_time() {
    let world = World::start();
    let token = partner();
    for count in 1..4 {
        assert_eq!(world.asks("/always", &token), "admitted");
        assert_eq!(world.idp.count("/partner"), count);
    }
    let body = world.idp.asked("/partner").remove(0).body;
    assert!(body.starts_with("client_id=gate%3Away&client_secret=s3cr%2Bt+%26%3D%25%C3%A4&"), "{body}");
    world.idp.revoke(&token);
    assert_eq!(world.asks("/always", &token), "introspection_inactive");
}

/// The endpoint is named by the metadata, and the gateway says who it is with a token of its own.
#[test]
fn the_endpoint_is_found() {
    let world = World::start();
    let token = found(&world.idp);
    assert_eq!(world.asks("/always", &token), "admitted");
    let question = world.idp.asked("/found").remove(0);
    assert!(question.head.to_lowercase().contains("authorization: bearer gateways-own-token"), "{}", question.head);
    let before = world.idp.count("/.well-known/openid-configuration");
    assert_eq!(world.asks("/always", &token), "admitted");
    assert_eq!(world.idp.count("/.well-known/openid-configuration"), before, "it is found once");
}

/// However many ask about a token at once, its issuer is asked once (IN-07).
#[test]
fn one_question_for_all_who_wait() {
    let world = World::start();
    world.idp.says("/corp", Say::Hang);
    let (token, other) = (corp(), corp());
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..20).map(|_| scope.spawn(|| world.asks("/always", &token))).collect();
        until("all are there", Duration::from_secs(10), || {
            (world.metric("curfew_connections_open") >= 20.0 && world.idp.count("/corp") > 0).then_some(())
        });
        // Who asks about something else does not wait for them, and neither does who asks nothing.
        assert_eq!(world.asks("/never", &token), "admitted");
        world.idp.says("/corp", Say::Truth);
        assert!(all.into_iter().all(|one| one.join().unwrap() == "admitted"));
    });
    assert_eq!(world.idp.count("/corp"), 1);
    assert_eq!(world.asks("/always", &other), "admitted");
    assert_eq!(world.idp.count("/corp"), 2);
}

/// Only a token against which nothing else stands is asked about: made-up ones do not aim the gateway at the issuer.
#[test]
fn nobody_is_asked_about_a_bad_token() {
    let world = World::start();
    let mint = Mint::get();
    let good = corp();
    let bad = [
        (mint.impostor.token().sign(), "signature_invalid"),
        (mint.ec.token().claim("iat", now() - 200).claim("exp", now() - 100).sign(), "token_expired"),
        (mint.ec.token().claim("aud", "https://other.example").sign(), "audience_mismatch"),
        (mint.stranger.token().sign(), "key_unknown"),
        (mint.ec.token().claim("iss", "https://evil.example").sign(), "issuer_untrusted"),
        (format!("{good}x"), "token_malformed"),
    ];
    for (token, reason) in &bad {
        let said = world.asks("/always", token);
        assert!(said == *reason || said == "signature_invalid", "{reason}: {said}");
    }
    assert_eq!(world.idp.count("/corp"), 0);
    assert_eq!(world.asks("/always", &good), "admitted");
}

/// The answer may end a token early, and what is kept of it ends then too (IN-04).
#[test]
fn an_answer_never_outlives_its_own_end() {
    let world = World::start();
    let token = corp();
    // One second and the leeway of a minute: already over by the issuer's own word.
    world.idp.says("/corp", Say::Active(json!({"exp": now() - 61})));
    assert_eq!(world.asks("/always", &token), "introspection_inactive");
    let token = corp();
    world.idp.says("/corp", Say::Active(json!({"exp": now() - 55})));
    assert_eq!(world.asks("/always", &token), "admitted");
    world.idp.revoke(&token);
    world.idp.says("/corp", Say::Truth);
    until("the answer's end", Duration::from_secs(20), || {
        (world.asks("/always", &token) == "introspection_inactive").then_some(())
    });
}

fn sign(token: &str, change: fn(&mut serde_json::Value), typ: &str) -> String {
    let mut answer = json!({
        "iss": "https://legacy.example.com/", "aud": ["other", "gate:way"], "iat": now(),
        "token_introspection": {"active": true, "sub": claims(token)["sub"], "exp": claims(token)["exp"]},
    });
    change(&mut answer);
    let mut token = Mint::get().legacy.token().head("typ", typ);
    token.claims = answer.as_object().unwrap().clone();
    token.sign()
}

const TYPE: &str = "application/token-introspection+jwt";
const TYP: &str = "token-introspection+jwt";

/// RFC 9701 §5: signed by the issuer, for this gateway, of this very type (IN-08).
#[test]
fn signed_answers_are_verified() {
    let world = World::start();
    let token = legacy();
    let says = |make: fn(&str) -> String| {
        world.idp.says("/legacy", Say::Made(make, TYPE));
        world.asks("/always", &token)
    };
    assert_eq!(says(|token| sign(token, |_| (), TYP)), "admitted");
    assert!(world.idp.asked("/legacy")[0].head.to_lowercase().contains(&format!("accept: {TYPE}")));
    assert_eq!(
        says(|token| sign(token, |said| said["token_introspection"] = json!({"active": false}), TYP)),
        "introspection_inactive"
    );
    // That is kept: the others ask about tokens of their own.
    let unknown = |make: fn(&str) -> String| {
        world.idp.says("/legacy", Say::Made(make, TYPE));
        assert_eq!(world.asks("/always", &legacy()), "introspection_unavailable");
    };
    unknown(|token| sign(token, |_| (), "at+jwt"));
    unknown(|token| sign(token, |said| said["aud"] = "other".into(), TYP));
    unknown(|token| sign(token, |said| drop(said.as_object_mut().unwrap().remove("aud")), TYP));
    unknown(|token| sign(token, |said| said["iss"] = "https://evil.example".into(), TYP));
    unknown(|token| sign(token, |said| said["token_introspection"] = "x".into(), TYP));
    unknown(|token| sign(token, |said| said["token_introspection"]["sub"] = "bob".into(), TYP));
    unknown(|token| token.to_owned());
    unknown(|_| Mint::get().stranger.token().head("typ", TYP).sign());
    world.idp.says("/legacy", Say::Truth);
    assert_eq!(world.asks("/always", &legacy()), "introspection_unavailable", "plain JSON is not taken instead");
}
