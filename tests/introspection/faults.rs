//! Every way in which a provider can fail to answer is ours, and none is the client's: 503, with `Retry-After`, and never
//! a 401 (IN-02, IN-03).

use crate::idp::Say;
use crate::support::wait::until;
use crate::world::{World, corp, partner};
use serde_json::json;
use std::time::{Duration, Instant};

const JSON: &str = "application/json";

#[test]
fn a_fault_of_the_provider_is_no_fault_of_the_token() {
    let world = World::start();
    let raw = |status, kind, body: &str| Say::Raw(status, kind, body.to_owned());
    let page = "<html>active</html>";
    let rows = [
        ("500", raw(500, JSON, "{}"), "its issuer answered with a fault"),
        ("503", raw(503, JSON, r#"{"active":false}"#), "its issuer answered with a fault"),
        ("404", raw(404, JSON, r#"{"active":false}"#), "its issuer answered with a fault"),
        ("429", raw(429, JSON, "{}"), "its issuer answered with a fault"),
        ("IN-03 401", raw(401, JSON, r#"{"error":"invalid_client"}"#), "refuses the gateway's credentials"),
        ("IN-03 403", raw(403, JSON, "{}"), "refuses the gateway's credentials"),
        ("a redirect", raw(302, JSON, "{}"), "its issuer answered with a fault"),
        ("a page", raw(200, "text/html", page), "another type"),
        ("a page that says it is JSON", raw(200, JSON, page), "malformed"),
        ("nothing", raw(200, JSON, ""), "malformed"),
        ("a list", raw(200, JSON, r#"[{"active":true}]"#), "malformed"),
        ("half an object", raw(200, JSON, r#"{"active":true"#), "malformed"),
        ("twice, and not the same", raw(200, JSON, r#"{"active":false,"active":true}"#), "malformed"),
        ("two objects", raw(200, JSON, r#"{"active":true}{"active":false}"#), "malformed"),
        ("IN-02 no `active`", raw(200, JSON, "{}"), "no `active`"),
        ("IN-02 a string", raw(200, JSON, r#"{"active":"true"}"#), "neither true nor false"),
        ("IN-02 a number", raw(200, JSON, r#"{"active":1}"#), "neither true nor false"),
        ("IN-02 null", raw(200, JSON, r#"{"active":null}"#), "neither true nor false"),
        ("another issuer", Say::Active(json!({"iss": "https://evil.example"})), "in another's name"),
        ("another subject", Say::Active(json!({"sub": "bob"})), "another subject"),
        ("another client", Say::Active(json!({"client_id": "other"})), "another client"),
        ("another token", Say::Active(json!({"jti": "other"})), "another token"),
        ("a later end", Say::Active(json!({"exp": 9_999_999_999_u64})), "ends later"),
        ("a megabyte", Say::Flood, "too long"),
        ("a connection that ends", Say::Reset, "cannot be reached"),
    ];
    let mut wrong = Vec::new();
    for (name, say, why) in rows {
        world.idp.says("/corp", say);
        let answer = world.get("/always", &corp());
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        let right = answer.status == 503
            && answer.reason().as_deref() == Some("introspection_unavailable")
            && answer.header("retry-after").is_some()
            && answer.header("www-authenticate").is_none()
            && told.contains(why);
        if !right {
            wrong.push(format!("{name}: {} {told}", answer.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(world.upstream.count(), 0);
    // None of it is kept: as soon as it is well, the next request passes.
    world.idp.says("/corp", Say::Truth);
    assert_eq!(world.asks("/always", &corp()), "admitted");
    assert!(world.gateway.log().contains("refuses the gateway's own credentials"), "the operator is told");
}

/// A slow provider costs its own requests the timeout and no more; a dead one, after some, not even that.
#[test]
fn a_dead_provider_is_not_waited_for_again_and_again() {
    let world = World::start();
    world.idp.says("/partner", Say::Hang);
    let mut slow = 0;
    let began = Instant::now();
    while world.metric("curfew_introspection_paused{issuer=\"partner\"}") < 1.0 {
        assert_eq!(world.asks("/always", &partner()), "introspection_unavailable");
        slow += 1;
        assert!(slow <= 3, "three failures in a row are enough");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "each of them within its timeout");
    // Left alone: who asks now is answered at once, without a question.
    let (asked, refused) =
        (world.idp.count("/partner"), "curfew_introspection_unasked_total{issuer=\"partner\",cause=\"paused\"}");
    let answer = world.get("/always", &partner());
    if world.metric(refused) > 0.0 {
        assert!(String::from_utf8_lossy(&answer.body).contains("left alone"), "{answer:?}");
        assert_eq!(world.idp.count("/partner"), asked);
    }
    until("it is left alone", Duration::from_secs(10), || {
        assert_eq!(world.asks("/always", &partner()), "introspection_unavailable");
        (world.metric(refused) > 0.0).then_some(())
    });
    // Another issuer is not touched by that.
    assert_eq!(world.asks("/always", &corp()), "admitted");
    world.idp.says("/partner", Say::Truth);
    let token = partner();
    until("it is tried again", Duration::from_secs(10), || (world.asks("/always", &token) == "admitted").then_some(()));
    assert_eq!(world.metric("curfew_introspection_paused{issuer=\"partner\"}"), 0.0);
}

/// No more questions are open than may be; the next is refused at once, and the issuer does not see it.
#[test]
fn questions_are_bounded() {
    let world = World::start();
    world.idp.says("/partner", Say::Hang);
    let busy = "curfew_introspection_unasked_total{issuer=\"partner\",cause=\"busy\"}";
    let tokens: Vec<String> = (0..12).map(|_| partner()).collect();
    std::thread::scope(|scope| {
        let all: Vec<_> = tokens.iter().map(|token| scope.spawn(|| world.asks("/always", token))).collect();
        assert!(all.into_iter().all(|one| one.join().unwrap() == "introspection_unavailable"));
    });
    let unasked = world.metric(busy) + world.metric(&busy.replace("busy", "paused"));
    assert!(world.metric(busy) > 0.0, "two at once, of twelve");
    assert_eq!(world.idp.count("/partner") as f64 + unasked, 12.0, "who was not asked was not counted as asked");
}
