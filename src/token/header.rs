//! The JOSE header (RFC 7515 §4): only what tells how to verify, and nothing that a token says about keys is
//! ever followed.

use super::compact::malformed;
use super::json::object;
use crate::decide::claims::TokenType;
use crate::decide::evidence::{Flaw, Stage};
use crate::decide::reason::Reason;
use crate::decide::rules::Algorithm;
use serde_json::{Map, Value};

/// How long a `kid` may be, in bytes (JWT-14).
const KID: usize = 256;

/// A header that passed.
#[derive(Debug)]
pub struct Header {
    /// `alg`, one that exists.
    pub algorithm: Algorithm,
    /// `kid`: an opaque name in the issuer's key set.
    pub kid: Option<Box<str>>,
    /// `typ`.
    pub kind: TokenType,
    /// Was there a `jwk`, `jku`, `x5u` or `x5c`? They are ignored.
    pub carries_key: bool,
}

/// Reads a header.
///
/// # Errors
/// The first flaw: form, then critical extensions, then the algorithm.
pub fn read(json: &[u8]) -> Result<Header, Flaw> {
    let map = object(json).map_err(|_| malformed("a header that is not a strict JSON object"))?;
    let algorithm = algorithm(&map)?;
    Ok(Header {
        algorithm,
        kid: kid(&map)?,
        kind: kind(&map)?,
        carries_key: ["jwk", "jku", "x5u", "x5c"].iter().any(|name| map.contains_key(*name)),
    })
}

fn algorithm(map: &Map<String, Value>) -> Result<Algorithm, Flaw> {
    let flaw = |reason, detail| Flaw { stage: Stage::Algorithm, reason, detail };
    // No extension is understood, so every one that must be is refused (RFC 7515 §4.1.11, RFC 7797 §6).
    if map.contains_key("crit") || map.contains_key("b64") {
        return Err(flaw(Reason::CritUnsupported, "'crit' or 'b64'"));
    }
    if map.contains_key("enc") || map.contains_key("zip") {
        return Err(Flaw {
            stage: Stage::Form,
            reason: Reason::TokenEncrypted,
            detail: "'enc' or 'zip' in the header",
        });
    }
    match map.get("alg") {
        Some(Value::String(name)) => {
            Algorithm::from_name(name).ok_or_else(|| flaw(Reason::AlgNotAllowed, "an 'alg' that does not exist here"))
        }
        _ => Err(flaw(Reason::AlgNotAllowed, "no 'alg', or one that is not a string")),
    }
}

fn kid(map: &Map<String, Value>) -> Result<Option<Box<str>>, Flaw> {
    match map.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if kid.len() <= KID && !kid.contains('\0') => Ok(Some(kid.as_str().into())),
        Some(_) => Err(malformed("a 'kid' that is not a string of at most 256 bytes")),
    }
}

/// A value without a slash stands for one with `application/` before it; media types ignore case
/// (RFC 7515 §4.1.9, RFC 8725 §3.11).
fn kind(map: &Map<String, Value>) -> Result<TokenType, Flaw> {
    if map.get("cty").is_some_and(|cty| cty.as_str().is_none_or(|cty| cty.eq_ignore_ascii_case("JWT"))) {
        return Err(malformed("a token within a token ('cty')"));
    }
    match map.get("typ") {
        None => Ok(TokenType::Absent),
        Some(Value::String(typ)) => Ok(type_of(typ)),
        Some(_) => Err(malformed("a 'typ' that is not a string")),
    }
}

fn type_of(typ: &str) -> TokenType {
    const PREFIX: usize = "application/".len();
    let bare = match typ.get(..PREFIX) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => typ.get(PREFIX..).unwrap_or_default(),
        _ => typ,
    };
    if bare.eq_ignore_ascii_case("at+jwt") {
        TokenType::AccessToken
    } else if bare.eq_ignore_ascii_case("jwt") {
        TokenType::Jwt
    } else {
        TokenType::Other
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenType, read};
    use crate::decide::reason::Reason;

    #[test]
    fn types_are_media_types() {
        let table = [
            (r#"{"alg":"RS256"}"#, TokenType::Absent),
            (r#"{"alg":"RS256","typ":"JWT"}"#, TokenType::Jwt),
            (r#"{"alg":"RS256","typ":"at+jwt"}"#, TokenType::AccessToken),
            (r#"{"alg":"RS256","typ":"AT+JWT"}"#, TokenType::AccessToken),
            (r#"{"alg":"RS256","typ":"Application/at+jwt"}"#, TokenType::AccessToken),
            (r#"{"alg":"RS256","typ":"at+jwt;x=1"}"#, TokenType::Other),
            (r#"{"alg":"RS256","typ":"logout+jwt"}"#, TokenType::Other),
        ];
        for (json, kind) in table {
            assert_eq!(read(json.as_bytes()).map(|header| header.kind).ok(), Some(kind), "{json}");
        }
    }

    #[test]
    fn bad_headers_are_told_apart() {
        let table = [
            (r#"{"alg":"none"}"#, Reason::AlgNotAllowed),
            (r#"{"alg":"None"}"#, Reason::AlgNotAllowed),
            (r#"{"alg":""}"#, Reason::AlgNotAllowed),
            (r#"{"alg":null}"#, Reason::AlgNotAllowed),
            (r#"{"alg":["RS256"]}"#, Reason::AlgNotAllowed),
            (r#"{}"#, Reason::AlgNotAllowed),
            (r#"{"alg":"RS256","crit":["exp"]}"#, Reason::CritUnsupported),
            (r#"{"alg":"RS256","crit":[]}"#, Reason::CritUnsupported),
            (r#"{"alg":"RS256","crit":"x"}"#, Reason::CritUnsupported),
            (r#"{"alg":"RS256","b64":false}"#, Reason::CritUnsupported),
            (r#"{"alg":"dir","enc":"A128GCM"}"#, Reason::TokenEncrypted),
            (r#"{"alg":"RS256","kid":7}"#, Reason::TokenMalformed),
            (r#"{"alg":"RS256","kid":["a"]}"#, Reason::TokenMalformed),
            (r#"{"alg":"RS256","cty":"JWT"}"#, Reason::TokenMalformed),
            (r#"{"alg":"RS256","alg":"none"}"#, Reason::TokenMalformed),
            (r#"["RS256"]"#, Reason::TokenMalformed),
        ];
        for (json, reason) in table {
            assert_eq!(read(json.as_bytes()).err().map(|flaw| flaw.reason), Some(reason), "{json}");
        }
    }
}
