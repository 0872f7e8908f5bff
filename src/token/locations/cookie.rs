//! A cookie that the route names (RFC 6265 §5.4).

use crate::decide::reason::Reason;
use crate::token::location::{RawToken, Sighting};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// Looks for the cookie. Twice the same name is two credentials.
pub fn look(headers: &HeaderMap, name: &str) -> Sighting {
    let mut found = Sighting::Nothing;
    for value in headers.get_all(COOKIE) {
        let Ok(text) = value.to_str() else { continue };
        for (start, end) in pairs(text).filter_map(|(start, end)| named(text, start, end, name)) {
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
        value.to_str().is_ok_and(|text| pairs(text).any(|(start, end)| named(text, start, end, name).is_some()))
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
    let Ok(text) = value.to_str() else { return Some(value.clone()) };
    let others: Vec<&str> = pairs(text)
        .filter(|(start, end)| named(text, *start, *end, name).is_none())
        .filter_map(|(start, end)| text.get(start..end))
        .collect();
    (!others.is_empty()).then(|| HeaderValue::from_str(&others.join("; ")).ok()).flatten()
}

/// Where the pairs of a cookie string begin and end.
fn pairs(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = text.get(start..)?;
        let end = rest.find(';').map_or(text.len(), |at| start + at);
        next = (end < text.len()).then_some(end + 1);
        let blank = text.get(start..end)?.len() - text.get(start..end)?.trim_start().len();
        Some((start + blank, end))
    })
}

/// The bounds of the value, if the pair has this name.
fn named(text: &str, start: usize, end: usize, name: &str) -> Option<(usize, usize)> {
    let pair = text.get(start..end)?;
    let (found, value) = pair.split_once('=')?;
    let value_end = start + pair.trim_end().len();
    (found.trim_end() == name && !value.trim().is_empty()).then_some((start + found.len() + 1, value_end))
}
