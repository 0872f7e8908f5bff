//! Runs a table of rows, tells all failures at once, and keeps the list of known gaps honest.

use super::answer::Answer;
use super::config::{HOST, World};
use super::h2::{Ended, PROTOCOL_ERROR};
use super::raw::{self, Door};
use super::reasons::{Challenge, canonical};
use std::time::Duration;

/// Where the gateway does not yet do what the standard says: the row's name, and why.
pub type Gaps = &'static [(&'static str, &'static str)];

/// How long to wait whether a connection is closed.
const LINGER: Duration = Duration::from_secs(3);

/// A table being run.
pub struct Table<'w> {
    world: &'w World,
    name: &'static str,
    gaps: Gaps,
    rows: usize,
    admitted: usize,
    start: usize,
    failures: Vec<String>,
    met: Vec<String>,
}

impl<'w> Table<'w> {
    /// Begins one.
    pub fn new(world: &'w World, name: &'static str, gaps: Gaps) -> Self {
        let start = world.upstream.count();
        Self { world, name, gaps, rows: 0, admitted: 0, start, failures: Vec::new(), met: Vec::new() }
    }

    /// A request that must reach the upstream, exactly once, and answer 200. Gives the answer for a closer look.
    pub fn admit(&mut self, name: &str, request: impl AsRef<[u8]>) -> Option<Answer> {
        self.admit_at(name, &self.world.h1(), request)
    }

    /// The same through another door.
    pub fn admit_at(&mut self, name: &str, door: &Door, request: impl AsRef<[u8]>) -> Option<Answer> {
        let before = self.world.upstream.count();
        let outcome = once(door, request.as_ref()).and_then(|answer| {
            let seen = self.world.upstream.count() - before;
            match (answer.status, seen) {
                (200, 1) => Ok(answer),
                _ => Err(format!("expected 200 and one request upstream ({seen} seen), got {}", answer.brief())),
            }
        });
        self.admitted += self.world.upstream.count() - before;
        self.note(name, outcome)
    }

    /// A request that must be refused for one of these reasons, of which the upstream sees nothing.
    pub fn refuse(&mut self, name: &str, request: impl AsRef<[u8]>, reasons: &[&str]) -> Option<Answer> {
        self.refuse_at(name, &self.world.h1(), request, reasons)
    }

    /// The same through another door.
    pub fn refuse_at(
        &mut self,
        name: &str,
        door: &Door,
        request: impl AsRef<[u8]>,
        reasons: &[&str],
    ) -> Option<Answer> {
        let before = self.world.upstream.bytes();
        let outcome = once(door, request.as_ref())
            .and_then(|answer| refused(&answer, reasons).map(|()| answer))
            .and_then(|answer| untouched(self.world, before).map(|()| answer));
        self.note(name, outcome)
    }

    /// A request far over every bound: a refusal, or, because the gateway does not read to its end, a connection that
    /// is cut before the refusal was read. The upstream sees nothing.
    pub fn refuse_huge(&mut self, name: &str, request: impl AsRef<[u8]>, reasons: &[&str]) {
        let before = self.world.upstream.bytes();
        let heard = self.world.h1().open().and_then(|mut conn| raw::talk(&mut conn, request.as_ref(), 1, LINGER));
        let outcome = heard.map_err(|error| error.to_string()).and_then(|heard| match &heard.answers[..] {
            [] if heard.closed => Ok(()),
            [answer] => refused(answer, reasons),
            _ => Err(format!("{heard:?}")),
        });
        let outcome = outcome.and_then(|()| untouched(self.world, before));
        self.note(name, outcome);
    }

    /// A request whose framing is in doubt: one refusal, then the connection ends, and the upstream sees nothing.
    pub fn cut(&mut self, name: &str, request: impl AsRef<[u8]>, reasons: &[&str]) -> Option<Answer> {
        self.cut_at(name, &self.world.h1(), request, reasons)
    }

    /// The same through another door.
    pub fn cut_at(&mut self, name: &str, door: &Door, request: impl AsRef<[u8]>, reasons: &[&str]) -> Option<Answer> {
        let before = self.world.upstream.bytes();
        let outcome = door.open().and_then(|mut conn| raw::talk(&mut conn, request.as_ref(), 1, LINGER));
        let outcome = outcome.map_err(|error| error.to_string()).and_then(|heard| {
            let [answer] = &heard.answers[..] else {
                let told: Vec<String> = heard.answers.iter().map(Answer::brief).collect();
                return Err(format!("{} answers, closed={}: {told:?}", heard.answers.len(), heard.closed));
            };
            refused(answer, reasons)?;
            if !heard.closed {
                return Err(format!("the connection stayed open after {}", answer.brief()));
            }
            untouched(self.world, before)?;
            Ok(answer.clone())
        });
        self.note(name, outcome)
    }

    /// HTTP/2 fields that are malformed: the stream is reset with PROTOCOL_ERROR (a 400 may come first), or the
    /// connection ends with it; the upstream sees nothing.
    pub fn malformed_h2(&mut self, name: &str, fields: &[(&[u8], &[u8])]) {
        let before = self.world.upstream.bytes();
        let outcome = self.world.session().request(fields).map_err(|error| error.to_string());
        let outcome = outcome.and_then(|ended| malformed(&ended)).and_then(|()| untouched(self.world, before));
        self.note(name, outcome);
    }

    /// HTTP/2 fields that are refused with a reason.
    pub fn refuse_h2(&mut self, name: &str, fields: &[(&[u8], &[u8])], reasons: &[&str]) {
        let before = self.world.upstream.bytes();
        let outcome = self.world.session().request(fields).map_err(|error| error.to_string());
        let outcome = outcome
            .and_then(|ended| match &ended.answer {
                Some(answer) => refused(answer, reasons),
                None => Err(format!("no answer: {}", ended.brief())),
            })
            .and_then(|()| untouched(self.world, before));
        self.note(name, outcome);
    }

    /// HTTP/2 fields that are refused with a reason, or so malformed that the stream is reset.
    pub fn refuse_h2_or_reset(&mut self, name: &str, fields: &[(&[u8], &[u8])], reasons: &[&str]) {
        let before = self.world.upstream.bytes();
        let outcome = self.world.session().request(fields).map_err(|error| error.to_string());
        let outcome = outcome
            .and_then(|ended| match &ended.answer {
                Some(answer) => refused(answer, reasons),
                None => malformed(&ended),
            })
            .and_then(|()| untouched(self.world, before));
        self.note(name, outcome);
    }

    /// A body that turns faulty on its way: at most one refusal, the connection ends, and the upstream, which may
    /// have begun to read, never sees a whole request.
    pub fn half(&mut self, name: &str, request: impl AsRef<[u8]>) {
        let before = self.world.upstream.count();
        let heard = self.world.h1().open().and_then(|mut conn| raw::talk(&mut conn, request.as_ref(), 1, LINGER));
        let outcome = heard.map_err(|error| error.to_string()).and_then(|heard| {
            let told: Vec<String> = heard.answers.iter().map(Answer::brief).collect();
            match &heard.answers[..] {
                [] => {}
                [answer] => refused(answer, &["framing_ambiguous", "malformed_request", "headers_too_large"])?,
                _ => return Err(format!("{} answers: {told:?}", told.len())),
            }
            match (heard.closed, self.world.upstream.count() - before) {
                (true, 0) => self.world.upstream.settle(),
                (closed, seen) => Err(format!("closed={closed}, {seen} whole requests upstream, {told:?}")),
            }
        });
        self.note(name, outcome);
    }

    /// The world it runs in.
    pub fn world(&self) -> &'w World {
        self.world
    }

    /// HTTP/2 fields that must reach the upstream.
    pub fn admit_h2(&mut self, name: &str, fields: &[(&[u8], &[u8])]) -> Option<Answer> {
        let before = self.world.upstream.count();
        let outcome = self.world.session().request(fields).map_err(|error| error.to_string());
        let seen = self.world.upstream.count() - before;
        self.admitted += seen;
        let outcome = outcome.and_then(|ended| match (ended.answer.clone(), seen) {
            (Some(answer), 1) if answer.status == 200 => Ok(answer),
            _ => Err(format!("expected 200 and one request upstream ({seen} seen), got {}", ended.brief())),
        });
        self.note(name, outcome)
    }

    /// A row whose condition the test worked out itself.
    pub fn check(&mut self, name: &str, outcome: Result<(), String>) {
        self.note(name, outcome);
    }

    /// Requests that reached the upstream by rows that the test ran itself.
    pub fn expect_upstream(&mut self, count: usize) {
        self.admitted += count;
    }

    fn note<T>(&mut self, name: &str, outcome: Result<T, String>) -> Option<T> {
        self.rows += 1;
        if let Some((_, why)) = self.gaps.iter().find(|(gap, _)| *gap == name) {
            self.met.push(name.to_owned());
            // What a gap lets through is told here, and not a second time at the end.
            self.admitted = self.admitted.max(self.world.upstream.count() - self.start);
            match &outcome {
                Ok(_) => self.failures.push(format!("{name}: the gap is closed; take it off KNOWN_GAPS ({why})")),
                Err(fault) => println!("known gap  {name}: {why}\n           {fault}"),
            }
            return outcome.ok();
        }
        outcome.map_err(|fault| self.failures.push(format!("{name}: {fault}"))).ok()
    }

    /// Ends the table: a good request still passes, nothing reached the upstream late, and no row failed.
    pub fn finish(mut self) {
        let token = super::mint::Mint::get().ec.token().sign();
        self.admit("(control: a good request at the end)", get("/orders/1", &token));
        let seen = self.world.upstream.count() - self.start;
        if seen != self.admitted {
            self.failures.push(format!("the upstream saw {seen} requests, {} were meant for it", self.admitted));
        }
        if !self.world.gateway.lives() {
            self.failures.push(format!("the gateway is gone:\n{}", self.world.gateway.log()));
        }
        println!(
            "table {}: {} rows, {} failed, {} known gaps",
            self.name,
            self.rows,
            self.failures.len(),
            self.met.len()
        );
        assert!(self.failures.is_empty(), "{} of {}:\n{}", self.name, self.rows, self.failures.join("\n"));
    }
}

fn once(door: &Door, request: &[u8]) -> Result<Answer, String> {
    let mut conn = door.open().map_err(|error| format!("connecting: {error}"))?;
    raw::ask(&mut conn, request, Duration::ZERO).map_err(|error| error.to_string())
}

/// Is it this refusal, with everything that §25 says belongs to it?
pub fn refused(answer: &Answer, reasons: &[&str]) -> Result<(), String> {
    let reason = answer.reason().unwrap_or_default();
    if !reasons.contains(&reason.as_str()) {
        return Err(format!("expected {reasons:?}, got {}", answer.brief()));
    }
    let want = canonical(&reason);
    let challenge = answer.challenge()?;
    if (answer.status, challenge) != (want.status, want.challenge) {
        return Err(format!("expected {} {:?}, got {}", want.status, want.challenge, answer.brief()));
    }
    if answer.header("content-type") != Some("application/problem+json") {
        return Err(format!("not a problem body: {:?}", answer.header("content-type")));
    }
    if !answer.header("cache-control").is_some_and(|value| value.contains("no-store")) {
        return Err("a refusal that may be cached".to_owned());
    }
    if answer.header("proxy-status").is_none() {
        return Err("no Proxy-Status".to_owned());
    }
    // A 401 owes the client a challenge (RFC 9110 §15.5.2).
    match (answer.status, challenge) {
        (401, Challenge::None) => Err("a 401 without a challenge".to_owned()),
        _ => Ok(()),
    }
}

fn malformed(ended: &Ended) -> Result<(), String> {
    let protocol = [ended.reset, ended.goaway].contains(&Some(PROTOCOL_ERROR));
    match &ended.answer {
        Some(answer) if answer.status != 400 => Err(format!("expected a reset, got {}", ended.brief())),
        Some(_) => Ok(()),
        None if protocol => Ok(()),
        None => Err(format!("expected PROTOCOL_ERROR, got {}", ended.brief())),
    }
}

fn untouched(world: &World, before: usize) -> Result<(), String> {
    let leaked = world.upstream.bytes() - before;
    if leaked == 0 { Ok(()) } else { Err(format!("the upstream saw {leaked} bytes of a refused request")) }
}

/// A GET with a token.
pub fn get(path: &str, token: &str) -> Vec<u8> {
    with(path, &[("Authorization", &format!("Bearer {token}"))])
}

/// A GET with these fields.
pub fn with(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n").into_bytes()
}
