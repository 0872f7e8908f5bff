//! Whether secrets are still what they were when they were read, known without keeping them.

use super::secret::Secret;
use aws_lc_rs::rand;
use secrecy::ExposeSecret;
use std::sync::LazyLock;

/// A hash of secrets, keyed for this process: it tells nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal(blake3::Hash);

/// Without randomness the seals of all processes are alike, and none ever leaves its process.
static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let mut key = [0; 32];
    let _ = rand::fill(&mut key);
    key
});

impl Seal {
    /// Of what these hold now. Reads files: not for the line. Why one cannot be read is told by whoever needs it.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut all = blake3::Hasher::new_keyed(&KEY);
        for secret in secrets {
            let one = secret.read().map(|held| blake3::keyed_hash(&KEY, held.expose_secret().as_bytes()));
            all.update(one.as_ref().map_or(&[0; 32], |one| one.as_bytes()));
        }
        Self(all.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_sealed_and_not_where() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| Secret::File(dir.path().join(name)));
        let nothing = Seal::of([&one]);
        std::fs::write(dir.path().join("one"), "first").unwrap();
        let first = Seal::of([&one]);
        std::fs::write(dir.path().join("other"), "first").unwrap();
        assert!(first != nothing && first == Seal::of([&one]) && first == Seal::of([&other]));
        assert!(Seal::of([&one, &other]) != first && Seal::of([]) != first);
        std::fs::write(dir.path().join("one"), "second").unwrap();
        assert!(Seal::of([&one]) != first && Seal::of([&one, &other]) != Seal::of([&other, &one]));
    }
}
