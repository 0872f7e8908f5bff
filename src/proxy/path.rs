//! The canonical path (RFC 3986 §6.2.2): the one string that is matched and forwarded. What a backend might
//! read otherwise is refused, not repaired.

use std::borrow::Cow;

/// Why a path can be read in more than one way.
pub type Ambiguity = &'static str;

/// The canonical form of a path.
///
/// # Errors
/// What makes it ambiguous.
pub fn canonical(path: &str) -> Result<Cow<'_, str>, Ambiguity> {
    if !path.starts_with('/') {
        return Err("it does not begin with a slash");
    }
    let decoded = if path.bytes().all(is_plain) { Cow::Borrowed(path) } else { Cow::Owned(decode(path)?) };
    // The first segment is the empty one before the leading slash; the last may be empty.
    let segments = decoded.strip_prefix('/').unwrap_or_default();
    let last = segments.rfind('/').map_or(0, |at| at + 1);
    let mut start = 0;
    for segment in segments.split('/') {
        check_segment(segment, start == last)?;
        start += segment.len() + 1;
    }
    Ok(decoded)
}

/// Bytes that need no second look.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'-'
                | b'_'
                | b'.'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

fn check_segment(segment: &str, last: bool) -> Result<(), Ambiguity> {
    match segment {
        "" if !last => Err("an empty segment ('//')"),
        "." | ".." => Err("a dot segment"),
        // Some file systems drop what trails a name.
        _ if segment.ends_with('.') || segment.ends_with("%20") => Err("a segment that ends in a dot or a space"),
        _ => Ok(()),
    }
}

/// Decodes what is unreserved, writes every other escape in upper case, and refuses the rest.
fn decode(path: &str) -> Result<String, Ambiguity> {
    let mut text = String::with_capacity(path.len());
    let mut high = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = match byte {
            b'%' => Some(escape(bytes.next(), bytes.next())?),
            b'\\' => return Err("a backslash"),
            b';' => return Err("a path parameter (';')"),
            0x21..=0x7e => None,
            _ => return Err("a byte that must be escaped"),
        };
        if escaped.is_none_or(|value| value < 0x80) {
            flush(&mut high)?;
        }
        match escaped {
            None => text.push(char::from(byte)),
            Some(value @ 0x80..) => {
                high.push(value);
                push_escape(&mut text, value);
            }
            Some(value) if is_unreserved(value) => text.push(char::from(value)),
            Some(b'/' | b'\\' | b'%' | b';') => return Err("an escaped slash, backslash, percent or semicolon"),
            Some(0..=0x1f | 0x7f) => return Err("an escaped control character"),
            Some(value) => push_escape(&mut text, value),
        }
    }
    flush(&mut high)?;
    Ok(text)
}

/// Escaped bytes above ASCII must be UTF-8, in its shortest form.
fn flush(high: &mut Vec<u8>) -> Result<(), Ambiguity> {
    let sound = std::str::from_utf8(high).is_ok();
    high.clear();
    if sound { Ok(()) } else { Err("escapes that are not UTF-8") }
}

fn escape(first: Option<u8>, second: Option<u8>) -> Result<u8, Ambiguity> {
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    match (digit(first), digit(second)) {
        (Some(first), Some(second)) => u8::try_from(first * 16 + second).map_err(|_| "a malformed escape"),
        _ => Err("a malformed escape"),
    }
}

fn push_escape(text: &mut String, value: u8) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    text.extend(['%', digit(value >> 4), digit(value & 15)]);
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::canonical;
    use proptest::prelude::*;

    #[test]
    fn one_reading_only() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("/%61dmin", "/admin"),
            ("/a%2db", "/a-b"),
            ("/%e2%82%ac", "/%E2%82%AC"),
            ("/a%20b", "/a%20b"),
            ("/a.b/c..d", "/a.b/c..d"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a:b@c", "/a:b@c"),
            ("/~u/*", "/~u/*"),
        ] {
            assert_eq!(canonical(path).as_deref(), Ok(expected), "{path}");
        }
        for bad in [
            "",
            "a",
            "*",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/./a",
            "/a/..",
            "/a/../b",
            "/%2e%2e/a",
            "/.%2e/a",
            "/%2E/",
            "/..;/a",
            "/a;x=1",
            "/a%3bx",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%252e",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%1f",
            "/a%7f",
            "/a%c0%af",
            "/a%ff",
            "/a%ed%a0%80",
            "/a%e2%82",
            "/a b",
            "/\u{e9}",
            "/a.",
            "/a./b",
            "/a%20",
            "/...",
            "/a%2e",
        ] {
            assert!(canonical(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// What is forwarded is itself canonical: a second gateway would read the same.
        #[test]
        fn canonical_is_a_fixed_point(path in "/[a-zA-Z0-9%./;~ \\\\-]{0,24}") {
            if let Ok(once) = canonical(&path) {
                prop_assert_eq!(canonical(&once), Ok(once.clone()));
                prop_assert!(!once.contains("//") && !once.split('/').any(|s| s == "." || s == ".."));
            }
        }
    }
}
