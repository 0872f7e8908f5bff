//! What an unquoted word of YAML is: the core schema of YAML 1.2.2, section 10.3.2.
//! So `off`, `no` and `15m` are text, and only `true` and `false` are truth values.

/// A plain scalar, resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plain<'a> {
    Nothing,
    Truth(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

/// Resolves an unquoted word. A whole number too large for 64 bits stays text, so that no digit of it is lost.
pub(super) fn resolve(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Nothing,
        "true" | "True" | "TRUE" => Plain::Truth(true),
        "false" | "False" | "FALSE" => Plain::Truth(false),
        _ => number(text).unwrap_or(Plain::Text(text)),
    }
}

fn number(text: &str) -> Option<Plain<'_>> {
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let unsigned = text.parse().map(Plain::Unsigned);
        return unsigned.or_else(|_| text.parse().map(Plain::Signed)).ok();
    }
    float(text, digits)
}

fn unsigned(digits: &str, radix: u32) -> Option<Plain<'_>> {
    let bare = !digits.starts_with(['+', '-']);
    u64::from_str_radix(digits, radix).ok().filter(|_| bare).map(Plain::Unsigned)
}

fn float<'a>(text: &'a str, digits: &str) -> Option<Plain<'a>> {
    // Rust also reads `inf` and `nan`, which are words here.
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if numeric && digits.contains(|c: char| c.is_ascii_digit()) {
        return text.parse().ok().map(Plain::Float);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_the_core_schema_says() {
        for (text, plain) in [
            ("", Plain::Nothing),
            ("~", Plain::Nothing),
            ("true", Plain::Truth(true)),
            ("off", Plain::Text("off")),
            ("no", Plain::Text("no")),
            ("15m", Plain::Text("15m")),
            ("42", Plain::Unsigned(42)),
            ("+42", Plain::Unsigned(42)),
            ("-42", Plain::Signed(-42)),
            ("0x1F", Plain::Unsigned(31)),
            ("0o17", Plain::Unsigned(15)),
            ("0x-1", Plain::Text("0x-1")),
            ("1.10", Plain::Float(1.1)),
            ("-.5", Plain::Float(-0.5)),
            ("1e3", Plain::Float(1000.0)),
            (".", Plain::Text(".")),
            ("-", Plain::Text("-")),
            ("inf", Plain::Text("inf")),
            ("1.2.3", Plain::Text("1.2.3")),
            ("18446744073709551616", Plain::Text("18446744073709551616")),
        ] {
            assert_eq!(resolve(text), plain, "{text}");
        }
    }
}
