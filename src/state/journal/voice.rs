//! Whose words a record holds: a name that says whether they are a source's that asks, a source's that is told, or our
//! own, and the `iss` with which the names of its entries are hashed. If either changes, what was said before is not its
//! own any more. Which feed an account writes into is told elsewhere.

use crate::decide::id::SourceName;

/// Whose words these are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voice {
    /// Its name in the journal. An older version wrote the name of a source as it is in the config, and did not say
    /// whether that asks or is told.
    pub source: SourceName,
    /// The `iss` that it speaks for.
    pub iss: Box<str>,
}

/// What the names of sources begin with: what is asked for can be asked for again, what was told nobody tells again.
const ASKED: &str = "asked/";
const TOLD: &str = "told/";

impl Voice {
    /// Of a source of the config.
    #[must_use]
    pub fn of_source(name: &str, iss: &str, is_told: bool) -> Self {
        let kind = if is_told { TOLD } else { ASKED };
        Self { source: SourceName::from(&*format!("{kind}{name}")), iss: iss.into() }
    }

    /// The name of the source that was told this, in the config that it was told under. What an older version wrote may
    /// have been told.
    #[must_use]
    pub fn told(&self) -> Option<&str> {
        let name = self.source.as_str();
        name.strip_prefix(TOLD).or_else(|| is_plain(name).then_some(name))
    }

    /// Can it be asked again for what it said?
    #[must_use]
    pub fn is_asked(&self) -> bool {
        is_asked(self.source.as_str())
    }

    /// Is what this voice said what this account keeps? Our own words are kept for an `iss`, whatever the issuer is called
    /// in the config.
    #[must_use]
    pub fn is_of(&self, account: &Self) -> bool {
        let (name, kept) = (self.source.as_str(), account.source.as_str());
        let source = || kept.strip_prefix(TOLD).or_else(|| kept.strip_prefix(ASKED));
        self.iss == account.iss && (kin(name) == kin(kept) || source() == Some(name))
    }
}

/// Can whoever goes by this name be asked again?
pub(super) fn is_asked(name: &str) -> bool {
    name.starts_with(ASKED)
}

/// What of a name says whose words these are. Our own, as `operator/corp` and `fleet:corp`, end in what an issuer is
/// called.
pub(super) fn kin(name: &str) -> &str {
    let ours = || name.split_inclusive(['/', ':']).next().unwrap_or(name);
    if name.starts_with(TOLD) || name.starts_with(ASKED) { name } else { ours() }
}

/// The names under which what an older version wrote is kept now, the likeliest first: where a source asks, another one of
/// its name that was told left before.
pub(super) fn kept_as(name: &str) -> Option<[String; 2]> {
    is_plain(name).then(|| [ASKED, TOLD].map(|kind| format!("{kind}{name}")))
}

/// No source of the config has one of these in its name.
fn is_plain(name: &str) -> bool {
    !name.contains(['/', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_words_these_are() {
        let voice = |source: &str, iss: &str| Voice { source: SourceName::from(source), iss: iss.into() };
        for (said, kept, is) in [
            ("told/bcl", "told/bcl", true),
            ("told/bcl", "asked/bcl", false),
            ("asked/bcl", "told/bcl", false),
            ("bcl", "told/bcl", true),
            ("bcl", "asked/bcl", true),
            ("bcl", "bcl", true),
            ("bcl", "told/other", false),
            ("operator/corp", "operator/partner", true),
            ("operator/corp", "told/corp", false),
            ("fleet:corp", "fleet:partner", true),
            ("fleet:corp", "fleet-operators:corp", false),
            ("told/a", "told/b", false),
        ] {
            assert_eq!(voice(said, "i").is_of(&voice(kept, "i")), is, "{said} {kept}");
            assert!(!voice(said, "other").is_of(&voice(kept, "i")));
        }
        let told = |source: &str| voice(source, "i").told().map(str::to_owned);
        assert_eq!((told("told/bcl"), told("bcl")), (Some("bcl".into()), Some("bcl".into())));
        assert_eq!((told("asked/bcl"), told("operator/corp"), told("fleet:corp")), (None, None, None));
        assert_eq!(Voice::of_source("bcl", "i", true), voice("told/bcl", "i"));
    }
}
