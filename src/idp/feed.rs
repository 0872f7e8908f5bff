//! The words in which a feed tells of revocations: one entry, and the document that `poll` fetches.
//!
//! ```json
//! { "cursor": "4711",
//!   "complete": false,
//!   "entries": [ { "type": "token",   "id": "jti-1", "until": 1793600000 },
//!                { "type": "subject", "id": "alice", "at": 1793594096.5 },
//!                { "type": "client",  "id": "app-7", "not_before": 1793594096 },
//!                { "type": "claim",   "claim": "email", "id": "a@b.c" },
//!                { "type": "issuer",  "not_before": 1793000000 } ] }
//! ```

use crate::decide::revocation::Cutoff;
use crate::decide::time::Timestamp;
use crate::notice::unquoted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// No id is longer: the longest claim that is read of a token (JWT-25).
const MAX_ID: usize = 4096;

/// No cursor is longer, so it always fits into a URL.
pub(super) const MAX_CURSOR: usize = 1024;

/// So many entries that cannot be read hide none of the others.
pub(super) const MAX_FAULTS: usize = 1000;

/// What is wrong with a document, without the names in it.
pub(super) fn told(error: &serde_json::Error) -> String {
    unquoted(&error.to_string()).into_owned()
}

/// Why something that a feed said cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FeedFault {
    /// Not the document that was asked for.
    #[error("the document is malformed: {0}")]
    Document(String),
    /// An entry that cannot be read. The others of its document are used, but the source is not fresh by it:
    /// what it tried to say is not known.
    #[error("entry {number} is malformed: {why}")]
    Entry {
        /// Which, from one.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// More entries than the source may hold, be some of them said twice. What was read of them is used.
    #[error("more than {0} entries")]
    TooMany(usize),
    /// A snapshot that is suspiciously small. What is in it is used, and nothing is taken back.
    #[error("held back: {now} entries where there were {before}; see `max_shrink`")]
    Shrunk {
        /// How many entries the source said before.
        before: usize,
        /// How many there are now.
        now: usize,
    },
}

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revokes {
    /// One token, by its `jti`.
    Token,
    /// A session, by the session claim (`sid`).
    Session,
    /// A subject, by its `sub`.
    Subject,
    /// A client, by its `client_id` or `azp`.
    Client,
    /// Whoever has a value in a claim; the issuer's settings list the claim in `revocable_claims`.
    Claim {
        /// The claim's name.
        name: Box<str>,
        /// Whether the value is a number: the number 7 and the string "7" are two names.
        number: bool,
    },
    /// The whole issuer; has no `id`.
    Issuer,
}

/// What is revoked, as an entry says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryType {
    /// One token, by its `jti`.
    Token,
    /// A session, by the session claim (`sid`).
    Session,
    /// A subject, by its `sub`.
    Subject,
    /// A client, by its `client_id` or `azp`.
    Client,
    /// Whoever has the value `id` in the claim that `claim` names.
    Claim,
    /// The whole issuer; has no `id`.
    Issuer,
}

/// A name, as an entry says it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum EntryId {
    /// A string.
    Text(String),
    /// A number; of a `claim` only.
    Number(serde_json::Number),
}

/// One revocation. Without `not_before` and `at`, every token of that name is revoked, whenever it was issued.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct FeedEntry {
    /// What is revoked.
    #[serde(rename = "type")]
    pub revokes: EntryType,
    /// The claim's name, for `claim` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// Its name, byte for byte as in the token; absent for `issuer` only. For `claim`, a string or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntryId>,
    /// A policy: tokens issued before this Unix time are revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<f64>,
    /// An event: tokens issued at or before the second of this Unix time are revoked; of a `token`, that one, and the time
    /// says only when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// The Unix time at which the last token that this hits has expired; the entry is dropped some time after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<f64>,
}

/// What a poll answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct FeedDocument {
    /// Given back as `?cursor=…` with the next poll, which then answers only what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The revocations.
    pub entries: Vec<FeedEntry>,
    /// Whether these are all: then what the source said before and does not say here is not revoked any more.
    #[serde(default)]
    pub complete: bool,
    /// The publisher knows that these are far fewer than before: they are not held back.
    #[serde(default)]
    pub shrunk: bool,
}

/// An entry that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Understood {
    /// What is revoked.
    pub revokes: Revokes,
    /// Its name; empty for the issuer.
    pub id: Box<str>,
    /// Which of its tokens.
    pub cutoff: Cutoff,
    /// When the last of them has expired.
    pub until: Option<Timestamp>,
    /// When it happened, where that was said: from then on it took until it was enforced.
    pub happened: Option<Timestamp>,
}

/// What a feed said, as far as it was understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The entries that were understood.
    pub entries: Vec<Understood>,
    /// The first that was not.
    pub fault: Option<FeedFault>,
    /// How many were not.
    pub faults: usize,
    /// The cursor.
    pub cursor: Option<String>,
    /// Whether these are all.
    pub complete: bool,
    /// Whether the publisher knows that these are far fewer than before.
    pub shrunk: bool,
}

/// Reads one entry.
///
/// # Errors
/// What is wrong with it.
pub(super) fn entry(json: &[u8]) -> Result<Understood, String> {
    let read = serde_json::from_slice::<FeedEntry>(json).map_err(|error| told(&error));
    read.and_then(FeedEntry::understand)
}

/// Reads a file of entries, one a line; empty lines and lines that begin with `#` are left out.
#[must_use]
pub fn ndjson(text: &[u8]) -> Heard {
    of_lines(text, entry)
}

/// Reads a file of token ids, one a line; empty lines and lines that begin with `#` are left out.
#[must_use]
pub fn ids(text: &[u8]) -> Heard {
    of_lines(text, id)
}

/// Reads a line that is a token id.
pub(super) fn id(line: &[u8]) -> Result<Understood, String> {
    let read = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned());
    read.and_then(|id| FeedEntry::token(id).understand())
}

/// The lines that say something. An editor may have put a byte order mark before the first one.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

fn of_lines(text: &[u8], read: fn(&[u8]) -> Result<Understood, String>) -> Heard {
    let mut heard = Heard { complete: true, ..Heard::default() };
    let _ = lines(text).enumerate().all(|(number, line)| heard.take(number, read(line)));
    heard
}

impl Heard {
    /// Takes in what was read of the next entry. Tells whether to go on: what has so many that cannot be read is something
    /// else.
    pub(super) fn take(&mut self, number: usize, entry: Result<Understood, String>) -> bool {
        match entry {
            Ok(entry) => self.entries.push(entry),
            Err(why) => {
                self.fault.get_or_insert(FeedFault::Entry { number: number + 1, why });
                self.faults += 1;
            }
        }
        self.faults <= MAX_FAULTS
    }
}

impl EntryType {
    /// What it is with the claim that it may name.
    ///
    /// # Errors
    /// If it is a claim without a name.
    pub fn named(self, claim: Option<String>, number: bool) -> Result<Revokes, String> {
        Ok(match (self, claim) {
            (Self::Claim, Some(name)) if name.is_empty() || name.len() > MAX_ID => {
                return Err("a `claim` empty or too long".into());
            }
            (Self::Claim, Some(name)) => Revokes::Claim { name: name.into(), number },
            (Self::Claim, None) => return Err("without `claim`".into()),
            // Ignored, like any other member that means nothing here.
            (Self::Token, _) => Revokes::Token,
            (Self::Session, _) => Revokes::Session,
            (Self::Subject, _) => Revokes::Subject,
            (Self::Client, _) => Revokes::Client,
            (Self::Issuer, _) => Revokes::Issuer,
        })
    }
}

impl FeedEntry {
    /// The revocation of one token, whenever it was issued.
    #[must_use]
    pub fn token(id: &str) -> Self {
        let id = Some(EntryId::Text(id.into()));
        Self { revokes: EntryType::Token, claim: None, id, not_before: None, at: None, until: None }
    }

    fn understand(self) -> Result<Understood, String> {
        let number = matches!(self.id, Some(EntryId::Number(_)));
        let revokes = self.revokes.named(self.claim, number)?;
        let id = match (&revokes, self.id) {
            (Revokes::Issuer, None) => String::new(),
            (Revokes::Issuer, Some(_)) => return Err("an `issuer` has no `id`".into()),
            (_, None) => return Err("without `id`".into()),
            (Revokes::Claim { .. }, Some(EntryId::Number(id))) => id.to_string(),
            (_, Some(EntryId::Number(_))) => return Err("an `id` that is not a string".into()),
            (_, Some(EntryId::Text(id))) if id.is_empty() || id.len() > MAX_ID => {
                return Err("an `id` empty or too long".into());
            }
            (_, Some(EntryId::Text(id))) => id,
        };
        // Rounded to the side that revokes more; `until` to the side that keeps longer.
        let before = time(self.not_before, "not_before")?.map(Cutoff::Before);
        let happened = time(self.at, "at")?;
        // A token was issued before it was revoked, whatever the clocks say; and without a cut-off it takes less room.
        let up_to = happened.filter(|_| revokes != Revokes::Token).map(Cutoff::UpTo);
        let cutoff = before.into_iter().chain(up_to).reduce(Cutoff::max).unwrap_or(Cutoff::Always);
        Ok(Understood { revokes, id: id.into(), cutoff, until: time(self.until, "until")?, happened })
    }
}

fn time(seconds: Option<f64>, member: &str) -> Result<Option<Timestamp>, String> {
    let Some(seconds) = seconds else { return Ok(None) };
    Timestamp::from_numeric_ceil(seconds).map(Some).ok_or_else(|| format!("`{member}` is not a Unix time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idp::feed_document::document;

    fn understood(json: &str) -> Result<Understood, String> {
        let mut heard = ndjson(json.as_bytes());
        heard.entries.pop().ok_or_else(|| heard.fault.unwrap().to_string())
    }

    #[test]
    fn cutoffs_are_what_the_members_say() {
        let at = Timestamp::from_millis(10_500);
        for (json, cutoff) in [
            (r#"{"type":"token","id":"a"}"#, Cutoff::Always),
            (r#"{"type":"token","id":"a","at":10.5}"#, Cutoff::Always),
            (r#"{"type":"token","id":"a","not_before":10.5}"#, Cutoff::Before(at)),
            (r#"{"type":"subject","id":"a","at":10.5}"#, Cutoff::UpTo(at)),
            (r#"{"type":"client","id":"a","not_before":10.5,"x":1}"#, Cutoff::Before(at)),
            (r#"{"type":"session","id":"a","at":10.5,"not_before":10.5}"#, Cutoff::UpTo(at)),
            (r#"{"type":"issuer","not_before":10.4999}"#, Cutoff::Before(at)),
        ] {
            assert_eq!(understood(json).map(|entry| entry.cutoff), Ok(cutoff), "{json}");
        }
    }

    #[test]
    fn claims_are_named_and_of_a_type() {
        let claim = |json: &str| understood(json).map(|entry| (entry.revokes, entry.id));
        let of = |name: &str, number| Revokes::Claim { name: name.into(), number };
        let text = claim(r#"{"type":"claim","claim":"email","id":"a@b.c"}"#);
        assert_eq!(text, Ok((of("email", false), "a@b.c".into())));
        assert_eq!(claim(r#"{"type":"claim","claim":"device","id":7}"#), Ok((of("device", true), "7".into())));
        assert_eq!(claim(r#"{"type":"claim","claim":"device","id":"7"}"#), Ok((of("device", false), "7".into())));
    }

    #[test]
    fn what_is_not_understood_is_told_and_hides_nothing() {
        for bad in [
            r#"{"type":"device","id":"a"}"#,
            r#"{"type":"token"}"#,
            r#"{"type":"token","id":7}"#,
            r#"{"type":"claim","id":"a"}"#,
            r#"{"type":"claim","claim":"","id":"a"}"#,
            r#"{"type":"claim","claim":"email"}"#,
            r#"{"type":"claim","claim":"email","id":["a"]}"#,
            r#"{"type":"token","id":""}"#,
            "[]",
            r#"{"type":"issuer","id":"a"}"#,
            r#"{"type":"token","id":"a","at":-1}"#,
            r#"{"id":"a"}"#,
            r#"{"type":"token","id":"a","until":"x"}"#,
            r#"{"type":"token","id":"a","at":1e300}"#,
        ] {
            let heard =
                document(format!(r#"{{"entries":[{bad},{{"type":"token","id":"b"}}]}}"#).as_bytes(), 9).unwrap();
            assert!(matches!(heard.fault, Some(FeedFault::Entry { number: 1, .. })), "{bad}");
            assert_eq!(heard.entries.len(), 1);
        }
    }

    #[test]
    fn files_are_read_by_lines() {
        let heard = ids(b"# revoked\r\njti-1\r\n\n  jti-2\n");
        let names: Vec<&str> = heard.entries.iter().map(|entry| &*entry.id).collect();
        assert_eq!((names, heard.fault, heard.complete), (vec!["jti-1", "jti-2"], None, true));
        assert!(ids(b"\xff").fault.is_some());
    }
}
