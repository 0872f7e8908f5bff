//! The entries as they are held, told one by one: for who keeps them over a restart, or passes them on.

use super::entry::{Level, Target};
use super::name::{Name, SHARDS};
use super::set::{Known, Revocations};
use crate::decide::id::Fingerprint;

impl Revocations {
    /// So many steps tell of the whole set once.
    pub const STEPS: usize = SHARDS;

    /// Tells of every entry of one step's part of the set. The part is not written to meanwhile: what is told is to be
    /// noted, not worked on. Fingerprints are told as far as the set holds them, which names the same entries again.
    pub fn held(&self, step: usize, mut told: impl FnMut(Known)) {
        self.shards.each(step, |stored| {
            stored.name.target(step).into_iter().for_each(|target| told(Known::of(target, stored)));
        });
        if step == 0 {
            let all: Vec<_> = self.table.load().issuers.values().flat_map(|voices| voices.cutoffs.all()).collect();
            all.iter().for_each(|stored| told(Known::of(Target::Issuer, stored)));
        }
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

impl Name {
    /// What it names in a shard, as far as it is held.
    fn target(self, shard: usize) -> Option<Target> {
        let [first, second, third] = self.words().map(u128::from);
        let bits = (shard as u128 >> 1) << 120 | first << 88 | second << 56 | (third >> 12) << 36;
        let print = Fingerprint(bits.to_be_bytes());
        [Level::Token, Level::Session, Level::Subject, Level::Client, Level::Claim, Level::Beside]
            .into_iter()
            .find(|level| *level as usize == self.level())
            .map(|level| match level {
                Level::Token => Target::Token(print),
                Level::Session => Target::Session(print),
                Level::Subject => Target::Subject(print),
                Level::Client => Target::Client(print),
                Level::Claim => Target::Claim(print),
                Level::Beside => Target::Beside(print),
            })
    }
}
