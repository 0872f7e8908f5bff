//! Transmitters that do not speak SSF 1.0.

use crate::support::mint::{CORP, now};
use crate::world::{Held, World};
use serde_json::json;

#[test]
fn googles_events_are_understood() {
    let world = World::start(
        "      dialect: google
      keys: { url: \"{base}/jwks\" }
      delivery: { push: {} }
      subjects: { issuers: [\"https://accounts.google.com/\"] }",
    );
    let held = Held::new();
    let subject = json!({"subject_type": "iss-sub", "iss": "https://accounts.google.com/", "sub": held.sub});
    let event = |name: &str| {
        let event = world.transmitter.event(name, json!({}), json!({"subject": subject, "reason": "hijacking"}));
        event.without("sub_id").head("typ", "JWT")
    };
    let past = event("oauth/event-type/token-revoked").claim("exp", now() - 5);
    assert_eq!(world.push(&past.sign()).status, 202, "`exp` says nothing");
    assert_eq!(world.asks(&held.token), "admitted", "a refresh token");
    assert_eq!(world.push(&event("oauth/event-type/tokens-revoked").sign()).status, 202);
    assert_eq!(world.asks(&held.token), "subject_revoked");
    assert_eq!(world.push(&event("risc/event-type/account-disabled").sign()).status, 202);
    assert_eq!(world.asks(&held.again(now() + 2)), "subject_revoked");
    assert_eq!(world.push(&event("risc/event-type/account-enabled").sign()).status, 202);
    assert_eq!(world.push(&event("risc/event-type/account-credential-change-required").sign()).status, 202);
    let hello = world.transmitter.event("risc/event-type/verification", json!({}), json!({"state": "x"}));
    assert_eq!(world.push(&hello.without("sub_id").sign()).status, 202);
}

/// What authentik sends: a session of which tokens know nothing, and its user by address.
#[test]
fn a_session_that_tokens_do_not_name_ends_its_user() {
    let world = World::start(
        "      dialect: draft
      delivery: { push: {} }
      subjects: { ends: subject, claims: { email: email } }",
    );
    let held = Held::new();
    let subject = json!({"format": "complex", "session": {"format": "opaque", "id": "9f86d081884c7d65"},
        "user": {"format": "email", "email": held.email}});
    let members = json!({"initiating_entity": "user", "event_timestamp": now(), "subject": subject});
    let event = world.transmitter.event("caep/event-type/session-revoked", json!({}), members).without("sub_id");
    assert_eq!(world.push(&event.sign()).status, 202);
    assert_eq!(world.asks(&held.token), "subject_revoked");
    // Inside and outside must agree.
    let other = json!({"format": "iss_sub", "iss": CORP, "sub": "x"});
    assert_eq!(world.push(&event.claim("sub_id", other).claim("jti", "another").sign()).status, 400);
}
