//! What serde means, in plain words, and the word that was probably meant.

use serde::de::Unexpected;

use super::error::Kind;

/// What was found, as a reader of the file would call it.
pub(super) fn found(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(truth) => format!("`{truth}`"),
        Unexpected::Unsigned(number) => format!("the number `{number}`"),
        Unexpected::Signed(number) => format!("the number `{number}`"),
        Unexpected::Float(number) => format!("the number `{number}`"),
        Unexpected::Str(text) => format!("the text `{text}`"),
        Unexpected::Char(text) => format!("the text `{text}`"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        Unexpected::UnitVariant => "a word alone".to_owned(),
        Unexpected::NewtypeVariant | Unexpected::TupleVariant | Unexpected::StructVariant => {
            "a word with a value".to_owned()
        }
        other => other.to_string(),
    }
}

/// What was wanted, as a reader of the file would call it. What the rooms say in their own words stays as it is.
pub(super) fn wanted(wanted: &str) -> String {
    let plain = match wanted {
        "a boolean" => "`true` or `false`",
        "a string" | "string" | "a borrowed string" | "path string" | "a character" => "text",
        "a sequence" => "a list",
        "a map" | "map" => "a mapping",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" | "u128" => "a whole number, zero or more",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => "a whole number",
        "f32" | "f64" => "a number",
        "a nonzero u8" => "a whole number from 1 to 255",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        "a nonzero u64" | "a nonzero usize" => "a whole number, one or more",
        "string or map" => "one word, or a mapping of one word to its value",
        "map with a single key" => "a mapping with a single key",
        "unit" | "a unit" => "nothing",
        "socket address" => "an address with a port, such as `127.0.0.1:8443`",
        "IP address" => "an IP address, such as `127.0.0.1`",
        other => structure(other),
    };
    plain.to_owned()
}

fn structure(wanted: &str) -> &str {
    let is = |prefix: &str| wanted.starts_with(prefix);
    match wanted {
        _ if is("struct ") || is("internally tagged enum ") || is("unit struct ") => "a mapping",
        _ if is("tuple ") || is("an array of ") => "a list",
        _ if is("unit variant ") => "the word alone, without a value",
        _ if is("newtype variant ") || is("enum ") => "a word and its value",
        other => other,
    }
}

/// The message and the advice for what did not fit.
pub(super) fn tell(kind: &Kind) -> (String, String) {
    match kind {
        Kind::UnknownKey { name, valid } => (format!("unknown key `{name}`"), advise(name, valid, "valid keys")),
        Kind::UnknownWord { name, valid } => {
            (format!("`{name}` is not a word that can stand here"), advise(name, valid, "valid words"))
        }
        Kind::Missing(name) => {
            (format!("`{name}` is missing"), format!("add `{name}: …` to this mapping; it has no default"))
        }
        Kind::Unfit { found, wanted: text } => {
            (format!("expected {}, found {found}", wanted(text)), format!("write {} here", wanted(text)))
        }
        Kind::Other(message) if message.starts_with("data did not match any variant") => {
            ("this is none of the forms that can stand here".to_owned(), String::new())
        }
        Kind::Other(message) => match message.split_once('\n') {
            Some((message, help)) => (message.to_owned(), help.to_owned()),
            None => (message.clone(), String::new()),
        },
        Kind::Silent => (String::new(), String::new()),
    }
}

/// What to write instead of a word that is none of the valid ones.
pub(in crate::control) fn advise(name: &str, valid: &[&str], title: &str) -> String {
    match nearest(name, valid) {
        Some(near) => format!("did you mean `{near}`?"),
        None if valid.is_empty() => "nothing can be set here; remove it".to_owned(),
        None => format!("{title}: {}", list(valid)),
    }
}

/// Words in backticks, with commas.
pub(super) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The word that was probably meant: one slip in three letters, or the same beginning.
fn nearest<'a>(name: &str, valid: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    // A very long word is near to nothing, and comparing it would take long.
    if name.len() > 64 {
        return None;
    }
    let scored = valid.iter().map(|word| (score(&name, &word.to_lowercase().replace('-', "_")), *word));
    scored.filter_map(|(score, word)| Some((score?, word))).min_by_key(|(score, _)| *score).map(|(_, word)| word)
}

/// How far apart two words are, if they are near at all.
fn score(name: &str, word: &str) -> Option<usize> {
    let slips = strsim::damerau_levenshtein(name, word);
    let shorter = name.len().min(word.len());
    let begins = shorter >= 3 && (word.starts_with(name) || name.starts_with(word));
    (slips * 3 <= name.len().max(3) || begins).then_some(slips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let valid = ["max_age", "leeway", "audience", "kind", "file"];
        for (name, near) in [
            ("maxage", Some("max_age")),
            ("max-age", Some("max_age")),
            ("MaxAge", Some("max_age")),
            ("leaway", Some("leeway")),
            ("aud", Some("audience")),
            ("au", None),
            ("knid", Some("kind")),
            ("fil", Some("file")),
            ("issuer", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &valid), near, "{name}");
        }
    }
}
