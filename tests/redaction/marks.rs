//! Marks, and how they are looked for: as they are, and in every spelling in which something may have written them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use memchr::memmem;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// All marks of one run begin alike, so that one search finds them all.
pub struct Marks {
    prefix: String,
    given: Mutex<BTreeSet<&'static str>>,
    signatures: Mutex<BTreeSet<String>>,
}

/// Where something was written, and what.
pub struct Sink {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// What was found: the sink, the spelling, and what stood around it.
#[derive(Debug)]
pub struct Hit {
    pub sink: String,
    pub spelling: &'static str,
    pub around: String,
}

impl Marks {
    pub fn new() -> Self {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let text: String = random.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        Self { prefix: format!("zq{text}"), given: Mutex::default(), signatures: Mutex::default() }
    }

    /// The mark of this kind of secret: long enough for any key.
    pub fn of(&self, kind: &'static str) -> String {
        self.given.lock().unwrap().insert(kind);
        format!("{}-{kind}-0123456789-0123456789", self.prefix)
    }

    /// A mark that is plain to see, to prove that one is found.
    pub fn visible(&self) -> String {
        format!("{}-plain-to-see", self.prefix)
    }

    /// A token: its signature is looked for too.
    pub fn token(&self, token: String) -> String {
        if let Some(signature) = token.rsplit('.').next().filter(|signature| signature.len() >= 24) {
            self.signatures.lock().unwrap().insert(signature[..24].to_owned());
        }
        token
    }

    pub fn kinds(&self) -> usize {
        self.given.lock().unwrap().len()
    }

    pub fn tokens(&self) -> usize {
        self.signatures.lock().unwrap().len()
    }

    /// What is looked for, and what it is called.
    pub fn needles(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mark = self.prefix.as_bytes();
        let mut needles = vec![("raw", mark.to_vec()), ("raw, in capitals", mark.to_ascii_uppercase())];
        let hex: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
        needles.push(("hex", hex.clone().into_bytes()));
        needles.push(("hex, in capitals", hex.to_uppercase().into_bytes()));
        for before in 0..3 {
            // Where it stands inside of what is encoded, all groups that it fills alone are the same.
            let text = [&b"###"[..before], mark].concat();
            let (first, last) = (usize::from(before > 0) * 4, text.len() / 3 * 4);
            for (name, engine) in [("base64", &STANDARD), ("base64url", &URL_SAFE_NO_PAD)] {
                needles.push((name, engine.encode(&text).as_bytes()[first..last].to_vec()));
            }
        }
        let signatures = self.signatures.lock().unwrap();
        needles.extend(signatures.iter().map(|signature| ("signature of a token", signature.as_bytes().to_vec())));
        needles
    }

    /// Everything that is found, in the bytes as they are, and as they are once escapes are taken out of them.
    pub fn search(&self, sinks: &[Sink]) -> Vec<Hit> {
        let needles = self.needles();
        let finders: Vec<_> = needles.iter().map(|(name, needle)| (*name, memmem::Finder::new(needle))).collect();
        let mut hits = Vec::new();
        for sink in sinks {
            for bytes in [sink.bytes.clone(), without_percent(&sink.bytes), without_backslash(&sink.bytes)] {
                for (spelling, finder) in &finders {
                    hits.extend(finder.find_iter(&bytes).map(|at| Hit {
                        sink: sink.name.clone(),
                        spelling,
                        around: around(&bytes, at),
                    }));
                }
            }
        }
        hits
    }
}

fn around(bytes: &[u8], at: usize) -> String {
    let (from, to) = (at.saturating_sub(160), (at + 120).min(bytes.len()));
    String::from_utf8_lossy(&bytes[from..to]).into_owned()
}

fn hex(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// `%7A` is `z`.
fn without_percent(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(hex) {
            Some(byte) => {
                out.push(byte as u8);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// `\u007a`, `\x7a` and `\z` are `z`.
fn without_backslash(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = |kind: u8, long: usize| {
            let digits =
                bytes.get(at + 2..at + 2 + long).filter(|_| bytes[at] == b'\\' && bytes.get(at + 1) == Some(&kind));
            digits.and_then(hex).map(|byte| (byte as u8, 2 + long))
        };
        let (byte, long) = escape(b'u', 4).or_else(|| escape(b'x', 2)).unwrap_or(match bytes[at] {
            b'\\' if at + 1 < bytes.len() => (bytes[at + 1], 2),
            byte => (byte, 1),
        });
        out.push(byte);
        at += long;
    }
    out
}

/// The report: each sink with its size and what was found there.
pub fn report(marks: &Marks, sinks: &[Sink], hits: &[Hit]) -> String {
    use std::fmt::Write as _;
    let (mut out, mut total) = (String::new(), 0);
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    hits.iter().for_each(|hit| *found.entry(&hit.sink).or_default() += 1);
    let _ = writeln!(out, "{:<58} {:>10} {:>5}", "sink", "bytes", "hits");
    for sink in sinks {
        let hits = found.get(sink.name.as_str()).unwrap_or(&0);
        let _ = writeln!(out, "{:<58} {:>10} {hits:>5}", sink.name, sink.bytes.len());
        total += sink.bytes.len();
    }
    let _ = writeln!(
        out,
        "{} sinks, {total} bytes; {} kinds of marks and {} tokens in {} spellings, as they are, percent-decoded and unescaped; {} hits",
        sinks.len(),
        marks.kinds(),
        marks.tokens(),
        marks.needles().len(),
        hits.len()
    );
    out
}

#[test]
fn a_mark_is_found_in_every_spelling() {
    let marks = Marks::new();
    let mark = marks.of("test");
    let percent: String = mark.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let json: String = mark.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let hex: String = mark.bytes().map(|byte| format!("{byte:02x}")).collect();
    let half = format!("{}%{:02x}{}", &mark[..3], mark.as_bytes()[3], &mark[4..]);
    let mut spelled = vec![mark.clone(), mark.to_uppercase(), percent, json, hex, half];
    for before in ["", "a", "ab", "{\"sub\":\""] {
        spelled.push(STANDARD.encode(format!("{before}{mark}\"}}")));
        spelled.push(URL_SAFE_NO_PAD.encode(format!("{before}{mark}?\u{ff}")));
    }
    for (number, text) in spelled.iter().enumerate() {
        let sink = Sink { name: number.to_string(), bytes: format!("before {text} after").into_bytes() };
        assert!(!marks.search(&[sink]).is_empty(), "{text}");
    }
    let token = marks.token(format!("e30.e30.{}", "s".repeat(40)));
    assert!(!marks.search(&[Sink { name: "t".into(), bytes: token.into_bytes() }]).is_empty());
    let nothing = b"%zz %7 \\u00 \\ zq \\x7a nothing to be seen".to_vec();
    assert!(marks.search(&[Sink { name: "nothing".into(), bytes: nothing }]).is_empty());
}
