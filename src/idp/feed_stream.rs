//! A feed as lines of JSON, read while it comes. The first line says what is coming, each of the next is an entry, and
//! the last says that nothing is missing: without it, all the others prove nothing.
//!
//! ```json
//! {"cursor":"4711","complete":true,"count":2}
//! {"type":"token","id":"jti-1","until":1793600000}
//! {"type":"subject","id":"alice","at":1793594096.5}
//! {"end":true,"count":2}
//! ```
//!
//! A signed feed's first line is `{"signed":"…"}`: a JWS of the type `revocation-feed+jwt`, whose payload is the first
//! line as above, with `iss` and `iat`, and the SHA-256 of each block of so many entries, their line ends too:
//! `"block":1000,"sha256":["…"]`. So entries can count as they come, and yet none does that was not signed.

use super::blocks::{Lines, Signed};
use super::feed::{self, FeedFault, MAX_CURSOR, MAX_FAULTS, Understood};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Read;

/// How many entries a signed block may have.
const MAX_BLOCK: u64 = 65_536;

/// The first line.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct FeedHead {
    /// Given back as `?cursor=…` with the next poll, which then answers only what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether these will be all: then what the source said before and does not say here is not revoked any more.
    #[serde(default)]
    pub complete: bool,
    /// How many entries follow; a signed feed must say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The publisher knows that these are far fewer than before: they are not held back.
    #[serde(default)]
    pub shrunk: bool,
    /// In a signed feed: the issuer, as in its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// In a signed feed: when it was signed. One that is older than the last is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<f64>,
    /// In a signed feed: until when it may be taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<f64>,
    /// In a signed feed: how many entries a block has, the last one maybe fewer. At most 65,536.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// In a signed feed: the SHA-256 of each block's lines with their ends, in base64url.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sha256: Vec<String>,
}

/// The first line of a signed feed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct FeedSigned {
    /// A compact JWS of the type `revocation-feed+jwt`, whose payload is the first line of an unsigned feed.
    pub signed: String,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct FeedEnd {
    /// Always `true`.
    pub end: bool,
    /// How many entries there were.
    pub count: u64,
}

fn fault(why: &str) -> FeedFault {
    FeedFault::Document(why.to_owned())
}

/// The first line as it came.
pub(super) enum First {
    /// What it says.
    Plain(FeedHead),
    /// What is to be verified before it says anything.
    Signed(String),
}

/// Reads the first line.
pub(super) fn first<R: Read>(lines: &mut Lines<R>) -> Result<First, FeedFault> {
    let line = lines.first()?;
    if let Ok(FeedSigned { signed }) = serde_json::from_slice(&line) {
        return Ok(First::Signed(signed));
    }
    head(&line).map(First::Plain)
}

/// Reads what the first line, or the payload of its token, says.
pub(super) fn head(json: &[u8]) -> Result<FeedHead, FeedFault> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(fault("the first line is no object"));
    }
    let head: FeedHead = serde_json::from_slice(json).map_err(|error| FeedFault::Document(feed::told(&error)))?;
    let long = head.cursor.as_ref().is_some_and(|cursor| cursor.len() > MAX_CURSOR);
    if long { Err(fault("a cursor that is too long")) } else { Ok(head) }
}

impl FeedHead {
    /// What was signed of the entries.
    pub(super) fn blocks(&self) -> Result<Signed, FeedFault> {
        let (Some(count), Some(block)) = (self.count, self.block.filter(|block| (1..=MAX_BLOCK).contains(block)))
        else {
            return Err(fault("a signed feed without `count`, or `block` out of its range"));
        };
        let digest = |text: &String| URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
        let digests: Option<Vec<[u8; 32]>> = self.sha256.iter().map(digest).collect();
        let digests = digests.filter(|digests| digests.len() as u64 == count.div_ceil(block));
        let digests = digests.ok_or_else(|| fault("`sha256` does not hold one digest a block"))?;
        Ok(Signed { count, block, digests: digests.into_iter() })
    }
}

/// The entries of a feed, as they come. The last is a fault, unless all of them came and were understood.
pub(super) struct Entries<R> {
    lines: Lines<R>,
    count: Option<u64>,
    seen: u64,
    /// The first entry that was not understood. It hides none of those behind it.
    unread: Option<FeedFault>,
    faults: usize,
    ended: bool,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(lines: Lines<R>, count: Option<u64>) -> Self {
        Self { lines, count, seen: 0, unread: None, faults: 0, ended: false }
    }

    fn read(&mut self) -> Result<Option<Understood>, FeedFault> {
        loop {
            let Some(line) = self.lines.next()? else { return Err(fault("broken off: the last line is missing")) };
            if line.is_empty() {
                continue;
            }
            match feed::entry(line) {
                Ok(entry) => {
                    self.seen += 1;
                    return Ok(Some(entry));
                }
                Err(why) => match serde_json::from_slice::<FeedEnd>(line) {
                    Ok(FeedEnd { end: true, count }) => return self.end(count),
                    _ => self.note(why)?,
                },
            }
        }
    }

    fn note(&mut self, why: String) -> Result<(), FeedFault> {
        self.seen += 1;
        self.faults += 1;
        let number = usize::try_from(self.seen).unwrap_or(usize::MAX);
        self.unread.get_or_insert(FeedFault::Entry { number, why });
        // What has so many of them is something else.
        self.unread.take_if(|_| self.faults > MAX_FAULTS).map_or(Ok(()), Err)
    }

    fn end(&mut self, count: u64) -> Result<Option<Understood>, FeedFault> {
        if count != self.seen || self.count.is_some_and(|count| count != self.seen) {
            return Err(fault("the number of entries is not the `count` that was said"));
        }
        if self.lines.next()?.is_some() {
            return Err(fault("something behind the last line"));
        }
        self.unread.take().map_or(Ok(None), Err)
    }
}

impl<R: Read> Iterator for Entries<R> {
    type Item = Result<Understood, FeedFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (usize, Option<String>) {
        let mut lines = Lines::new(text.as_bytes());
        let head = match first(&mut lines) {
            Ok(First::Plain(head)) => head,
            Ok(First::Signed(_)) => return (0, Some("signed".into())),
            Err(fault) => return (0, Some(fault.to_string())),
        };
        let entries: Vec<_> = Entries::new(lines, head.count).collect();
        let fault = entries.iter().find_map(|entry| entry.as_ref().err().map(ToString::to_string));
        (entries.iter().filter(|entry| entry.is_ok()).count(), fault)
    }

    const A: &str = r#"{"type":"token","id":"a"}"#;
    const B: &str = r#"{"type":"token","id":"b"}"#;

    #[test]
    fn nothing_is_whole_without_its_end() {
        let end = |count| format!(r#"{{ "end": true, "count": {count} }}"#);
        let long = format!(r#"{{"type":"token","id":"{}"}}"#, "x".repeat(40_000));
        for (text, good, why) in [
            (format!("{{}}\n{A}\n{B}\n{}\n", end(2)), 2, None),
            (format!("{{\"count\":2}}\r\n{A}\r\n\r\n{B}\r\n{}", end(2)), 2, None),
            (format!("{{\"count\":0}}\n{}", end(0)), 0, None),
            (format!("{{}}\n{A}\n{B}\n"), 2, Some("last line")),
            (format!("{{}}\n{A}\n{{\"type\":\"tok"), 1, Some("last line")),
            (format!("{{\"count\":3}}\n{A}\n{B}\n{}", end(2)), 2, Some("count")),
            (format!("{{}}\n{A}\n{}", end(2)), 1, Some("count")),
            (format!("{{}}\n{A}\n{}\n{B}", end(1)), 1, Some("behind")),
            (format!("{{}}\n{A}\n{{\"type\":\"planet\",\"id\":\"x\"}}\n{B}\n{}", end(3)), 2, Some("entry 2")),
            (format!("{{}}\n{A}\n{{\"end\":false,\"count\":1}}\n{}", end(2)), 1, Some("entry 2")),
            (format!("{{}}\n{A}\n{long}\n{}", end(2)), 1, Some("more than")),
            ("{}\n".to_owned() + &"x".repeat(100_000), 0, Some("more than")),
            ("[]\n".into(), 0, Some("malformed")),
            (String::new(), 0, Some("malformed")),
            (format!("{{}}\n{}{A}\n{}", "1\n".repeat(1000), end(1001)), 1, Some("entry 1 ")),
            (format!("{{}}\n{}{A}\n{}", "1\n".repeat(1001), end(1002)), 0, Some("entry 1 ")),
        ] {
            let (read, fault) = read(&text);
            assert_eq!(read, good, "{text}");
            assert_eq!(fault.is_some(), why.is_some(), "{text}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(why.unwrap_or_default()), "{text}");
        }
    }

    /// Of a block that is not what was signed, not one entry counts.
    #[test]
    fn signed_blocks_count_whole_or_not_at_all() {
        let sha =
            |text: &str| URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()));
        let one = format!("{A}\n{B}\n");
        let two = format!("{A}\n");
        let head =
            FeedHead { count: Some(3), block: Some(2), sha256: vec![sha(&one), sha(&two)], ..FeedHead::default() };
        let read = |text: &str| {
            let mut lines = Lines::new(text.as_bytes());
            lines.expect(head.blocks().unwrap());
            let all: Vec<_> = Entries::new(lines, head.count).collect();
            (all.iter().filter(|entry| entry.is_ok()).count(), all.iter().all(Result::is_ok))
        };
        let end = r#"{"end":true,"count":3}"#;
        assert_eq!(read(&format!("{one}{two}{end}\n")), (3, true));
        assert_eq!(read(&format!("{one}{}{end}\n", two.replace('a', "c"))), (2, false));
        assert_eq!(read(&format!("{}{two}{end}\n", one.replace('b', "c"))), (0, false));
        assert_eq!(read(&one), (2, false));
        for bad in [
            FeedHead { count: None, ..head.clone() },
            FeedHead { block: Some(0), ..head.clone() },
            FeedHead { count: Some(5), ..head.clone() },
            FeedHead { sha256: vec!["x".into(), "y".into()], ..head.clone() },
        ] {
            assert!(bad.blocks().is_err());
        }
    }
}
