//! Text that a client chose, made harmless: it moves no cursor, rings no bell, hides nothing, and is no markup. What is
//! escaped reads as `\x1b`, `\u{202e}`; a byte that is no UTF-8 as `\xff`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// No client's text is kept longer than this, escaped.
const LONGEST: usize = 2048;

/// A client's bytes, as they are kept and shown: what could do something is escaped, and so is the escape's own sign,
/// so that nobody can write one.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().min(LONGEST));
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            push(&mut out, char, is_loud(char) || matches!(char, '\\' | '<' | '>'));
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
        if out.len() > LONGEST {
            break;
        }
    }
    cut(out)
}

/// A text of our own, or one that was escaped before: whatever may have happened to it on the way, it does nothing.
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_loud) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|char| push(&mut out, char, is_loud(char)));
    Cow::Owned(out)
}

fn push(out: &mut String, char: char, escape: bool) {
    let _ = match (escape, u32::from(char)) {
        (false, _) => {
            out.push(char);
            Ok(())
        }
        (true, code @ 0..0x80) => write!(out, "\\x{code:02x}"),
        (true, code) => write!(out, "\\u{{{code:x}}}"),
    };
}

/// Whether a character does something instead of being seen: controls, and what reorders, joins or hides others.
#[must_use]
pub fn is_loud(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn cut(mut out: String) -> String {
    if out.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| out.is_char_boundary(*end)).unwrap_or(0);
        out.truncate(end);
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_do_something_is_escaped() {
        for (bytes, shown) in [
            (&b"/orders?page=2"[..], "/orders?page=2"),
            (b"\x1b[31mred\x07", r"\x1b[31mred\x07"),
            (b"\xc2\x9b31m", r"\u{9b}31m"),
            (b"<script>&", r"\x3cscript\x3e&"),
            (b"\\x1b", r"\x5cx1b"),
            (b"a\xff\xfeb", r"a\xff\xfeb"),
            ("\u{202e}evil \u{200b}".as_bytes(), r"\u{202e}evil \u{200b}"),
            ("grüße 🦀".as_bytes(), "grüße 🦀"),
        ] {
            assert_eq!(escaped(bytes), shown);
            assert_eq!(inert(shown), shown, "what is escaped stays as it is");
        }
        assert_eq!(inert("a\x1bb"), r"a\x1bb");
    }

    #[test]
    fn what_is_long_is_cut() {
        let long = escaped("🦀".repeat(2048).as_bytes());
        assert!(long.len() <= LONGEST + '…'.len_utf8() && long.ends_with('…'));
    }
}
