//! Forms (`application/x-www-form-urlencoded`). They are read strictly: a field that comes twice could be read in two ways,
//! and is not read at all. What is written is escaped.

/// The value of the only field of this name.
pub(super) fn only(form: &str, name: &str) -> Option<String> {
    let fields = form.split('&').map(|field| field.split_once('=').unwrap_or((field, "")));
    let mut values = fields.filter(|(own, _)| decoded(own).as_deref() == Some(name)).map(|(_, value)| value);
    let (first, second) = (values.next()?, values.next());
    second.is_none().then(|| decoded(first)).flatten()
}

/// A value as it stands in a form (WHATWG URL, §5.2).
pub(super) fn encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or_default());
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.extend(['%', digit(other >> 4), digit(other & 15)]),
        }
    }
    out
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::{encoded, only};

    #[test]
    fn what_is_escaped_is_read_again() {
        for text in ["a.b-c_d*", "a b+c", "ä&t=1%", "", "\r\n\0"] {
            assert_eq!(only(&format!("x=1&t={}&y=2", encoded(text)), "t").as_deref(), Some(text));
        }
        assert_eq!(encoded("a b+~"), "a+b%2B%7E");
    }

    #[test]
    fn a_field_is_read_once_and_in_one_way() {
        for (form, value) in [
            ("t=a.b", Some("a.b")),
            ("x=1&t=a%2eb&y", Some("a.b")),
            ("%74=a+b", Some("a b")),
            ("t=", Some("")),
            ("t", Some("")),
            ("", None),
            ("T=a", None),
            ("t=a&t=a", None),
            ("t=a&%74=b", None),
            ("t=%4", None),
            ("t=%zz", None),
            ("t=%ff", None),
        ] {
            assert_eq!(only(form, "t").as_deref(), value, "{form}");
        }
    }
}
