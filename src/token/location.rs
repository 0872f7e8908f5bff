//! Where a token may be: the contract of a location, and the rule that exactly one credential is accepted
//! (RFC 6750 §2, RFC 9110 §5.3).

use super::locations::{authorization, cookie};
use super::proof::{DPOP, Sent};
use crate::decide::evidence::{Credential, Scheme};
use crate::decide::id::CertificateThumbprint;
use crate::decide::reason::Reason;
use http::{HeaderMap, HeaderValue};
use std::net::IpAddr;

/// A token as it was presented. It has no `Debug` and no `Display`: it must not reach a log.
pub struct RawToken {
    value: HeaderValue,
    start: usize,
    end: usize,
}

impl RawToken {
    /// The part of a header value from `start` to `end`.
    pub(super) fn new(value: HeaderValue, start: usize, end: usize) -> Self {
        Self { value, start, end }
    }

    /// The token itself; nothing if it is not text, which no token is then.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.expose_bytes()).unwrap_or_default()
    }

    /// The token itself, as bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.value.as_bytes().get(self.start..self.end).unwrap_or_default()
    }
}

/// What one location holds.
pub enum Sighting {
    /// No credential.
    Nothing,
    /// A token.
    Token(RawToken),
    /// A credential that cannot be used, or more than one.
    Trouble(Reason),
}

/// Where a route takes its token from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locations {
    /// The name of a cookie, besides the `Authorization` field.
    pub cookie: Option<Box<str>>,
    /// Is the `DPoP` scheme spoken?
    pub dpop: bool,
    /// Leave the token on the request for the upstream, and its proof.
    pub forward: bool,
}

/// What a request presents.
pub struct Presented {
    /// Whether it is exactly one token.
    pub credential: Credential,
    /// That token.
    pub token: Option<RawToken>,
    /// As what it is presented.
    pub scheme: Scheme,
    /// The proof that came with it.
    pub proof: Sent,
    /// The certificate of the client whose connection it came over, which no field of a request can tell.
    pub certificate: Option<CertificateThumbprint>,
    /// The address of the client, which no field of a request can tell either.
    pub peer: Option<IpAddr>,
}

impl Locations {
    /// Takes the token off the request, so that it cannot leak upstream; and the proof, which is used up here.
    /// `proven` says whether there is a `DPoP` field at all: who went over all fields before knows it.
    #[must_use]
    pub fn take(&self, headers: &mut HeaderMap, query: Option<&str>, proven: bool) -> Presented {
        let (in_header, scheme) = authorization::look(headers);
        let in_header = if scheme == Scheme::Dpop && !self.dpop {
            Sighting::Trouble(Reason::UnsupportedAuthScheme)
        } else {
            in_header
        };
        let proof = if proven { Sent::look(headers) } else { Sent::Nothing };
        let in_cookie = self.cookie.as_deref().map_or(Sighting::Nothing, |name| cookie::look(headers, name));
        if !self.forward {
            headers.remove(http::header::AUTHORIZATION);
            if proven {
                headers.remove(&DPOP);
            }
            if let Some(name) = &self.cookie {
                cookie::remove(headers, name);
            }
        }
        let (credential, token) = combine(in_header, in_cookie, query.is_some_and(has_token));
        Presented { credential, token, scheme, proof, certificate: None, peer: None }
    }
}

fn combine(in_header: Sighting, in_cookie: Sighting, in_query: bool) -> (Credential, Option<RawToken>) {
    use Sighting::{Nothing, Token, Trouble};
    let unusable = |reason| (Credential::Unusable(reason), None);
    match (in_header, in_cookie) {
        (Nothing, Nothing) if in_query => unusable(Reason::TokenInQuery),
        (Nothing, Nothing) => unusable(Reason::TokenMissing),
        // Something in two places is two credentials, whatever each is worth.
        _ if in_query => unusable(Reason::MultipleCredentials),
        (Token(token), Nothing) | (Nothing, Token(token)) => (Credential::One, Some(token)),
        (Trouble(reason), Nothing) | (Nothing, Trouble(reason)) => unusable(reason),
        _ => unusable(Reason::MultipleCredentials),
    }
}

/// Is there an `access_token` in the query? Its name is compared after decoding, as a backend would.
fn has_token(query: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name == "access_token" || (name.contains(['%', '+']) && decoded_is(name, "access_token"))
    })
}

fn decoded_is(name: &str, wanted: &str) -> bool {
    let mut bytes = name.bytes();
    let mut decoded = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        let hex = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
        decoded.push(match byte {
            b'%' => match (hex(bytes.next()), hex(bytes.next())) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or_default(),
                _ => return false,
            },
            other => other,
        });
    }
    decoded == wanted.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Credential, Locations, Reason};
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn outcome(headers: &[(&str, &str)], query: Option<&str>) -> (Credential, Option<String>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        let locations = Locations { cookie: Some("session".into()), dpop: true, forward: false };
        let presented = locations.take(&mut map, query, true);
        assert!(!map.contains_key("authorization") && !map.contains_key("dpop"), "taken off");
        assert!(!map.iter().any(|(_, value)| value.as_bytes().windows(8).any(|w| w == b"session=")), "taken off");
        (presented.credential, presented.token.map(|token| token.expose().to_owned()))
    }

    /// The table of §5 of RFC 6750, and of what clients really send.
    #[test]
    fn exactly_one_credential() {
        use Reason::{MalformedAuthorization, MultipleCredentials, TokenInQuery, TokenMissing, UnsupportedAuthScheme};
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Result<&'a str, Reason>);
        let table: &[Case<'_>] = &[
            (&[], None, Err(TokenMissing)),
            (&[("authorization", "Bearer a.b.c")], None, Ok("a.b.c")),
            (&[("authorization", "bEaReR a.b.c")], Some("x=y"), Ok("a.b.c")),
            (&[("authorization", "Bearer   a.b.c")], None, Ok("a.b.c")),
            (&[("authorization", "Bearer\ta.b.c")], None, Err(MalformedAuthorization)),
            (&[("authorization", "Bearer")], None, Err(MalformedAuthorization)),
            (&[("authorization", "Bearer ")], None, Err(MalformedAuthorization)),
            (&[("authorization", "Bearer a b")], None, Err(MalformedAuthorization)),
            (&[("authorization", "Bearer {\"a\":1}")], None, Err(MalformedAuthorization)),
            (&[("authorization", "Bearera.b.c")], None, Err(UnsupportedAuthScheme)),
            (&[("authorization", "dpop a.b.c"), ("dpop", "x")], None, Ok("a.b.c")),
            (&[("authorization", "DPoP a.b.c, Bearer a.b.c")], None, Err(MultipleCredentials)),
            (&[("authorization", "DPoP")], None, Err(MalformedAuthorization)),
            (&[("authorization", "Basic dTpw")], None, Err(UnsupportedAuthScheme)),
            (&[("authorization", "Foo")], None, Err(UnsupportedAuthScheme)),
            (&[("authorization", "")], None, Err(MalformedAuthorization)),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer a")], None, Err(MultipleCredentials)),
            (&[("authorization", "Bearer a, Bearer b")], None, Err(MultipleCredentials)),
            (&[("authorization", "Bearer a")], Some("access_token=b"), Err(MultipleCredentials)),
            (&[], Some("a=b&access_token=c"), Err(TokenInQuery)),
            (&[], Some("access%5Ftoken=c"), Err(TokenInQuery)),
            (&[], Some("my_access_token=c"), Err(TokenMissing)),
            (&[("proxy-authorization", "Bearer a")], None, Err(TokenMissing)),
            (&[("cookie", "a=1; session=x.y.z; b=2")], None, Ok("x.y.z")),
            (&[("cookie", "session=x; session=y")], None, Err(MultipleCredentials)),
            (&[("cookie", "a=1"), ("cookie", "session=x")], None, Ok("x")),
            (&[("cookie", "session=x")], Some("access_token=b"), Err(MultipleCredentials)),
            (&[("cookie", "session=x"), ("authorization", "Bearer a")], None, Err(MultipleCredentials)),
            (&[("cookie", "sessions=x")], None, Err(TokenMissing)),
        ];
        for (headers, query, expected) in table {
            let (credential, token) = outcome(headers, *query);
            match expected {
                Ok(text) => assert_eq!((credential, token.as_deref()), (Credential::One, Some(*text)), "{headers:?}"),
                Err(reason) => {
                    assert_eq!((credential, token), (Credential::Unusable(*reason), None), "{headers:?} {query:?}")
                }
            }
        }
    }
}
