//! The payload's claims, each of its type (RFC 7519 §4, RFC 9068 §2.2). A claim of a wrong type is a fault,
//! never a missing claim.

use crate::decide::claims::{ClaimFault, Claims, Confirmation};
use crate::decide::id::{CertificateThumbprint, Thumbprint};
use crate::decide::status::{Listed, StatusClaim};
use crate::decide::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

type Payload = Map<String, Value>;

/// Reads the claims; `session_claim` names the one that identifies the session.
///
/// # Errors
/// The first claim that is not of its type.
pub fn read(mut payload: Payload, session_claim: &str) -> Result<Claims, ClaimFault> {
    let mut claims = Claims {
        issuer: text(&payload, "iss")?.unwrap_or_default(),
        subject: text(&payload, "sub")?,
        audience: audience(&payload)?,
        expires: date(&payload, "exp", Timestamp::from_numeric_floor)?,
        not_before: date(&payload, "nbf", Timestamp::from_numeric_ceil)?,
        issued: date(&payload, "iat", Timestamp::from_numeric_floor)?,
        auth_time: date(&payload, "auth_time", Timestamp::from_numeric_floor)?,
        token_id: text(&payload, "jti")?,
        client_id: text(&payload, "client_id")?,
        authorized_party: text(&payload, "azp")?,
        session: session(&payload, session_claim)?,
        acr: text(&payload, "acr")?,
        scopes: scopes(&payload)?,
        confirmation: confirmation(&payload)?,
        status: status(&payload),
        foreign: ["nonce", "at_hash", "c_hash", "events"].iter().any(|name| payload.contains_key(*name)),
        rest: Map::new(),
    };
    for typed in ["iss", "aud", "exp", "nbf", "iat", "auth_time", "jti"] {
        payload.remove(typed);
    }
    claims.rest = payload;
    Ok(claims)
}

const fn fault(claim: &'static str, expected: &'static str) -> ClaimFault {
    ClaimFault { claim, expected }
}

fn text(payload: &Payload, claim: &'static str) -> Result<Option<Box<str>>, ClaimFault> {
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str().into())),
        Some(_) => Err(fault(claim, "a string")),
    }
}

/// `NumericDate` is a JSON number, of seconds, maybe with a fraction (RFC 7519 §2).
fn date(
    payload: &Payload,
    claim: &'static str,
    read: fn(f64) -> Option<Timestamp>,
) -> Result<Option<Timestamp>, ClaimFault> {
    let expected = fault(claim, "a number of seconds between 1970 and 9999");
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::Number(number)) => number.as_f64().and_then(read).map(Some).ok_or(expected),
        Some(_) => Err(expected),
    }
}

fn strings(values: &[Value], expected: ClaimFault) -> Result<Box<[Box<str>]>, ClaimFault> {
    values.iter().map(|value| value.as_str().map(Box::from).ok_or(expected)).collect()
}

fn audience(payload: &Payload) -> Result<Option<Box<[Box<str>]>>, ClaimFault> {
    let expected = fault("aud", "a string or an array of strings");
    match payload.get("aud") {
        None => Ok(None),
        Some(Value::String(one)) => Ok(Some([one.as_str().into()].into())),
        Some(Value::Array(several)) => strings(several, expected).map(Some),
        Some(_) => Err(expected),
    }
}

/// `scope` is one string with spaces between (RFC 8693 §4.2); older providers send an array, or `scp`.
fn scopes(payload: &Payload) -> Result<Option<Box<[Box<str>]>>, ClaimFault> {
    let expected = fault("scope", "a string or an array of strings");
    match payload.get("scope").or_else(|| payload.get("scp")) {
        None => Ok(None),
        Some(Value::String(list)) => {
            Ok(Some(list.split(' ').filter(|scope| !scope.is_empty()).map(Box::from).collect()))
        }
        Some(Value::Array(several)) => strings(several, expected).map(Some),
        Some(_) => Err(expected),
    }
}

/// A session may be named by a number at some providers; the number's own text is then its name.
fn session(payload: &Payload, claim: &str) -> Result<Option<Box<str>>, ClaimFault> {
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str().into())),
        Some(Value::Number(number)) => Ok(Some(number.to_string().into())),
        Some(_) => Err(fault("session", "a string or a number")),
    }
}

/// A member that we do not know may be the one that binds the token, so that it counts as a binding (AT-08).
fn confirmation(payload: &Payload) -> Result<Confirmation, ClaimFault> {
    let cnf = match payload.get("cnf") {
        None => return Ok(Confirmation::Unbound),
        Some(Value::Object(cnf)) => cnf,
        Some(_) => return Err(fault("cnf", "an object")),
    };
    let mut members = cnf.iter();
    let bound = match (members.next(), members.next()) {
        (Some((name, value)), None) if name == "jkt" => {
            thumbprint(value).map(|print| Confirmation::Dpop(Thumbprint(print)))
        }
        (Some((name, value)), None) if name == "x5t#S256" => {
            thumbprint(value).map(|print| Confirmation::Certificate(CertificateThumbprint(print)))
        }
        _ => None,
    };
    // A thumbprint that nothing can have binds to nobody we could ask.
    Ok(bound.unwrap_or(Confirmation::Unknown))
}

/// SHA-256 in base64url, which has one way to write it (RFC 9449 §6.1, RFC 8705 §3.1).
fn thumbprint(value: &Value) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(value.as_str()?).ok()?.try_into().ok()
}

/// `status.status_list` (Token Status List, §6.2). Another way of telling a status is none of ours, and a `status`
/// that is no object at all may be a claim of the provider's own: whether that is a fault, a policy says.
fn status(payload: &Payload) -> StatusClaim {
    let list = match payload.get("status") {
        None => return StatusClaim::Absent,
        Some(Value::Object(status)) => status.get("status_list"),
        Some(_) => return StatusClaim::Malformed,
    };
    let Some(list) = list else { return StatusClaim::Absent };
    let (uri, index) = (list.get("uri").and_then(Value::as_str), list.get("idx").and_then(Value::as_u64));
    match (uri, index) {
        (Some(uri), Some(index)) if !uri.is_empty() => StatusClaim::Listed(Listed { uri: uri.into(), index }),
        _ => StatusClaim::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::{CertificateThumbprint, Claims, Confirmation, Thumbprint, read};
    use crate::decide::time::Timestamp;
    use serde_json::{Value, json};

    /// The thumbprint of nobody: 32 zero bytes.
    const JKT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn claims(payload: Value) -> Result<Claims, &'static str> {
        let Value::Object(payload) = payload else { panic!("an object") };
        read(payload, "sid").map_err(|fault| fault.claim)
    }

    #[test]
    fn dates_are_numbers_in_range() {
        for bad in
            [json!("1"), json!(true), json!(null), json!([1]), json!(-1), json!(1e18), json!(9_007_199_254_740_993_i64)]
        {
            for claim in ["exp", "nbf", "iat", "auth_time"] {
                assert_eq!(claims(json!({ claim: bad })).err(), Some(claim), "{claim} {bad}");
            }
        }
        let read = claims(json!({"exp": 10.9995, "nbf": 10.0005, "iat": 0})).expect("good claims");
        assert_eq!(read.expires, Some(Timestamp::from_millis(10_999)));
        assert_eq!(read.not_before, Some(Timestamp::from_millis(10_001)));
        assert_eq!(read.issued, Some(Timestamp::from_millis(0)));
    }

    #[test]
    fn the_others_are_of_their_types() {
        for (bad, claim) in [
            (json!({"iss": ["a"]}), "iss"),
            (json!({"sub": 7}), "sub"),
            (json!({"jti": null}), "jti"),
            (json!({"aud": 7}), "aud"),
            (json!({"aud": ["a", 7]}), "aud"),
            (json!({"scope": 7}), "scope"),
            (json!({"cnf": "x"}), "cnf"),
            (json!({"sid": true}), "session"),
        ] {
            assert_eq!(claims(bad).err(), Some(claim));
        }
        let read =
            claims(json!({"aud": "a", "scp": ["x", "y"], "sid": 17, "cnf": {"jkt": JKT}, "realm": {"roles": ["r"]}}))
                .expect("good claims");
        assert_eq!(read.scopes.as_deref(), Some(["x".into(), "y".into()].as_slice()));
        assert_eq!((read.session.as_deref(), read.confirmation), (Some("17"), Confirmation::Dpop(Thumbprint([0; 32]))));
        assert_eq!(read.at("realm.roles"), Some(&json!(["r"])));
        assert_eq!(claims(json!({"cnf": {}})).map(|c| c.confirmation), Ok(Confirmation::Unknown));
        let bound = claims(json!({"cnf": {"x5t#S256": JKT}})).map(|c| c.confirmation);
        assert_eq!(bound, Ok(Confirmation::Certificate(CertificateThumbprint([0; 32]))));
        let last = JKT.replacen("AAA", "", 1);
        for print in [
            json!("k"),
            json!(7),
            json!(""),
            json!(null),
            json!([JKT]),
            json!(format!("{JKT}=")),
            json!(format!("{JKT}A")),
            json!(format!(" {JKT}")),
            json!(format!("{last}A+/")),
            json!(format!("{last}AAB")),
        ] {
            for name in ["jkt", "x5t#S256"] {
                let read = claims(json!({"cnf": {name: print}})).map(|c| c.confirmation);
                assert_eq!(read, Ok(Confirmation::Unknown), "{name} {print}");
            }
        }
        for name in ["x5t", "x5t#s256", "X5T#S256", "kid", "jwk"] {
            assert_eq!(
                claims(json!({"cnf": {name: JKT}})).map(|c| c.confirmation),
                Ok(Confirmation::Unknown),
                "{name}"
            );
        }
        assert_eq!(
            claims(json!({"cnf": {"jkt": JKT, "x5t#S256": "t"}})).map(|c| c.confirmation),
            Ok(Confirmation::Unknown)
        );
    }
}
