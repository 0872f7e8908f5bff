//! Making access tokens as RFC 9068 shapes them, and spoiling them on demand.

use super::form::Form;
use super::keys::{Keys, SigningKey};
use super::scenario::AUDIENCE;
use crate::decide::time::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;

/// What a token should be. Made from a form; what is not said has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The subject, `sub`.
    pub subject: String,
    /// The audience, `aud`.
    pub audience: String,
    /// The scope.
    pub scope: String,
    /// The session, `sid`.
    pub session: String,
    /// From `iat` to `exp`, in seconds.
    pub expires_in: i64,
    /// How long ago it was issued, in seconds; negative for the future.
    pub age: i64,
    /// How long ago its user signed in, in seconds; not said, it is from the sign-in itself.
    pub auth_age: Option<i64>,
    /// The class of the sign-in, `acr`.
    pub acr: Option<String>,
    /// What it is signed with.
    pub algorithm: Algorithm,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Its claims were changed after it was signed.
    Tampered,
    /// It is signed with a key that is not published.
    UnknownKey,
}

const LIFETIME_S: i64 = 600;
/// A year: the demo has no use for longer times, and sums of these cannot overflow.
const LONGEST_S: i64 = 366 * 86_400;
const LONGEST_TEXT: usize = 256;

impl Wish {
    /// Reads a form. The error says which field is wrong.
    pub fn read(form: &Form) -> Result<Self, &'static str> {
        Ok(Self {
            subject: text(form, "sub", "alice")?,
            audience: text(form, "audience", AUDIENCE)?,
            scope: text(form, "scope", "orders.read orders.write")?,
            session: text(form, "sid", "session-1")?,
            expires_in: seconds(form, "expires_in", LIFETIME_S)?,
            age: seconds(form, "age", 0)?,
            auth_age: form.get("auth_age").map(|_| seconds(form, "auth_age", 0)).transpose()?,
            acr: form.get("acr").map(|_| text(form, "acr", "")).transpose()?,
            algorithm: algorithm(form)?,
            fault: fault(form)?,
        })
    }
}

fn text(form: &Form, name: &'static str, default: &str) -> Result<String, &'static str> {
    let value = form.get(name).unwrap_or(default);
    if value.len() <= LONGEST_TEXT { Ok(value.to_owned()) } else { Err(name) }
}

fn seconds(form: &Form, name: &'static str, default: i64) -> Result<i64, &'static str> {
    let Some(value) = form.get(name) else { return Ok(default) };
    value.parse().ok().filter(|seconds| (-LONGEST_S..=LONGEST_S).contains(seconds)).ok_or(name)
}

fn algorithm(form: &Form) -> Result<Algorithm, &'static str> {
    match form.get("alg") {
        None | Some("RS256") => Ok(Algorithm::RS256),
        Some("ES256") => Ok(Algorithm::ES256),
        Some(_) => Err("alg"),
    }
}

fn fault(form: &Form) -> Result<Fault, &'static str> {
    match form.get("fault") {
        None | Some("none") => Ok(Fault::None),
        Some("tampered") => Ok(Fault::Tampered),
        Some("unknown_key") => Ok(Fault::UnknownKey),
        Some(_) => Err("fault"),
    }
}

impl Own {
    /// Makes this wish one for another token of the same sign-in.
    pub fn refresh(self, wish: &mut Wish, now: Timestamp) {
        wish.session = self.sid;
        wish.auth_age = Some(now.secs().saturating_sub(self.auth_time));
    }
}

/// A token that was made.
pub struct Minted {
    /// The token, in compact form.
    pub token: String,
    /// How long it is still good for, in seconds; 0 if it is not.
    pub remaining: i64,
}

/// Makes a token. `None` if signing fails.
pub fn mint(wish: &Wish, issuer: &str, client: &str, keys: &Keys, now: Timestamp) -> Option<Minted> {
    let key = if wish.fault == Fault::UnknownKey { keys.stranger() } else { keys.for_algorithm(wish.algorithm) };
    let claims = claims(wish, issuer, client, now)?;
    let token = sign(&claims, &key)?;
    let token = if wish.fault == Fault::Tampered { tampered(&token, claims)? } else { token };
    Some(Minted { token, remaining: (wish.expires_in - wish.age).max(0) })
}

fn claims(wish: &Wish, issuer: &str, client: &str, now: Timestamp) -> Option<Value> {
    let issued = now.secs() - wish.age;
    let signed_in = wish.auth_age.map_or(issued, |age| now.secs() - age);
    let mut claims = json!({
        "iss": issuer, "aud": wish.audience, "sub": wish.subject, "client_id": client, "scope": wish.scope,
        "iat": issued, "exp": issued + wish.expires_in, "auth_time": signed_in, "sid": wish.session, "jti": random_id()?,
    });
    if let (Some(acr), Some(members)) = (&wish.acr, claims.as_object_mut()) {
        members.insert("acr".into(), Value::from(acr.as_str()));
    }
    Some(claims)
}

/// 128 random bits, as text.
pub fn random_id() -> Option<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

fn sign(claims: &Value, key: &SigningKey) -> Option<String> {
    let mut header = Header::new(key.algorithm);
    header.typ = Some("at+jwt".into());
    header.kid = Some(key.id.clone());
    jsonwebtoken::encode(&header, claims, &key.private).ok()
}

/// The same header and signature around wider claims.
fn tampered(token: &str, mut claims: Value) -> Option<String> {
    let (head, rest) = token.split_once('.')?;
    let (_, signature) = rest.split_once('.')?;
    claims.as_object_mut()?.insert("scope".into(), Value::from("orders.read orders.write admin"));
    Some(format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

/// What is read of one of our own tokens.
#[derive(Debug, Deserialize, Serialize)]
pub struct Own {
    /// Its id.
    pub jti: String,
    /// When it expires, in seconds since the epoch.
    pub exp: i64,
    /// Its session.
    pub sid: String,
    /// When its user signed in, in seconds since the epoch.
    pub auth_time: i64,
}

/// Reads a token if one of the published keys signed it. Its times do not matter here.
pub fn own(token: &str, keys: &Keys) -> Option<Own> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let key = keys.published(header.kid.as_deref()?)?;
    let mut validation = Validation::new(key.algorithm);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims = HashSet::new();
    let public = DecodingKey::from_jwk(&key.public).ok()?;
    jsonwebtoken::decode(token, &public, &validation).ok().map(|token| token.claims)
}

#[cfg(test)]
mod tests {
    use super::{Wish, mint, own};
    use crate::decide::time::Timestamp;
    use crate::demo::form::Form;
    use crate::demo::keys::Keys;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn made(form: &str, keys: &Keys) -> (String, i64) {
        let wish = Wish::read(&Form::parse(form.as_bytes())).unwrap();
        let minted = mint(&wish, "http://idp", "shop", keys, NOW).unwrap();
        (minted.token, minted.remaining)
    }

    fn part(token: &str, index: usize) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_token_has_the_shape_of_rfc_9068_and_the_times_it_was_wished() {
        let keys = Keys::generate().unwrap();
        let (token, remaining) = made("age=330&expires_in=300&alg=ES256&sub=bob", &keys);
        let (header, claims) = (part(&token, 0), part(&token, 1));
        assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &"ES256".into()));
        assert_eq!(claims["iat"], 1_800_000_000_i64 - 330);
        assert_eq!(claims["exp"], 1_800_000_000_i64 - 30);
        assert_eq!((&claims["iss"], &claims["sub"]), (&"http://idp".into(), &"bob".into()));
        for name in ["aud", "client_id", "jti", "scope", "sid", "auth_time"] {
            assert!(!claims[name].is_null(), "{name}");
        }
        assert_eq!(remaining, 0);
        assert_eq!(own(&token, &keys).unwrap().exp, 1_800_000_000 - 30);
    }

    #[test]
    fn spoiled_tokens_are_well_formed_and_not_our_own() {
        let keys = Keys::generate().unwrap();
        let (tampered, _) = made("fault=tampered", &keys);
        assert!(part(&tampered, 1)["scope"].as_str().unwrap().contains("admin"));
        assert!(own(&tampered, &keys).is_none());
        let (strange, _) = made("fault=unknown_key", &keys);
        assert!(own(&strange, &keys).is_none());
    }

    #[test]
    fn a_wish_that_makes_no_sense_names_its_field() {
        for (form, field) in [("age=x", "age"), ("expires_in=99999999999", "expires_in"), ("alg=none", "alg")] {
            assert_eq!(Wish::read(&Form::parse(form.as_bytes())), Err(field));
        }
    }
}
