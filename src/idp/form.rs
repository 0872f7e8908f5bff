//! One field of a form (`application/x-www-form-urlencoded`), strictly: a field that comes twice could be read in two
//! ways, and is not read at all.

/// The value of the only field of this name.
pub(super) fn only(form: &str, name: &str) -> Option<String> {
    let fields = form.split('&').map(|field| field.split_once('=').unwrap_or((field, "")));
    let mut values = fields.filter(|(own, _)| decoded(own).as_deref() == Some(name)).map(|(_, value)| value);
    let (first, second) = (values.next()?, values.next());
    second.is_none().then(|| decoded(first)).flatten()
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
    use super::only;

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
