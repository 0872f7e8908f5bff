//! A cookie that the route names (RFC 6265 §5.4). Everything here is bytes: one that is not ASCII must not hide the
//! others of its line.

use crate::decide::reason::Reason;
use crate::token::location::{RawToken, Sighting};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// Looks for the cookie. Twice the same name is two credentials.
pub fn look(headers: &HeaderMap, name: &str) -> Sighting {
    let mut found = Sighting::Nothing;
    for value in headers.get_all(COOKIE) {
        let line = value.as_bytes();
        for (start, end) in pairs(line).filter_map(|(start, end)| named(line, start, end, name)) {
            if !matches!(found, Sighting::Nothing) {
                return Sighting::Trouble(Reason::MultipleCredentials);
            }
            found = Sighting::Token(RawToken::new(value.clone(), start, end));
        }
    }
    found
}

/// Takes the cookie off, and leaves the others as they are.
pub fn remove(headers: &mut HeaderMap, name: &str) {
    let holds = |value: &HeaderValue| {
        pairs(value.as_bytes()).any(|(start, end)| named(value.as_bytes(), start, end, name).is_some())
    };
    if !headers.get_all(COOKIE).iter().any(holds) {
        return;
    }
    let kept: Vec<HeaderValue> = headers.get_all(COOKIE).iter().filter_map(|value| without(value, name)).collect();
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
}

fn without(value: &HeaderValue, name: &str) -> Option<HeaderValue> {
    let line = value.as_bytes();
    let others: Vec<&[u8]> = pairs(line)
        .filter(|(start, end)| named(line, *start, *end, name).is_none())
        .filter_map(|(start, end)| line.get(start..end))
        .collect();
    (!others.is_empty()).then(|| HeaderValue::from_bytes(&others.join(&b"; "[..])).ok()).flatten()
}

/// Where the pairs of a cookie string begin and end.
fn pairs(line: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = line.get(start..)?;
        let end = rest.iter().position(|byte| *byte == b';').map_or(line.len(), |at| start + at);
        next = (end < line.len()).then_some(end + 1);
        let pair = line.get(start..end)?;
        Some((end - pair.trim_ascii_start().len(), end))
    })
}

/// The bounds of the value, if the pair has this name.
fn named(line: &[u8], start: usize, end: usize, name: &str) -> Option<(usize, usize)> {
    let pair = line.get(start..end)?;
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (found, value) = (pair.get(..equals)?, pair.get(equals + 1..)?);
    let value_end = start + pair.trim_ascii_end().len();
    (found.trim_ascii_end() == name.as_bytes() && !value.trim_ascii().is_empty())
        .then_some((start + equals + 1, value_end))
}
