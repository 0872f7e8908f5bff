//! Parameters that are secret because the settings say so. Those that are secret everywhere are named in `scrub`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name of a parameter, as it is compared: its letters and digits alone, without case and without the digits at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ParameterName(
    #[schemars(with = "String", length(min = 1, max = 64), regex(pattern = "^[^=&;?#]*[A-Za-z][^=&;?#]*$"))] String,
);

impl ParameterName {
    /// As many may be named: each parameter of each query is compared with all of them.
    pub const MOST: usize = 64;
    /// No name is longer.
    const LONGEST: usize = 64;

    fn compared(&self) -> Box<str> {
        let letters = self.0.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase());
        let letters: String = letters.collect();
        letters.trim_end_matches(|char: char| char.is_ascii_digit()).into()
    }
}

impl TryFrom<String> for ParameterName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = text.len() <= Self::LONGEST && !text.contains(['=', '&', ';', '?', '#']);
        if fits && text.contains(|char: char| char.is_ascii_alphabetic()) {
            return Ok(Self(text));
        }
        Err("this is no name of a parameter: write it as it stands before the `=`, with at least one of the letters a to z, \
             and no more than 64 bytes"
            .to_owned())
    }
}

impl From<ParameterName> for String {
    fn from(name: ParameterName) -> Self {
        name.0
    }
}

/// The names that the settings add, as they are compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Arc<[Box<str>]>);

impl Secrets {
    pub fn of(names: &[ParameterName]) -> Self {
        Self(names.iter().map(ParameterName::compared).collect())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_by_its_letters_and_digits() {
        for (written, compared) in [("pin", "pin"), ("X-Voucher_Code2", "xvouchercode"), ("k2v[0]", "k2v")] {
            assert_eq!(&*ParameterName::try_from(written.to_owned()).unwrap().compared(), compared);
        }
        for none in ["", "  ", "42", "pin=1", "a&b", "п", &"x".repeat(65)] {
            assert!(ParameterName::try_from(none.to_owned()).is_err(), "{none}");
        }
    }
}
