//! One message after another: head, body, head. Knows bytes and nothing of sockets or clocks.

use super::chunks::Chunks;
use super::fault::Fault;
use super::fields::Body;
use super::section::{HeadLimits, Section};

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Head(Section),
    Length(u64),
    Chunks(Chunks),
    Trailers(Section),
    /// A request that may become a tunnel waits for its answer; nobody knows yet what the next byte is.
    Undecided,
    /// The bytes are no longer HTTP.
    Tunnel,
    Faulted,
}

/// What the next byte belongs to, as far as clocks care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A head, or the silence before it.
    Head,
    /// A body or its trailers.
    Body,
    /// Nobody knows before the answer.
    Undecided,
    /// No longer HTTP.
    Tunnel,
    /// Nothing will be read any more.
    Faulted,
}

/// What a stretch of bytes was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// So many bytes may be passed on; what follows them is held back.
    pub(super) pass: usize,
    /// The violation behind the bytes passed.
    pub(super) fault: Option<(Fault, Spot)>,
}

/// Where a violation lies, which decides who tells the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// In a head that nobody has seen yet.
    Head,
    /// In a body whose head was passed on.
    Body,
}

/// The reader of one direction of one connection.
#[derive(Debug)]
pub(super) struct Parser {
    phase: Phase,
}

impl Parser {
    /// At the first byte of a connection.
    pub(super) fn new() -> Self {
        Self { phase: Phase::Head(Section::default()) }
    }

    /// What the next byte belongs to.
    pub(super) fn place(&self) -> Place {
        match self.phase {
            Phase::Head(_) => Place::Head,
            Phase::Length(_) | Phase::Chunks(_) | Phase::Trailers(_) => Place::Body,
            Phase::Undecided => Place::Undecided,
            Phase::Tunnel => Place::Tunnel,
            Phase::Faulted => Place::Faulted,
        }
    }

    /// The answer came, and it was no tunnel: another head follows.
    pub(super) fn settle(&mut self) {
        if matches!(self.phase, Phase::Undecided) {
            self.phase = Phase::Head(Section::default());
        }
    }

    /// The answer came, and it was a tunnel.
    pub(super) fn tunnel(&mut self) {
        if matches!(self.phase, Phase::Undecided) {
            self.phase = Phase::Tunnel;
        }
    }

    /// Nothing more is read from here.
    pub(super) fn stop(&mut self) {
        self.phase = Phase::Faulted;
    }

    /// Reads on. `bytes` begins with what was held back before, if anything was.
    pub(super) fn read(&mut self, bytes: &[u8], limits: &HeadLimits) -> Step {
        let mut pass = 0;
        loop {
            let rest = bytes.get(pass..).unwrap_or_default();
            if rest.is_empty() {
                return Step { pass, fault: None };
            }
            match self.advance(rest, limits) {
                Ok(Some(taken)) => pass += taken,
                Ok(None) => return Step { pass, fault: None },
                Err((good, fault)) => {
                    let spot = if self.place() == Place::Head { Spot::Head } else { Spot::Body };
                    self.stop();
                    return Step { pass: pass + good, fault: Some((fault, spot)) };
                }
            }
        }
    }

    /// One part of a message. `None`: more bytes are needed, these stay where they are.
    fn advance(&mut self, rest: &[u8], limits: &HeadLimits) -> Result<Option<usize>, (usize, Fault)> {
        match &mut self.phase {
            Phase::Head(section) => {
                let Some(head) = section.head(rest, limits).map_err(|fault| (0, fault))? else { return Ok(None) };
                self.phase = after(head.body, head.may_tunnel);
                Ok(Some(head.length))
            }
            Phase::Length(left) => {
                let step = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= step as u64;
                if *left == 0 {
                    self.phase = Phase::Head(Section::default());
                }
                Ok(Some(step))
            }
            Phase::Chunks(chunks) => {
                let (taken, was_last) = chunks.read(rest)?;
                if was_last {
                    self.phase = Phase::Trailers(Section::default());
                }
                Ok(Some(taken))
            }
            Phase::Trailers(section) => {
                let length = section.trailers(rest, limits).map_err(|fault| (0, fault))?;
                if length.is_some() {
                    self.phase = Phase::Head(Section::default());
                }
                Ok(length)
            }
            Phase::Tunnel => Ok(Some(rest.len())),
            Phase::Undecided | Phase::Faulted => Ok(None),
        }
    }
}

fn after(body: Body, may_tunnel: bool) -> Phase {
    match body {
        Body::None if may_tunnel => Phase::Undecided,
        Body::None => Phase::Head(Section::default()),
        Body::Length(length) => Phase::Length(length),
        Body::Chunked => Phase::Chunks(Chunks::new()),
    }
}
