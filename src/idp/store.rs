//! The last good key sets, kept in the state directory over a restart. Whoever may write there may make tokens.

use super::file::at;
use crate::decide::time::Timestamp;
use crate::settings::read_bounded;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A kept file is never larger: a key set of the largest size, written as a JSON string.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// One issuer's place in the state directory.
#[derive(Clone, Debug)]
pub(super) struct Store {
    path: PathBuf,
    issuer: Box<str>,
}

/// A key set as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    issuer: String,
    fetched_ms: i64,
    jwks: String,
}

impl Kept {
    pub(super) fn fetched(&self) -> Timestamp {
        Timestamp::from_millis(self.fetched_ms)
    }

    pub(super) const fn jwks(&self) -> &[u8] {
        self.jwks.as_bytes()
    }
}

impl Store {
    /// The file is named by a hash, so that no name of an issuer becomes a path.
    pub(super) fn new(dir: &Path, name: &str, issuer: &str) -> Self {
        let hash = blake3::Hasher::new().update(name.as_bytes()).update(&[0]).update(issuer.as_bytes()).finalize();
        let hex = hash.to_hex();
        Self { path: dir.join(format!("keys-{}.json", hex.get(..32).unwrap_or(&hex))), issuer: issuer.into() }
    }

    /// What is kept, if it is this issuer's and can be read.
    pub(super) fn load(&self) -> Option<Kept> {
        let text = read_bounded(&self.path, MAX_FILE).ok()?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        (*kept.issuer == *self.issuer).then_some(kept)
    }

    /// Keeps a set: written aside, then renamed, so that a crash leaves the old or the new, never half of one.
    pub(super) fn save(&self, jwks: &[u8], fetched: Timestamp) -> io::Result<()> {
        let jwks = public(std::str::from_utf8(jwks).map_err(io::Error::other)?);
        let kept = Kept { issuer: self.issuer.to_string(), fetched_ms: fetched.millis(), jwks };
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir).map_err(at(dir))?;
        }
        let aside = self.path.with_extension(format!("{}.new", std::process::id()));
        let open = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside);
        let text = serde_json::to_vec(&kept)?;
        let written = open().and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.map_err(at(&aside))?;
        fs::rename(&aside, &self.path).map_err(at(&self.path))
    }
}

/// The members of a key that are nobody's but its owner's (RFC 7518 §6.2.2, §6.3.2, §6.4).
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The set without keys whose private half was published: those are used by nobody, and kept by nobody.
fn public(jwks: &str) -> String {
    let Ok(mut set) = serde_json::from_str::<Value>(jwks) else { return jwks.to_owned() };
    let Some(keys) = set.get_mut("keys").and_then(Value::as_array_mut) else { return jwks.to_owned() };
    let before = keys.len();
    keys.retain(|key| !PRIVATE.iter().any(|member| key.get(member).is_some()));
    if keys.len() == before { jwks.to_owned() } else { set.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_kept_is_the_issuers_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), "corp", "https://a");
        assert!(store.load().is_none());
        store.save(b"{\"keys\":[]}", Timestamp::from_secs(7)).unwrap();
        let kept = store.load().unwrap();
        assert_eq!((kept.jwks(), kept.fetched()), (&b"{\"keys\":[]}"[..], Timestamp::from_secs(7)));
        assert_eq!(fs::metadata(&store.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let other = Store { path: store.path, issuer: "https://b".into() };
        assert!(other.load().is_none());
    }

    #[test]
    fn private_halves_are_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), "corp", "https://a");
        let set = br#"{"keys":[{"kty":"EC","kid":"burnt","d":"hunter2"},{"kty":"EC","kid":"good"}]}"#;
        store.save(set, Timestamp::from_secs(7)).unwrap();
        let kept = store.load().unwrap();
        let text = std::str::from_utf8(kept.jwks()).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("burnt") && text.contains("good"), "{text}");
    }

    #[test]
    fn what_cannot_be_kept_is_told_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        fs::write(&taken, "").unwrap();
        let error = Store::new(&taken, "corp", "https://a").save(b"{}", Timestamp::from_secs(7)).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{}: ", taken.display())), "{error}");
    }
}
