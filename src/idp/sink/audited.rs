//! What a source told, in the audit log: what was entered and what was taken back, by which source, about whom by the hash
//! that traces tell too. What an event named is a line each. Of what was polled or read a few entries are; more of them,
//! however many, are one line with their number. What the fleet's other instances were told stands in their audit logs, and what operators asked for is written by who took
//! their word.

use super::Sink;
use crate::idp::source::SourceSettings;
use crate::state::revocations::Revoked;
use crate::telemetry::audit::{Audit, Event};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// As many entries of a list that come at once are a line each.
const EACH: usize = 8;
const ENTERED: &str = "revocation_entered";
const WITHDRAWN: &str = "revocation_withdrawn";

/// The audit log, and what kind of source it is told of; nothing where nobody wants to know.
#[derive(Clone, Default)]
pub(in crate::idp) struct Audited(Option<(Arc<Audit>, &'static str)>);

impl Audited {
    pub fn new(audit: Option<&Arc<Audit>>, settings: &SourceSettings) -> Self {
        Self(audit.map(|audit| (Arc::clone(audit), settings.word())))
    }
}

/// What came at once: how much of it is new, and the first of that.
#[derive(Default)]
pub(super) struct Batch {
    new: Cell<usize>,
    first: RefCell<Vec<Revoked>>,
    left: Cell<usize>,
}

impl Batch {
    /// Its source revokes more by it than before, if it is news.
    pub fn saw(&self, what: Option<&Revoked>, news: bool) {
        if !news {
            return;
        }
        let new = self.new.replace(self.new.get() + 1);
        self.first.borrow_mut().extend(what.filter(|_| new < EACH));
    }

    /// So many entries of before were not said again.
    pub fn left(&self, entries: usize) {
        self.left.set(entries);
    }
}

impl Sink {
    /// Tells what was entered. The result is what became of it: what could not be kept is enforced, but may not last.
    /// However many an event names, who asks for one of them later finds its line: an event is bounded by its door.
    pub(super) fn audit_entered(&self, all: &[Revoked], kept: bool) {
        self.audit(ENTERED, all.len(), all.iter(), enforced(kept));
    }

    /// Tells what was taken back.
    pub(super) fn audit_withdrawn(&self, all: &[Revoked]) {
        self.audit(WITHDRAWN, all.len(), all.iter(), "lifted");
    }

    /// Tells what a batch brought, and what it took away. One that changed nothing is no line.
    pub(super) fn audit_batch(&self, batch: &Batch, kept: bool) {
        let (new, first) = (batch.new.get(), batch.first.borrow());
        self.audit(ENTERED, new, first.iter().filter(|_| new <= EACH), enforced(kept));
        self.audit(WITHDRAWN, batch.left.get(), [].iter(), "lifted");
    }

    /// Tells how many tokens another status list than before names, and how many it names no more.
    pub(in crate::idp) fn audit_list(&self, list: &str, (entered, withdrawn): (u64, u64)) {
        for (name, tokens, result) in [(ENTERED, entered, "enforced"), (WITHDRAWN, withdrawn, "lifted")] {
            if let Some((audit, event)) = self.event(name, result).filter(|_| tokens > 0) {
                audit.tell(event.with("list", list).with("entries", tokens));
            }
        }
    }

    /// Each of these, or, if there are none of them, that there were so many.
    fn audit<'a>(&self, name: &'static str, count: usize, all: impl Iterator<Item = &'a Revoked>, result: &str) {
        let Some((audit, event)) = self.event(name, result).filter(|_| count > 0) else { return };
        let mut all = all.peekable();
        if all.peek().is_none() {
            return audit.tell(event.with("entries", count));
        }
        for what in all {
            let hash = what.target.print().map(|print| print.to_string());
            let event = event.clone().with("id_type", what.target.word()).maybe("id_hash", hash);
            let until = what.until.map(|until| until.to_string());
            audit.tell(event.with("cutoff", what.cutoff.to_string()).maybe("until", until));
        }
    }

    fn event(&self, name: &'static str, result: &str) -> Option<(&Arc<Audit>, Event)> {
        let (audit, kind) = self.audited.0.as_ref()?;
        let event = Event::named(name, self.clock.now().wall, false).with("by", format!("source:{}", self.feed.name));
        Some((audit, event.with("kind", *kind).with("issuer", self.feed.issuer.as_str()).with("result", result)))
    }
}

const fn enforced(kept: bool) -> &'static str {
    if kept { "enforced" } else { "failed" }
}
