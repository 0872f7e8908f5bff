//! Why what was sent is not what was asked for, in words that repeat no value of it: one may be a token in a wrong place.

/// No name that we know is longer; a token always is.
const NAME: usize = 24;

/// What is wrong, as far as it can be told; else where.
pub(super) fn told(error: &serde_json::Error) -> Result<String, String> {
    let text = error.to_string();
    let place = format!("line {} column {}", error.line(), error.column());
    let ours = ["missing field", "duplicate field", "not a time", "not a Unix"];
    if ours.iter().any(|word| text.starts_with(word)) {
        return Ok(text);
    }
    if let Some((name, _)) = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, ")) {
        return if name.len() <= NAME { Ok(text) } else { Err(format!("an unknown field at {place}")) };
    }
    match text.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, ")) {
        Some((_, expected)) => Ok(format!("unknown variant, {expected}")),
        None => Err(place),
    }
}

/// The same, in one word or the other.
pub(super) fn why(error: &serde_json::Error) -> String {
    told(error).unwrap_or_else(|place| place)
}

#[cfg(test)]
mod tests {
    use super::why;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Token,
        Subject,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only how it is misread matters")]
    struct Asked {
        kind: Kind,
        count: Option<usize>,
    }

    #[test]
    fn names_are_told_and_values_are_not() {
        for (text, told) in [
            (r#"{"kinds":1}"#, "unknown field `kinds`, expected `kind` or `count` at "),
            (r#"{"eyJhbGciOiJFUzI1NiIsInR5cCI6":1}"#, "an unknown field at "),
            (r#"{"kind":"eyJh"}"#, "unknown variant, expected `token` or `subject` at "),
            (r#"{"kind":"token","count":"eyJh"}"#, ""),
            (r#"{"count":1}"#, "missing field `kind` at "),
            (r#"{"kind":"token","kind":"token"}"#, "duplicate field `kind` at "),
            (r#""eyJh""#, ""),
            ("eyJh", ""),
        ] {
            let why = why(&serde_json::from_str::<Asked>(text).unwrap_err());
            assert_eq!(why.split("line 1 column ").next(), Some(told), "{text}");
        }
    }
}
