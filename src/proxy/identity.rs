//! From a verified token to the fields that tell the upstream who the caller is. Values that a field cannot
//! hold are percent-encoded, so that no claim can end a line.

use crate::decide::claims::Claims;
use crate::state::verified::Verified;
use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The fields, and the claim each is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    fields: Box<[(HeaderName, Box<str>)]>,
    usual: bool,
}

static USUAL: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("curfew-subject"), "sub"),
    (HeaderName::from_static("curfew-issuer"), "iss"),
    (HeaderName::from_static("curfew-client"), "client_id"),
    (HeaderName::from_static("curfew-scope"), "scope"),
];

impl Identity {
    /// The fields of the settings, or the usual ones. A name that is no field name was refused with the config.
    #[must_use]
    pub fn build(settings: Option<&BTreeMap<String, String>>) -> Self {
        let Some(settings) = settings else {
            return Self {
                fields: USUAL.iter().map(|(name, claim)| (name.clone(), Box::from(*claim))).collect(),
                usual: true,
            };
        };
        let field = |(name, claim): (&String, &String)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, claim.as_str().into()))
        };
        Self { fields: settings.iter().filter_map(field).collect(), usual: false }
    }

    /// The names of the fields: nobody else may set them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Writes the fields.
    pub fn stamp(&self, headers: &mut HeaderMap, verified: &Verified) {
        let Ok(claims) = &verified.token.claims else { return };
        if !self.usual {
            for (name, claim) in &self.fields {
                put(headers, name, encoded(claims, claim).and_then(|text| HeaderValue::try_from(text).ok()));
            }
            return;
        }
        // The usual fields of one token are the same on every route: they are made once.
        let stamps = verified
            .stamps
            .get_or_init(|| together(&self.fields.iter().map(|(_, claim)| encoded(claims, claim)).collect::<Vec<_>>()));
        for ((name, _), value) in self.fields.iter().zip(stamps) {
            put(headers, name, value.clone());
        }
    }
}

fn put(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name.clone(), value);
    }
}

/// The values in one piece of memory, so that giving out copies of all touches one place and not one for each.
fn together(texts: &[Option<String>]) -> Box<[Option<HeaderValue>]> {
    let mut all = BytesMut::with_capacity(texts.iter().flatten().map(String::len).sum());
    texts.iter().flatten().for_each(|text| all.extend_from_slice(text.as_bytes()));
    let mut rest = all.freeze();
    let mut value = |text: &String| HeaderValue::from_maybe_shared(rest.split_to(text.len())).ok();
    texts.iter().map(|text| text.as_ref().and_then(&mut value)).collect()
}

fn encoded(claims: &Claims, claim: &str) -> Option<String> {
    let text = match claim {
        "iss" => Some(claims.issuer.to_string()),
        "sub" => claims.subject.as_deref().map(str::to_owned),
        "client_id" => claims.client().map(str::to_owned),
        "jti" => claims.token_id.as_deref().map(str::to_owned),
        "sid" => claims.session.as_deref().map(str::to_owned),
        "scope" => claims.scopes.as_ref().map(|scopes| scopes.join(" ")),
        path => claims.at(path).map(text),
    };
    text.map(|text| encode(&text))
}

/// Strings as they are, arrays of strings joined by commas, everything else as JSON.
fn text(value: &Value) -> String {
    let strings =
        |items: &[Value]| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|items| items.join(","));
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => strings(items).unwrap_or_else(|| value.to_string()),
        _ => value.to_string(),
    }
}

fn encode(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, 0x20..=0x24 | 0x26..=0x7e)) && text.trim() == text {
        return text.to_owned();
    }
    text.bytes().fold(String::with_capacity(text.len() + 16), |mut out, byte| {
        match byte {
            0x21..=0x24 | 0x26..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::encode;
    use proptest::prelude::*;

    #[test]
    fn no_claim_can_end_a_line() {
        assert_eq!(encode("alice"), "alice");
        assert_eq!(encode("a b"), "a b");
        assert_eq!(encode("a\r\nX-User: root"), "a%0D%0AX-User:%20root");
        assert_eq!(encode("\u{e9}\0%"), "%C3%A9%00%25");
        assert_eq!(encode(" a"), "%20a");
    }

    proptest! {
        #[test]
        fn every_value_fits(text in ".{0,40}") {
            prop_assert!(encode(&text).bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
        }
    }
}
