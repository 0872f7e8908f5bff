//! The `Authorization` field with the `Bearer` scheme (RFC 6750 §2.1, RFC 9110 §11.4), or `DPoP` (RFC 9449 §7.1).

use crate::decide::evidence::Scheme;
use crate::decide::reason::Reason;
use crate::token::location::{RawToken, Sighting};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Looks for a token, and for as what it is presented.
pub fn look(headers: &HeaderMap) -> (Sighting, Scheme) {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return (Sighting::Nothing, Scheme::Bearer) };
    // It is not a list field: a second line is a second credential (RFC 9110 §5.3).
    if values.next().is_some() {
        return (Sighting::Trouble(Reason::MultipleCredentials), Scheme::Bearer);
    }
    match parse(value.as_bytes()) {
        Ok((scheme, start, end)) => (Sighting::Token(RawToken::new(value.clone(), start, end)), scheme),
        Err(reason) => (Sighting::Trouble(reason), Scheme::Bearer),
    }
}

/// Where in the value the token lies: a scheme in any case, one or more spaces, a `b64token`.
fn parse(value: &[u8]) -> Result<(Scheme, usize, usize), Reason> {
    let length = value.iter().position(|byte| !is_token(*byte)).unwrap_or(value.len());
    let (name, rest) = value.split_at(length);
    if name.is_empty() {
        return Err(Reason::MalformedAuthorization);
    }
    let scheme = scheme(name).ok_or(Reason::UnsupportedAuthScheme)?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(spaces..).unwrap_or_default();
    if spaces > 0 && !token.is_empty() && is_b64token(token) {
        return Ok((scheme, length + spaces, value.len()));
    }
    // Only a value that is refused anyway is asked what is wrong with it.
    let first = token.split(|byte| *byte == b',').next().unwrap_or_default();
    let listed = spaces > 0 && first.len() < token.len() && !first.is_empty() && is_b64token(first);
    Err(if listed { Reason::MultipleCredentials } else { Reason::MalformedAuthorization })
}

/// A scheme, in any case (RFC 9110 §11.1).
fn scheme(name: &[u8]) -> Option<Scheme> {
    if name.eq_ignore_ascii_case(b"bearer") {
        Some(Scheme::Bearer)
    } else {
        name.eq_ignore_ascii_case(b"dpop").then_some(Scheme::Dpop)
    }
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `b64token` of RFC 6750 §2.1. This runs over every byte of every token: without a table and an early end, so that
/// the compiler can look at many bytes at once.
fn is_b64token(token: &[u8]) -> bool {
    token.iter().fold(true, |all, byte| all & is_b64_byte(*byte))
}

/// `-`, `.`, `/` and the digits are neighbours in ASCII.
const fn is_b64_byte(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    letter
        | (byte.wrapping_sub(b'-') <= b'9' - b'-')
        | (byte == b'_')
        | (byte == b'~')
        | (byte == b'+')
        | (byte == b'=')
}

#[cfg(test)]
mod tests {
    use super::is_b64_byte;

    #[test]
    fn the_alphabet_is_that_of_the_grammar() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_b64_byte(byte), byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte), "{byte:#x}");
        }
    }
}
