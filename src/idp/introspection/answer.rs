//! What an answer says of the token that was asked about. It must not contradict what was verified of that token: an
//! issuer that speaks of another one has said nothing of this one.

use crate::decide::claims::Claims;
use crate::decide::time::Timestamp;
use crate::state::introspection::Outcome;
use serde_json::{Map, Value};
use std::time::Duration;

/// Reads an answer (RFC 7662 §2.2). `leeway`: by how much the issuer's clock and ours may differ.
pub(super) fn read(answer: &Map<String, Value>, claims: &Claims, leeway: Duration, now: Timestamp) -> Outcome {
    match answer.get("active") {
        Some(Value::Bool(true)) => active(answer, claims, leeway, now),
        // The standard wants no more said of it than that, and nothing more is believed.
        Some(Value::Bool(false)) => Outcome::Inactive,
        Some(_) => Outcome::Failed("its issuer's `active` is neither true nor false"),
        None => Outcome::Failed("its issuer's answer has no `active`"),
    }
}

fn active(answer: &Map<String, Value>, claims: &Claims, leeway: Duration, now: Timestamp) -> Outcome {
    let same = [
        ("iss", Some(&*claims.issuer), "its issuer answers in another's name"),
        ("sub", claims.subject.as_deref(), "its issuer answers about another subject"),
        ("client_id", claims.client(), "its issuer answers about another client"),
        ("jti", claims.token_id.as_deref(), "its issuer answers about another token"),
    ];
    for (name, verified, odd) in same {
        if !agrees(answer.get(name), verified) {
            return Outcome::Odd(odd);
        }
    }
    match answer.get("exp") {
        None | Some(Value::Null) => Outcome::Active(None),
        Some(exp) => ends(exp, claims, leeway, now),
    }
}

/// A name that the token does not carry contradicts nothing, and neither does one that the answer leaves out.
fn agrees(said: Option<&Value>, verified: Option<&str>) -> bool {
    match (said, verified) {
        (None | Some(Value::Null), _) => true,
        (Some(Value::String(said)), Some(verified)) => said == verified,
        (Some(Value::String(_)), None) => true,
        (Some(_), _) => false,
    }
}

/// The issuer may end a token before its time, and not after it, as far as clocks agree.
fn ends(exp: &Value, claims: &Claims, leeway: Duration, now: Timestamp) -> Outcome {
    let Some(exp) = exp.as_f64().and_then(Timestamp::from_numeric_floor) else {
        return Outcome::Odd("its issuer's answer has an `exp` that is no time");
    };
    if claims.expires.is_some_and(|own| exp.secs() > own.plus(leeway).secs()) {
        return Outcome::Odd("its issuer answers about a token that ends later");
    }
    let end = exp.plus(leeway);
    if end <= now { Outcome::Inactive } else { Outcome::Active(Some(end)) }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::decide::claims::Claims;
    use crate::decide::time::Timestamp;
    use crate::state::introspection::Outcome;
    use std::time::Duration;

    fn claims() -> Claims {
        Claims {
            issuer: "https://id".into(),
            subject: Some("alice".into()),
            client_id: Some("app".into()),
            token_id: Some("7".into()),
            expires: Some(Timestamp::from_secs(1000)),
            ..Claims::default()
        }
    }

    fn said(json: &str) -> Outcome {
        let answer = serde_json::from_str(json).unwrap();
        read(&answer, &claims(), Duration::from_secs(10), Timestamp::from_secs(500))
    }

    #[test]
    fn an_answer_that_contradicts_the_token_says_nothing_of_it() {
        let until = |secs| Outcome::Active(Some(Timestamp::from_secs(secs)));
        for (json, outcome) in [
            (r#"{"active":true}"#, Outcome::Active(None)),
            (r#"{"active":true,"iss":"https://id","sub":"alice","client_id":"app","jti":"7","exp":1000}"#, until(1010)),
            (r#"{"active":true,"exp":1000,"username":"x","aud":["b"]}"#, until(1010)),
            (r#"{"active":true,"exp":1010}"#, until(1020)),
            (r#"{"active":true,"exp":600}"#, until(610)),
            (r#"{"active":true,"exp":491}"#, until(501)),
            (r#"{"active":true,"exp":490}"#, Outcome::Inactive),
            (r#"{"active":true,"sub":null,"exp":null}"#, Outcome::Active(None)),
            (r#"{"active":false}"#, Outcome::Inactive),
            (r#"{"active":false,"sub":"bob","exp":"x"}"#, Outcome::Inactive),
        ] {
            assert_eq!(said(json), outcome, "{json}");
        }
        for json in [
            r#"{"active":true,"iss":"https://id/"}"#,
            r#"{"active":true,"sub":"Alice"}"#,
            r#"{"active":true,"sub":7}"#,
            r#"{"active":true,"client_id":"other"}"#,
            r#"{"active":true,"jti":"8"}"#,
            r#"{"active":true,"exp":1011}"#,
            r#"{"active":true,"exp":"1000"}"#,
        ] {
            assert!(matches!(said(json), Outcome::Odd(_)), "{json}");
        }
        for json in ["{}", r#"{"active":"true"}"#, r#"{"active":1}"#, r#"{"active":null}"#, r#"{"Active":true}"#] {
            assert!(matches!(said(json), Outcome::Failed(_)), "{json}");
        }
    }

    /// What the token does not say, it does not contradict: some providers keep `sub` out of it.
    #[test]
    fn what_is_not_in_the_token_is_not_compared() {
        let answer = serde_json::from_str(r#"{"active":true,"sub":"alice","client_id":"app","exp":600}"#).unwrap();
        let bare = Claims { issuer: "https://id".into(), ..Claims::default() };
        let outcome = read(&answer, &bare, Duration::ZERO, Timestamp::from_secs(500));
        assert_eq!(outcome, Outcome::Active(Some(Timestamp::from_secs(600))));
    }
}
