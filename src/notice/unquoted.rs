//! Errors of JSON, without what they quote: what stands in a wrong place of a document may be a name or a secret, and an
//! error is told in logs, to whoever asks for readiness, and in metrics' neighbours.

use std::borrow::Cow;

/// How serde begins to quote; what follows up to the last `, expected` is somebody's text.
const OPENINGS: [&str; 4] = ["unknown variant `", "unknown field `", "invalid type: ", "invalid value: "];

/// What ends a quotation.
const END: &str = ", expected ";

/// The text, with an ellipsis for what it quotes.
#[must_use]
pub fn unquoted(text: &str) -> Cow<'_, str> {
    let opening = OPENINGS.iter().filter_map(|opening| Some((text.find(opening)?, *opening))).min();
    let Some((at, opening)) = opening else { return Cow::Borrowed(text) };
    let (before, quoted) = text.split_at(at + opening.len());
    // Nothing after a quotation is somebody's text, so the last end is the end.
    let (quoted, after) = quoted.rfind(END).map_or((quoted, ""), |end| quoted.split_at(end));
    // `string "…"`, `integer `…``, or `a map` without any.
    let kind = quoted.split(['"', '`']).next().unwrap_or_default();
    if opening.ends_with('`') {
        return Cow::Owned(format!("{before}…`{after}"));
    }
    let quotes = quoted.len() > kind.len();
    Cow::Owned(format!("{before}{kind}{}{after}", if quotes { "…" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn what_is_quoted_is_left_out_and_the_rest_stays() {
        for (text, told) in [
            (
                "unknown variant `alice`, expected `a` or `b` at line 1",
                "unknown variant `…`, expected `a` or `b` at line 1",
            ),
            (
                "entry 2: unknown field `x`, y`, expected one of `a`, `b`",
                "entry 2: unknown field `…`, expected one of `a`, `b`",
            ),
            (
                r#"invalid type: string "a\", expected b", expected a boolean at line 1"#,
                "invalid type: string …, expected a boolean at line 1",
            ),
            ("invalid type: integer `7`, expected a string", "invalid type: integer …, expected a string"),
            (
                "invalid value: map, expected map with a single key",
                "invalid value: map, expected map with a single key",
            ),
            ("unknown field `alice`, there are no fields", "unknown field `…`"),
            ("missing field `id` at line 1 column 2", "missing field `id` at line 1 column 2"),
            ("expected value at line 1 column 1", "expected value at line 1 column 1"),
        ] {
            assert_eq!(unquoted(text), told);
        }
    }
}
