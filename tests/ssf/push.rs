//! Events that are pushed (RFC 8935), and what each of them does.

use crate::support::answer::Answer;
use crate::support::mint::{AUDIENCE, CORP, Mint, b64, hs256, now};
use crate::support::wait::until;
use crate::world::{Held, PATH, SECRET, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SETTINGS: &str = "      delivery: { push: { authorization: {secret} } }
      subjects: { claims: { email: email, tenant: tenant } }";

fn err(answer: &Answer) -> String {
    answer.json().and_then(|body| Some(body.get("err")?.as_str()?.to_owned())).unwrap_or_default()
}

#[test]
fn each_event_does_what_the_table_says() {
    let world = World::start(SETTINGS);
    let user = |held: &Held| held.user();
    let session = |held: &Held| held.session();
    let jwt = |held: &Held| json!({"format": "jwt_id", "iss": CORP, "jti": held.jti});
    let email = |held: &Held| json!({"format": "email", "email": held.email.replace("example.org", "EXAMPLE.org")});
    let tenant =
        |held: &Held| json!({"format": "complex", "tenant": {"format": "opaque", "id": held.sub.replace("sub", "t")}});
    type Subject = fn(&Held) -> Value;
    let rows: [(&str, Subject, Value, &str); 20] = [
        ("caep/event-type/session-revoked", session, json!({}), "session_revoked"),
        ("caep/event-type/session-revoked", user, json!({}), "subject_revoked"),
        ("caep/event-type/session-revoked", jwt, json!({}), "token_revoked"),
        ("caep/event-type/session-revoked", email, json!({}), "subject_revoked"),
        ("caep/event-type/session-revoked", tenant, json!({}), "subject_revoked"),
        ("caep/event-type/credential-change", user, json!({"change_type": "update"}), "subject_revoked"),
        ("caep/event-type/credential-change", user, json!({"change_type": "create"}), "admitted"),
        ("caep/event-type/token-claims-change", jwt, json!({"claims": {"role": "x"}}), "token_revoked"),
        ("caep/event-type/assurance-level-change", user, json!({"change_direction": "decrease"}), "subject_revoked"),
        (
            "caep/event-type/device-compliance-change",
            user,
            json!({"current_status": "not-compliant"}),
            "subject_revoked",
        ),
        ("caep/event-type/risk-level-change", user, json!({"current_level": "HIGH"}), "subject_revoked"),
        ("caep/event-type/risk-level-change", user, json!({"current_level": "MEDIUM"}), "admitted"),
        ("caep/event-type/session-established", user, json!({}), "admitted"),
        ("risc/event-type/account-disabled", user, json!({"reason": "hijacking"}), "subject_revoked"),
        ("risc/event-type/account-purged", user, json!({}), "subject_revoked"),
        ("risc/event-type/credential-compromise", user, json!({"credential_type": "password"}), "subject_revoked"),
        ("risc/event-type/identifier-changed", email, json!({"new-value": "b@example.org"}), "subject_revoked"),
        ("risc/event-type/opt-out-effective", user, json!({}), "admitted"),
        ("urn:example:unheard-of", user, json!({"x": [1, {"y": null}]}), "admitted"),
        ("oauth/event-type/tokens-revoked", user, json!({}), "subject_revoked"),
    ];
    for (name, subject, members, says) in rows {
        let (held, other) = (Held::new(), Held::new());
        assert_eq!(world.asks(&held.token), "admitted", "{name}");
        let event = world.transmitter.event(name, subject(&held), members);
        let begun = Instant::now();
        let answer = world.push(&event.sign());
        assert_eq!((answer.status, answer.body.len()), (202, 0), "{name}: {}", String::from_utf8_lossy(&answer.body));
        let said = world.asks(&held.token);
        println!("{name:45} {says:16} {:?} from event to refusal", begun.elapsed());
        assert_eq!(said, says, "{name}");
        assert_eq!(world.asks(&other.token), "admitted", "{name}: somebody else");
    }
    let (_, metrics) = world.gateway.admin("/metrics");
    assert!(metrics.contains("curfew_revocation_apply_lag_seconds_count{source=\"signals\"}"), "{metrics}");
}

#[test]
fn a_disabled_account_stays_so_until_it_is_enabled_in_whatever_order_events_come() {
    let world = World::start(SETTINGS);
    let held = Held::new();
    let event = |name: &str, at: i64| {
        let event = world.transmitter.event(&format!("risc/event-type/account-{name}"), held.user(), json!({}));
        event.claim("toe", at).sign()
    };
    assert_eq!(world.push(&event("disabled", now() - 5)).status, 202);
    assert_eq!(world.asks(&held.again(now() - 1)), "subject_revoked", "signed in again, and still blocked");
    // Older news come late.
    assert_eq!(world.push(&event("enabled", now() - 9)).status, 202);
    assert_eq!(world.asks(&held.again(now() - 1)), "subject_revoked");
    assert_eq!(world.push(&event("enabled", now() - 3)).status, 202);
    assert_eq!(world.asks(&held.again(now() - 1)), "admitted");
    assert_eq!(world.asks(&held.token), "subject_revoked", "what was issued before stays cut off");
    assert_eq!(world.push(&event("disabled", now() - 4)).status, 202);
    assert_eq!(world.asks(&held.again(now() - 1)), "admitted", "it was enabled since");
}

/// A word that was answered 202 is not undone by one that is older and comes later.
#[test]
fn what_cut_off_a_disabled_account_holds_when_it_was_enabled_before() {
    let world = World::start(SETTINGS);
    let held = Held::new();
    let event = |name: &str, at: i64| {
        world.transmitter.event(name, held.user(), json!({"change_type": "update"})).claim("toe", at).sign()
    };
    let begun = now();
    let pushed = [("risc/event-type/account-disabled", 40), ("caep/event-type/credential-change", 10)];
    for (name, ago) in pushed.into_iter().chain([("risc/event-type/account-enabled", 20)]) {
        assert_eq!(world.push(&event(name, begun - ago)).status, 202, "{name}");
    }
    assert_eq!(world.asks(&held.again(begun - 15)), "subject_revoked", "its credential was changed after that");
    assert_eq!(world.asks(&held.again(begun - 5)), "admitted");
}

/// Whoever has an old event, as signed as ever, frees nobody with it who was blocked since: though its source was begun
/// anew, and remembers neither.
#[test]
fn an_old_event_that_is_sent_again_frees_nobody() {
    let world = World::start(SETTINGS);
    let held = Held::new();
    let event = |name: &str, at: i64| {
        let event = world.transmitter.event(&format!("risc/event-type/account-{name}"), held.user(), json!({}));
        event.claim("toe", at).sign()
    };
    let old = event("enabled", now() - 30);
    assert_eq!(world.push(&event("disabled", now() - 40)).status, 202);
    assert_eq!(world.push(&old).status, 202);
    assert_eq!(world.asks(&held.again(now() - 1)), "admitted");
    assert_eq!(world.push(&event("disabled", now() - 20)).status, 202);
    assert_eq!(world.asks(&held.again(now() - 1)), "subject_revoked");
    let config = std::fs::read_to_string(&world.config).unwrap();
    std::fs::write(&world.config, config.replace("      delivery:", "      max_age: 1d\n      delivery:")).unwrap();
    until("a reload", Duration::from_secs(10), || world.gateway.log().contains("reloaded").then_some(()));
    until("its keys, anew", Duration::from_secs(10), || (world.push(&old).status == 202).then_some(()));
    assert_eq!(world.asks(&held.again(now() - 1)), "subject_revoked", "blocked since");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(world.push(&event("enabled", now())).status, 202);
    assert_eq!(world.asks(&held.again(now() + 1)), "admitted", "enabled now");
}

#[test]
fn times_are_those_of_the_event_within_bounds() {
    let world = World::start(SETTINGS);
    let push = |members: Value, toe: Option<i64>, iat: i64| {
        let held = Held::issued(now() - 100);
        let mut event =
            world.transmitter.event("caep/event-type/session-revoked", held.user(), members).claim("iat", iat);
        if let Some(toe) = toe {
            event = event.claim("toe", toe);
        }
        (world.push(&event.sign()), world.asks(&held.token), world.asks(&held.again(now())))
    };
    let is = |(answer, old, new): (Answer, String, String), status, says: &str, later: &str| {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, &*old, &*new), (status, says, later), "{body}");
    };
    is(push(json!({}), None, now() - 50), 202, "subject_revoked", "admitted");
    is(push(json!({"event_timestamp": now() - 200}), None, now()), 202, "admitted", "admitted");
    is(push(json!({"event_timestamp": now() - 50}), Some(now() - 200), now()), 202, "subject_revoked", "admitted");
    is(push(json!({}), Some(now() - 200), now()), 202, "admitted", "admitted");
    // One that is far ahead locks nobody out who signs in later: it counts as of now.
    let held = Held::issued(now() - 100);
    let far = world.transmitter.event(
        "caep/event-type/session-revoked",
        held.user(),
        json!({"event_timestamp": now() + 86_400}),
    );
    assert_eq!(world.push(&far.sign()).status, 202);
    assert_eq!(world.asks(&held.token), "subject_revoked");
    assert_eq!(world.asks(&held.again(now() + 2)), "admitted");
    is(push(json!({"event_timestamp": 0}), None, now()), 400, "admitted", "admitted");
    is(push(json!({"event_timestamp": "soon"}), None, now()), 400, "admitted", "admitted");
    is(push(json!({}), None, now() + 600), 400, "admitted", "admitted");
    is(push(json!({}), None, now() - 8 * 86_400), 400, "admitted", "admitted");
}

#[test]
fn nobody_else_is_believed() {
    let (world, mint, held) = (World::start(SETTINGS), Mint::get(), Held::new());
    let good = || world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({}));
    let secret_of = |key: &[u8]| {
        let token = good().alg("HS256");
        token.with_signature(hs256(key, &token.input()))
    };
    let stranger = mint.stranger.token().head("typ", "secevent+jwt");
    let forged = good().claims.into_iter().fold(stranger, |token, (name, value)| token.claim(&name, value));
    let none = format!("{}.{}.", b64(r#"{"alg":"none","typ":"secevent+jwt"}"#), b64(good().payload_text()));
    let two = json!({"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {},
        "https://schemas.openid.net/secevent/risc/event-type/account-disabled": {}});
    let rows: Vec<(&str, String, &str)> = vec![
        ("nothing", String::new(), "invalid_request"),
        ("no token", "a.b.c".into(), "invalid_request"),
        ("alg none", none, "invalid_key"),
        ("a secret: the public key", secret_of(mint.rsa.public_pem().as_bytes()), "invalid_key"),
        ("a key that nobody published", forged.sign(), "invalid_key"),
        ("that key under a name that is published", forged.clone().head("kid", "partner-1").sign(), "invalid_key"),
        ("another signature", good().with_signature([7; 64]), "invalid_key"),
        ("another type", good().head("typ", "JWT").sign(), "invalid_request"),
        ("no type", good().headless("typ").sign(), "invalid_request"),
        ("an access token", mint.partner.token().sign(), "invalid_request"),
        ("another issuer", good().claim("iss", CORP).sign(), "invalid_issuer"),
        ("another audience", good().claim("aud", AUDIENCE).sign(), "invalid_audience"),
        ("no audience", good().without("aud").sign(), "invalid_audience"),
        ("no iat", good().without("iat").sign(), "invalid_request"),
        ("no jti", good().without("jti").sign(), "invalid_request"),
        ("exp", good().claim("exp", now() + 60).sign(), "invalid_request"),
        ("sub", good().claim("sub", held.sub.clone()).sign(), "invalid_request"),
        ("no events", good().without("events").sign(), "invalid_request"),
        ("no event in events", good().claim("events", json!({})).sign(), "invalid_request"),
        ("events that are none", good().claim("events", json!({"x": 7})).sign(), "invalid_request"),
        ("two events", good().claim("events", two).sign(), "invalid_request"),
        ("no subject", good().without("sub_id").sign(), "invalid_request"),
        ("a subject that is a text", good().claim("sub_id", "x").sign(), "invalid_request"),
        (
            "a user of another issuer",
            good().claim("sub_id", json!({"format": "iss_sub", "iss": "https://evil.example", "sub": held.sub})).sign(),
            "access_denied",
        ),
        (
            "a member twice",
            good().sign_payload(|text| text.replacen('{', r#"{"jti":"x","#, 1).into_bytes()),
            "invalid_request",
        ),
    ];
    for (name, token, error) in &rows {
        let answer = world.push(token);
        assert_eq!((answer.status, err(&answer).as_str()), (400, *error), "{name}");
        assert_eq!(answer.header("content-language"), Some("en"), "{name}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
    }
    let kind = ("Content-Type", "application/secevent+jwt");
    for (name, headers, error) in [
        ("no authorization", vec![kind], "authentication_failed"),
        ("another", vec![kind, ("Authorization", "Bearer agreed-off")], "authentication_failed"),
        ("half of it", vec![kind, ("Authorization", "Bearer agreed")], "authentication_failed"),
        ("twice", vec![kind, ("Authorization", SECRET), ("Authorization", SECRET)], "authentication_failed"),
        ("another media type", vec![("Content-Type", "application/jwt"), ("Authorization", SECRET)], "invalid_request"),
        ("compressed", vec![kind, ("Authorization", SECRET), ("Content-Encoding", "gzip")], "invalid_request"),
    ] {
        let answer = world.push_with(&headers, &good().sign());
        assert_eq!((answer.status, err(&answer).as_str()), (400, error), "{name}");
    }
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/secevent+jwt\r\nContent-Length: 100000000\r\n\r\n"
    );
    assert_eq!(world.send(head).status, 413, "100 MB");
    assert_eq!(world.asks(&held.token), "admitted", "after all of them");
    assert!(world.counted("refused") >= rows.len() as u64);
    assert_eq!(world.push(&good().sign()).status, 202, "the twin that must pass");
    assert_eq!(world.asks(&held.token), "subject_revoked");
    let log = world.gateway.log();
    assert!(!log.contains("eyJ") && !log.contains("agreed-on") && !log.contains("panicked"), "{log}");
}

#[test]
fn repeated_and_unmatchable_events_are_acknowledged() {
    let (world, held) = (World::start(SETTINGS), Held::new());
    let event = world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({})).sign();
    assert_eq!([world.push(&event).status, world.push(&event).status], [202, 202]);
    assert_eq!((world.counted("enforced"), world.counted("repeated")), (1, 1));
    for subject in [
        json!({"format": "phone_number", "phone_number": "+12065550100"}),
        json!({"format": "opaque", "id": "x"}),
        json!({"format": "saml_assertion_id", "issuer": "i", "assertion_id": "a"}),
    ] {
        let event = world.transmitter.event("caep/event-type/session-revoked", subject, json!({}));
        assert_eq!(world.push(&event.sign()).status, 202);
    }
    assert_eq!(world.counted("unmatchable"), 3);
}

/// The same reference, another secret: the next reload takes it up, though the config says what it said.
#[test]
fn a_secret_that_was_rotated_counts_after_a_reload() {
    let world = World::start(SETTINGS);
    let push = |secret: &str| {
        let held = Held::new();
        let event = world.transmitter.event("caep/event-type/session-revoked", held.user(), json!({}));
        let headers = [("Content-Type", "application/secevent+jwt"), ("Authorization", secret)];
        (world.push_with(&headers, &event.sign()).status, world.asks(&held.token))
    };
    assert_eq!(push(SECRET), (202, "subject_revoked".into()));
    std::fs::write(world.config.with_file_name("secret"), "Bearer another").unwrap();
    assert_eq!(push(SECRET).0, 202, "until it is reloaded");
    let config = std::fs::read_to_string(&world.config).unwrap();
    std::fs::write(&world.config, format!("{config}\n# Rotated.\n")).unwrap();
    let taken = || (push("Bearer another") == (202, "subject_revoked".into())).then_some(());
    until("the new secret", Duration::from_secs(10), taken);
    let (status, said) = push(SECRET);
    assert!(status == 400 && said == "admitted", "{status} {said}");
}
