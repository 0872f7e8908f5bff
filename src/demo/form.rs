//! Forms and queries (`application/x-www-form-urlencoded`): reading them. Names come back in the order sent.

/// The fields of a form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// More fields than any request of the demo has.
const MOST: usize = 32;

impl Form {
    /// Reads a form; what is not UTF-8 is replaced, and what comes after the thirty-second field is not read.
    pub fn parse(text: &[u8]) -> Self {
        let fields = text.split(|byte| *byte == b'&').filter(|field| !field.is_empty()).take(MOST);
        Self(fields.map(field).collect())
    }

    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

fn field(field: &[u8]) -> (String, String) {
    let mut halves = field.splitn(2, |byte| *byte == b'=');
    let mut half = || decoded(halves.next().unwrap_or_default());
    (half(), half())
}

fn decoded(mut text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((first, rest)) = text.split_first() {
        let (byte, rest) = match (first, rest) {
            (b'+', _) => (b' ', rest),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', rest),
            },
            _ => (*first, rest),
        };
        bytes.push(byte);
        text = rest;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn fields_are_decoded_and_the_first_of_a_name_counts() {
        let form = Form::parse(b"scope=a+b%20c&&aud=https%3A%2F%2Fx&aud=y&flag&odd=%zz%4");
        assert_eq!(form.get("scope"), Some("a b c"));
        assert_eq!(form.get("aud"), Some("https://x"));
        assert_eq!(form.get("flag"), Some(""));
        assert_eq!(form.get("odd"), Some("%zz%4"));
        assert_eq!(form.get("none"), None);
    }
}
