//! Logout tokens (OpenID Connect Back-Channel Logout 1.0; §11 and §24 I1 of the standards).

use crate::support::config::HOST;
use crate::support::mint::{CORP, Key, Mint, Token, now, set, unique};
use crate::support::raw::{PATIENCE, ask};
use crate::support::wait::until;
use crate::world::{FETCHED, FORM, Rows, World, access, post};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LOGOUT: &str = "/.curfew/events/logout";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A good logout token of this key.
pub fn logout(key: &Key) -> Token<'_> {
    let mut token = key.token().head("typ", "logout+jwt");
    token.claims.clear();
    let claims = json!({"iss": CORP, "aud": "shop", "iat": now(), "exp": now() + 120, "jti": unique("logout"),
        "events": {EVENT: {}}, "sid": unique("sid"), "sub": unique("sub")});
    claims.as_object().unwrap().iter().fold(token, |token, (name, value)| token.claim(name, value.clone()))
}

#[test]
fn what_is_no_logout_token_ends_nothing() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let (held, sid, sub) = access(mint.ec.token());
    let good = || logout(&mint.ec).claim("sid", sid.clone()).claim("sub", sub.clone());
    let bad: Vec<(&str, String)> = vec![
        ("I1 with nonce", good().claim("nonce", "n").sign()),
        ("I1 nonce null", good().claim("nonce", Value::Null).sign()),
        ("I1 without events", good().without("events").sign()),
        ("I1 events a list", good().claim("events", json!([EVENT])).sign()),
        ("I1 events a text", good().claim("events", EVENT).sign()),
        ("I1 another event", good().claim("events", json!({"https://e": {}})).sign()),
        ("I1 the event a text", good().claim("events", json!({EVENT: "{}"})).sign()),
        ("I1 the event null", good().claim("events", json!({EVENT: null})).sign()),
        ("I1 neither sid nor sub", good().without("sid").without("sub").sign()),
        ("I1 empty sid and sub", good().claim("sid", "").claim("sub", "").sign()),
        ("I1 sub a number", good().claim("sub", 7).sign()),
        ("I1 wrong aud", good().claim("aud", "other").sign()),
        ("I1 aud of the API", good().claim("aud", "https://api.example.com").sign()),
        ("I1 aud empty", good().claim("aud", json!([])).sign()),
        ("I1 without aud", good().without("aud").sign()),
        ("I1 wrong iss", good().claim("iss", "https://id.example.com/realms/corp/").sign()),
        ("I1 without iss", good().without("iss").sign()),
        ("I1 iss of another of ours", good().claim("iss", FETCHED).sign()),
        ("I1 expired", good().claim("iat", now() - 300).claim("exp", now() - 120).sign()),
        ("I1 without exp", good().without("exp").sign()),
        ("I1 without iat", good().without("iat").sign()),
        ("I1 iat a text", good().claim("iat", now().to_string()).sign()),
        ("I1 from the future", good().claim("iat", now() + 300).claim("exp", now() + 400).sign()),
        ("I1 not valid yet", good().claim("nbf", now() + 300).sign()),
        ("I1 from the far past", good().claim("iat", 1).claim("exp", now() + 120).sign()),
        ("I1 older than may be", good().claim("iat", now() - 1300).claim("exp", now() + 120).sign()),
        ("I1 an end that is no time", good().claim("exp", 1e300).sign()),
        ("I1 without jti", good().without("jti").sign()),
        ("I1 jti empty", good().claim("jti", "").sign()),
        ("I1 an access token", good().head("typ", "at+jwt").sign()),
        ("I1 a security event", good().head("typ", "secevent+jwt").sign()),
        ("I1 typ a number", good().head("typ", 7).sign()),
        ("I1 alg none", good().alg("none").with_signature("")),
        ("I1 alg HS256", good().alg("HS256").with_signature("x")),
        ("I1 alg that is not allowed", logout(&mint.p384).claim("sid", sid.clone()).sign()),
        ("I1 a stranger's key", logout(&mint.stranger).claim("sid", sid.clone()).sign()),
        ("I1 an impostor's key", logout(&mint.impostor).claim("sid", sid.clone()).sign()),
        ("I1 crit", good().head("crit", json!(["x"])).sign()),
        ("I1 a claim twice", good().sign_payload(|text| text.replacen('{', "{\"iss\":\"x\",", 1).into_bytes())),
        ("I1 no JSON", good().sign_payload(|_| b"[]".to_vec())),
        ("I1 no token", "x".into()),
        ("I1 nothing", String::new()),
        ("I1 a string beyond all", good().claim("sid", "s".repeat(5000)).sign()),
    ];
    for (name, token) in &bad {
        let answer = world.logout(LOGOUT, token);
        rows.is(name, &answer, 400);
        let error = answer.json().and_then(|body| body["error"].as_str().map(str::to_owned));
        rows.same(name, error.as_deref().unwrap_or_default(), "invalid_request");
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        rows.same(name, if told.contains(sid.as_str()) { "told" } else { "untold" }, "untold");
    }
    // The issuer's keys were looked for just now: whether this one was published since cannot be told.
    let partners = logout(&mint.partner).claim("sid", sid.clone()).sign();
    rows.is("I1 another issuer's key", &world.logout(LOGOUT, &partners), 503);
    let form = |body: &str, kind: &str| world.post(LOGOUT, kind, body);
    let token = good().sign();
    rows.is("I1 JSON", &form(&json!({"logout_token": token}).to_string(), "application/json"), 400);
    rows.is("I1 a form by another name", &form(&format!("logout_token={token}"), "text/plain"), 400);
    rows.is("I1 twice", &form(&format!("logout_token={token}&logout_token={token}"), FORM), 400);
    rows.is("I1 another field", &form(&format!("token={token}"), FORM), 400);
    rows.is("I1 bytes that are no text", &form("logout_token=%ff%fe", FORM), 400);
    rows.same("I1 after all of them", &world.asks(&held), "admitted");
    let refused = world.counted("logout", "refused");
    rows.same("I1 all are counted", &refused.to_string(), &(bad.len() + 5).to_string());
    rows.is("I1+ the twin that must pass", &form(&format!("x=1&logout_token={token}&y"), FORM), 200);
    rows.same("I1+ the session is over", &world.asks(&held), "session_revoked");
    let log = world.gateway.log();
    assert!(!log.contains(&token) && !log.contains(&sid) && !log.contains("logout_token"), "{log}");
    rows.finish();
}

/// Whoever sends tokens of keys that there are not has the keys fetched, and no more for a while: meanwhile a token of a
/// key that is new is not thrown away as theirs are.
#[test]
fn a_flood_of_unknown_keys_hides_no_new_one() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let path = "/.curfew/events/lax";
    let of = |key| logout(key).claim("iss", FETCHED);
    let new = of(&mint.ec).claim("sid", "x").sign();
    rows.is("unknown", &world.logout(path, &of(&mint.stranger).claim("sid", "x").sign()), 400);
    world.provider.put("/jwks", set(&[&mint.rsa, &mint.ec]).to_string());
    let answer = world.logout(path, &new);
    rows.is("new", &answer, 503);
    rows.same("try again", answer.header("retry-after").unwrap_or_default(), "5");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    rows.is("tried again", &world.logout(path, &new), 200);
    rows.finish();
}

#[test]
fn a_logout_is_enforced_by_the_very_next_request() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    // A session, and no other of the same user.
    let (first, sid, sub) = access(mint.ec.token());
    let other = mint.rsa.token().claim("sub", sub.clone()).sign();
    rows.same("before", &world.asks(&first), "admitted");
    let token = logout(&mint.rsa).claim("sid", sid.clone()).claim("sub", sub.clone()).sign();
    let began = Instant::now();
    rows.is("a session", &world.logout(LOGOUT, &token), 200);
    rows.same("the next request", &world.asks(&first), "session_revoked");
    println!("logout to refusal, two connections with their handshakes: {:?}", began.elapsed());
    rows.same("another session of the user", &world.asks(&other), "admitted");
    // Again: nothing changes, and the answer is the same.
    rows.is("a replay", &world.logout(LOGOUT, &token), 200);
    rows.same("is counted", &world.counted("logout", "repeated").to_string(), "1");
    // All sessions of a user, up to the logout; who signs in after it is let in.
    let all = logout(&mint.ec).without("sid").claim("sub", sub.clone()).claim("aud", json!(["x", "app"]));
    rows.is("a subject", &world.logout(LOGOUT, &all.sign()), 200);
    rows.same("all sessions", &world.asks(&other), "subject_revoked");
    let later = mint.ec.token().claim("sub", sub.clone()).claim("iat", now() + 2).claim("auth_time", now() + 2);
    rows.same("signed in again", &world.asks(&later.sign()), "admitted");
    // Out of order: an older logout takes nothing back.
    let older = logout(&mint.ec).without("sid").claim("sub", sub.clone()).claim("iat", now() - 100);
    rows.is("an older one", &world.logout(LOGOUT, &older.sign()), 200);
    rows.same("still", &world.asks(&other), "subject_revoked");
    // Types of older providers.
    for (name, token) in [
        ("JWT", logout(&mint.ec).head("typ", "JWT")),
        ("none", logout(&mint.ec).headless("typ")),
        ("application/LOGOUT+JWT", logout(&mint.ec).head("typ", "application/LOGOUT+JWT")),
    ] {
        rows.is(name, &world.logout(LOGOUT, &token.sign()), 200);
    }
    let metrics = world.gateway.admin("/metrics").1;
    assert!(metrics.contains("curfew_revocation_apply_lag_seconds_bucket{le=\"1.0\",source=\"logout\"}"), "{metrics}");
    assert!(metrics.contains("curfew_revocation_event_duration_seconds_count{source=\"logout\"}"), "{metrics}");
    rows.finish();
}

#[test]
fn strict_sources_end_subjects_and_take_one_type() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let (held, _, sub) = access(mint.ec.token());
    let strict = "/elsewhere/logout";
    let good = || logout(&mint.ec).claim("sub", sub.clone());
    rows.is("typ JWT", &world.logout(strict, &good().head("typ", "JWT").sign()), 400);
    rows.is("no typ", &world.logout(strict, &good().headless("typ").sign()), 400);
    rows.is("a long life", &world.logout(strict, &good().claim("iat", now() - 130).sign()), 400);
    rows.is("a client of another source", &world.logout(strict, &good().claim("aud", "app").sign()), 400);
    rows.same("before", &world.asks(&held), "admitted");
    rows.is("good", &world.logout(strict, &good().sign()), 200);
    rows.same("the session was another's, the user the same", &world.asks(&held), "subject_revoked");
    rows.finish();
}

/// A key that appears with a rotation is fetched once; a provider whose keys are gone is told to try again.
#[test]
fn keys_are_had_as_the_line_has_them() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let path = "/.curfew/events/lax";
    let of = |key| logout(key).claim("iss", FETCHED);
    let (held, sid, _) = access(mint.rsa.token().claim("iss", FETCHED));
    rows.same("before", &world.asks(&held), "admitted");
    rows.is("unknown", &world.logout(path, &of(&mint.ec).claim("sid", sid.clone()).sign()), 400);
    world.provider.put("/jwks", set(&[&mint.rsa, &mint.ec]).to_string());
    std::thread::sleep(Duration::from_millis(1100)); // the cool-down of unknown keys
    let fetched = world.provider.fetched("/jwks");
    rows.is("rotated in", &world.logout(path, &of(&mint.ec).claim("sid", sid).without("exp").sign()), 200);
    rows.same("fetched once", &(world.provider.fetched("/jwks") - fetched).to_string(), "1");
    rows.same("enforced", &world.asks(&held), "session_revoked");
    rows.finish();
}

/// What could not be kept is not acknowledged, so that the provider tries again.
#[test]
fn what_is_not_kept_is_not_acknowledged() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let path = "/.curfew/events/narrow";
    rows.is("the first", &world.logout(path, &logout(&mint.ec).sign()), 200);
    let second = logout(&mint.ec).sign();
    let answer = world.logout(path, &second);
    rows.is("over the bound", &answer, 503);
    rows.same("try again", answer.header("retry-after").unwrap_or_default(), "5");
    rows.is("again: not as a replay", &world.logout(path, &second), 503);
    rows.same("it is counted", &world.counted("narrow", "failed").to_string(), "2");
    rows.finish();
}

/// With a new config, the issuer's new rules count at once, and paths move; what was said before stays.
#[test]
fn a_reload_moves_doors_and_forgets_nothing() {
    let (world, mint, mut rows) = (World::start(), Mint::get(), Rows::default());
    let ended = |key| {
        let (held, sid, _) = access(mint.ec.token());
        (held, logout(key).claim("sid", sid).sign())
    };
    let (before, token) = ended(&mint.rsa);
    rows.is("before", &world.logout(LOGOUT, &token), 200);
    let text = std::fs::read_to_string(&world.config).unwrap();
    let moved = text
        .replace("algorithms: [RS256, ES256, EdDSA]", "algorithms: [ES256]")
        .replace("client_ids: [shop, app] }", "client_ids: [shop, app], door: { path: /moved } }");
    assert_eq!(moved.matches("/moved").count(), 1);
    std::fs::write(&world.config, moved).unwrap();
    until("the reload", PATIENCE, || {
        (world.post("/moved", FORM, "x=1").status == 400).then_some(()).or_else(|| {
            std::thread::sleep(Duration::from_millis(20));
            None
        })
    });
    rows.same("said before", &world.asks(&before), "session_revoked");
    let (_, token) = ended(&mint.rsa);
    rows.is("an algorithm that is not allowed any more", &world.logout("/moved", &token), 400);
    rows.is("nor at a source that did not change", &world.logout("/elsewhere/logout", &logout(&mint.rsa).sign()), 400);
    let (held, token) = ended(&mint.ec);
    rows.same("the old path", &world.logout(LOGOUT, &token).reason().unwrap_or_default(), "token_missing");
    rows.is("the new path", &world.logout("/moved", &token), 200);
    rows.same("enforced", &world.asks(&held), "session_revoked");
    rows.same("counts go on", &world.counted("logout", "enforced").to_string(), "2");
    rows.finish();
}

/// Many users at once: each logout is enforced before it is answered.
#[test]
fn a_thousand_logouts_are_each_enforced_when_they_are_answered() {
    let (world, mint) = (World::start(), Mint::get());
    let held: Vec<_> = (0..1000)
        .map(|_| {
            let (token, sid, _) = access(mint.ec.token());
            (token, logout(&mint.ec).claim("sid", sid).sign())
        })
        .collect();
    let mut lags = std::thread::scope(|scope| {
        let tell = |part: &'_ [(String, String)]| {
            let (mut provider, mut user) = (world.door().open().unwrap(), world.door().open().unwrap());
            let mut lags = Vec::new();
            for (token, logout) in part {
                let began = Instant::now();
                let event = post(LOGOUT, &[("Content-Type", FORM)], &format!("logout_token={logout}"));
                assert_eq!(ask(&mut provider, event.as_bytes(), Duration::ZERO).unwrap().status, 200);
                let request = format!("GET /orders HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n");
                let answer = ask(&mut user, request.as_bytes(), Duration::ZERO).unwrap();
                assert_eq!(answer.reason().as_deref(), Some("session_revoked"));
                lags.push(began.elapsed());
            }
            lags
        };
        let parts: Vec<_> = held.chunks(250).map(|part| scope.spawn(move || tell(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect::<Vec<_>>()
    });
    lags.sort();
    println!("logout sent to refusal, 4 at once: p50 {:?}, p99 {:?}, most {:?}", lags[500], lags[990], lags[999]);
    assert_eq!(world.counted("logout", "enforced"), 1000);
}
