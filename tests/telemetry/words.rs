//! A judgement reads well, as text and as JSON, to the letter.

use crate::world::{forged, judge, token};
use curfew::decide::evidence::Reading;
use curfew::telemetry::describe::{Trail, Words, decisive, text};

#[test]
fn an_expired_token_as_text() {
    let token = token(-14_200);
    let told = text(&judge(Reading::Trusted(&token)));
    let expected = "\
refused: token_expired (401 Unauthorized): the token has expired
  because    expired 14.2 s before this instant, leeway 10 s; exp 2026-11-21T04:59:45.800Z
  pass    presence    Was exactly one token presented?
  pass    form        Is it a well-formed, signed JWT?
  pass    algorithm   Is its signature algorithm one that is allowed?       alg: RS256
  pass    issuer      Is its issuer trusted on this route?
  pass    key         Is its signing key known?
  pass    signature   Does its signature verify?
  pass    token_type  Is it an access token?
  pass    claims      Are the claims that are needed there, and in form?
  pass    binding     Is it presented by whom it is bound to?
  pass    audience    Is it meant for this audience?
                      aud: one of the 1 named is among the 1 accepted
  pass    not_before  Has its time begun?
  fail    expiry      Is its time not over?
                      expired 14.2 s before this instant, leeway 10 s; exp 2026-11-21T04:59:45.800Z
  pass    issued      Was it issued in the past?
                      issued 30 s before this instant, leeway 10 s; iat 2026-11-21T04:59:30.000Z
  pass    age         Is it young enough for this route?
                      now - iat is 30 s, at most 15 min (policy), leeway 10 s; holds for 14 min 40 s
  pass    revocation  Is it clear of all revocations?
  unasked on this route: lifetime, freshness, status, absolute, idle, auth_age, acr, scope,
          permission, active
what to do: The client renews it. If many at once: look for clock skew, or a client that does not
            renew.
";
    assert_eq!(told, expected, "{told}");
}

/// What failed is told, and what could then not be asked, in a line.
#[test]
fn what_was_not_asked_takes_one_line() {
    let told = text(&forged());
    assert!(told.contains("\n  fail    signature   Does its signature verify?"), "{told}");
    assert!(told.contains("\n  moot, by what failed before: "), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
}

#[test]
fn an_expired_token_as_json() {
    let token = token(-14_200);
    let trail = serde_json::to_value(Trail::of(&judge(Reading::Trusted(&token)))).unwrap();
    assert_eq!(trail["outcome"], "refuse");
    assert_eq!(trail["reason"], "token_expired");
    let expiry = trail["questions"].as_array().unwrap().iter().find(|answer| answer["name"] == "expiry").unwrap();
    let expected = serde_json::json!({
        "name": "expiry",
        "question": "Is its time not over?",
        "outcome": "fail",
        "reason": "token_expired",
        "subject": "exp",
        "measured": { "instant": "2026-11-21T05:00:00.000Z" },
        "allowed": { "instant": "2026-11-21T04:59:45.800Z" },
        "distance_ms": 14_200,
        "leeway_ms": 10_000,
        "origin": "issuer",
        "text": "expired 14.2 s before this instant, leeway 10 s",
    });
    assert_eq!(*expiry, expected);
}

#[test]
fn what_was_not_answered_has_no_numbers() {
    let trail = serde_json::to_value(Trail::of(&forged())).unwrap();
    let expiry = trail["questions"].as_array().unwrap().iter().find(|answer| answer["name"] == "expiry").unwrap();
    assert_eq!(expiry["outcome"], "moot");
    assert!(expiry.get("subject").is_none());
    assert_eq!(decisive(&forged()).as_deref(), Some("signature: it does not verify"));
}

#[test]
fn an_admission_tells_how_long_it_holds() {
    let token = token(60_000);
    assert!(text(&judge(Reading::Trusted(&token))).starts_with("admitted, for 70 s\n"));
}

#[test]
fn spans_in_words() {
    for (ms, words) in [
        (0, "0 ms"),
        (350, "350 ms"),
        (14_200, "14.2 s"),
        (119_999, "119.999 s"),
        (725_000, "12 min 5 s"),
        (12_000_000, "3 h 20 min"),
        (172_800_000, "2 d"),
        (-90_000, "90 s"),
    ] {
        assert_eq!(Words(ms).to_string(), words);
    }
}
