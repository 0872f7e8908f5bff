//! What was known of a session: the word that a record keeps, and what people are told by it. One table for the command,
//! the page and whoever reads the JSON.

use crate::decide::session::{Basis, Knowledge};

/// Each word with what it says.
const WORDS: [(&str, &str); 8] = [
    ("held", "remembered"),
    ("shared", "as all instances know it"),
    ("alone", "as this instance saw it: the others could not be asked"),
    ("token", "not remembered: this is what the token proves"),
    ("unheard", "not remembered here, and the others could not be asked: this is what the token proves"),
    ("unkept", "not remembered, for want of room: this is what the token proves, and its issuer was to be asked"),
    ("no_room", "not remembered: there is no room"),
    ("undated", "not remembered, and the token proves nothing of it"),
];

/// The word for it; `None` where nobody asked.
pub(super) const fn word(known: &Knowledge) -> Option<&'static str> {
    Some(match known {
        Knowledge::Unasked => return None,
        Knowledge::Undated(_) => "undated",
        Knowledge::NoRoom(_) => "no_room",
        Knowledge::Known(_, basis, _) => match basis {
            Basis::Held => "held",
            Basis::Token => "token",
            Basis::Shared => "shared",
            Basis::Alone => "alone",
            Basis::Unheard => "unheard",
            Basis::Unkept => "unkept",
        },
    })
}

/// What the word of a record says. A record may be of a later version than its reader.
pub(super) fn told(word: &str) -> &'static str {
    let found = WORDS.iter().find(|(known, _)| *known == word);
    found.map_or("known in a way that this version has no words for", |(_, told)| told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::session::{Key, Sight};
    use std::collections::BTreeSet;

    const BASES: [Basis; 6] = [Basis::Held, Basis::Token, Basis::Shared, Basis::Alone, Basis::Unheard, Basis::Unkept];

    #[test]
    fn each_kind_of_knowledge_has_a_word_and_each_word_says_something_else() {
        let (key, sight) = (Key::default(), Sight::default());
        let of_bases = BASES.map(|basis| Knowledge::Known(key, basis, sight));
        let all = of_bases.into_iter().chain([Knowledge::NoRoom(key), Knowledge::Undated(key)]);
        let words: BTreeSet<&str> = all.map(|known| word(&known).unwrap()).collect();
        assert_eq!(words, WORDS.iter().map(|(word, _)| *word).collect());
        let sentences: BTreeSet<&str> = words.iter().map(|word| told(word)).collect();
        assert_eq!(sentences.len(), WORDS.len(), "{sentences:?}");
        assert_eq!(word(&Knowledge::Unasked), None);
        assert!(told("of another version").contains("no words"));
    }
}
