//! The entries as they are held, told one by one: for who keeps them over a restart, or passes them on.

use super::entry::Target;
use super::name::SHARDS;
use super::set::{Known, Revocations};
use crate::decide::id::IssuerName;

impl Revocations {
    /// So many steps tell of the whole set once.
    pub const STEPS: usize = SHARDS;

    /// Tells of every entry of one step's part of the set. The part is not written to meanwhile: what is told is to be
    /// noted, not worked on. Fingerprints are told as far as the set holds them, which names the same entries again.
    pub fn held(&self, step: usize, mut told: impl FnMut(Known)) {
        self.shards.each(step, |stored| {
            told(Known::of(Target::of(stored.name, step), stored));
        });
        if step == 0 {
            let all: Vec<_> = self.table.load().issuers.values().flat_map(|voices| voices.cutoffs.all()).collect();
            all.iter().for_each(|stored| told(Known::of(Target::Issuer, stored)));
        }
    }

    /// Does any source say something of this target?
    #[must_use]
    pub fn names(&self, issuer: &IssuerName, target: Target) -> bool {
        let Some((level, print)) = target.level() else {
            return self.table.load().issuers.get(issuer).is_some_and(|voices| !voices.cutoffs.all().is_empty());
        };
        let mut named = false;
        self.shards.named(level, &print, |_| named = true);
        named
    }

    /// What the source of an entry noted for itself beside it.
    #[must_use]
    pub fn beside(&self, known: &Known) -> Option<Known> {
        let (target, mut found) = (known.target.beside(), None);
        let (level, print) = target.level()?;
        self.shards.named(level, &print, |stored| {
            let its = (stored.source == known.source).then(|| Known::of(target, stored));
            found = found.or(its);
        });
        found
    }
}
