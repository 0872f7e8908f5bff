//! How one line seals the next: the hash of a line is over all of its bytes before the hash itself, and the hash of the
//! line before is among them.

use aws_lc_rs::{digest, hmac};
use secrecy::{ExposeSecret as _, SecretString};

use super::event::Event;
use super::line::{self, Members};

/// The hash before the first line of all.
pub(super) const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What stands between a line's body and its hash, and after that.
const OPEN: &[u8] = b",\"hash\":\"";
const CLOSE: &[u8] = b"\"}";

/// By what lines are sealed: SHA-256, or HMAC-SHA256 under a key.
#[derive(Clone)]
pub struct Key(Option<hmac::Key>);

impl Key {
    /// A secret, or none.
    #[must_use]
    pub fn new(secret: Option<&SecretString>) -> Self {
        Self(secret.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())))
    }

    /// The name of the way in which it seals.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        if self.0.is_some() { "HMAC-SHA256" } else { "SHA-256" }
    }

    fn hash(&self, body: &[u8]) -> String {
        match &self.0 {
            Some(key) => hex(hmac::sign(key, body).as_ref()),
            None => hex(digest::digest(&digest::SHA256, body).as_ref()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The end of the chain: what the next line is tied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The number of the last line; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl End {
    pub fn beginning() -> Self {
        Self { seq: 0, hash: BEGINNING.to_owned() }
    }

    /// Adds a line to the chain, with its line feed.
    pub fn seal(&mut self, key: &Key, instance: &str, event: &Event) -> Vec<u8> {
        self.seq += 1;
        let mut line = line::body(self.seq, instance, event, &self.hash);
        self.hash = key.hash(&line);
        line.extend_from_slice(OPEN);
        line.extend_from_slice(self.hash.as_bytes());
        line.extend_from_slice(CLOSE);
        line.push(b'\n');
        line
    }
}

/// A line that was read.
pub(super) struct Sealed {
    pub seq: u64,
    pub prev: String,
    pub hash: String,
    /// Whether its hash is that of its bytes.
    pub holds: bool,
    /// All that it says.
    pub members: Members,
}

/// Reads a line without its line feed; `None` if it is none of ours.
pub(super) fn unseal(line: &[u8], key: &Key) -> Option<Sealed> {
    let rest = line.strip_suffix(CLOSE)?;
    let (front, hash) = rest.split_at_checked(rest.len().checked_sub(BEGINNING.len())?)?;
    let body = front.strip_suffix(OPEN)?;
    let members = line::read(line)?;
    let hash = std::str::from_utf8(hash).ok()?.to_owned();
    let (seq, prev) = (members.get("seq")?.as_u64()?, members.get("prev")?.as_str()?.to_owned());
    let holds = key.hash(body) == hash;
    Some(Sealed { seq, prev, hash, holds, members })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::time::Timestamp;
    use crate::telemetry::audit::Kind;

    #[test]
    fn a_line_is_ascii_and_reads_back() {
        let key = Key::new(Some(&SecretString::from("a key")));
        let mut end = End::beginning();
        let reason = "\u{1b}[31m\n\"\u{7f}\u{202e}\u{1f525}";
        let event = Event::new(Kind::Operator, Timestamp::from_secs(1)).with("reason", reason).with("hash", "x");
        let line = end.seal(&key, "g\u{e9}", &event);
        assert!(
            line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
                && line.iter().filter(|b| **b == b'\n').count() == 1
        );
        let text = line.strip_suffix(b"\n").unwrap();
        let sealed = unseal(text, &key).unwrap();
        assert!(sealed.holds && sealed.seq == 1 && sealed.prev == BEGINNING && sealed.hash == end.hash);
        let members = line::read(text).unwrap();
        assert_eq!((&members["reason"], &members["told_hash"]), (&reason.into(), &"x".into()));
        assert!(!unseal(text, &Key::new(None)).unwrap().holds);
        let mut changed = text.to_vec();
        changed[8] ^= 1;
        assert!(unseal(&changed, &key).is_none_or(|sealed| !sealed.holds));
    }
}
