//! From text to value, or to all that is wrong with it. A fault is told, taken out of the way, and the rest read again.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::de::At;
use super::error::{Error, Kind, Place};
use super::fault::{Excerpt, Fault, Severity, in_order};
use super::marks::Marks;
use super::reader::{self, Flaw, Reading};
use super::spans::{Lines, Spans};
use super::standin::GUESSES;
use super::tree::{NodeId, ROOT, Tree};
use super::words;
use crate::settings::SECRET_IN_PLACE;

/// The most faults told about one file.
const MAX_FAULTS: usize = 100;

/// How many nodes all attempts together may read, so that no file takes long to refuse.
const FUEL: usize = 4_000_000;

/// A text that was understood.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// What it says.
    pub value: T,
    /// Where it says it.
    pub spans: Spans,
}

/// A text with faults.
#[derive(Clone, Debug)]
pub struct Broken<T> {
    /// All that is wrong with it, in the order of the text.
    pub faults: Vec<Fault>,
    /// What it says with the faults taken out of the way, if that could be read. The spans know where something is
    /// left out or made up; such a value is only there to look for more faults elsewhere.
    pub rest: Option<Box<Parsed<T>>>,
}

/// Reads a settings text in YAML or JSON. `file` is only a name for messages.
///
/// Either the whole text is right, or all its faults are returned in the order of the text: syntax, keys given twice,
/// unknown keys, missing ones, values of the wrong kind, and what the types themselves refuse. A syntax error stands
/// alone, for what follows it cannot be understood. A message of a type may carry its advice after a line break.
///
/// # Errors
/// All faults, with what was understood around them.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<Parsed<T>, Broken<T>> {
    let lines = Lines::new(text);
    let Reading { tree, flaws, broken, whole } = reader::read(text);
    let mut search = Search::new(file, &tree, &lines);
    for flaw in flaws {
        search.tell_flaw(flaw);
    }
    for id in broken {
        search.marks.remove(&tree, id);
    }
    let value = if whole { search.run() } else { None };
    let parsed = value.map(|value| Parsed { value, spans: Spans::new(file, &lines, &tree, &search.marks) });
    match parsed {
        Some(parsed) if search.faults.is_empty() => Ok(parsed),
        rest => Err(Broken { rest: rest.map(Box::new), faults: search.finish() }),
    }
}

/// One text being read again and again.
pub(super) struct Search<'a> {
    pub(super) tree: &'a Tree,
    pub(super) marks: Marks,
    lines: &'a Lines<'a>,
    file: &'a str,
    faults: Vec<Fault>,
    fuel: Cell<usize>,
    taken: RefCell<HashSet<NodeId>>,
}

impl<'a> Search<'a> {
    fn new(file: &'a str, tree: &'a Tree, lines: &'a Lines<'a>) -> Self {
        let (fuel, taken) = (Cell::new(FUEL), RefCell::default());
        Self { tree, marks: Marks::default(), lines, file, faults: Vec::new(), fuel, taken }
    }

    /// Reads the tree once, as it is marked now.
    pub(super) fn attempt<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.taken.borrow_mut().clear();
        let root = At { tree: self.tree, marks: &self.marks, fuel: &self.fuel, taken: &self.taken, id: ROOT };
        T::deserialize(root).map_err(|error| error.at(Place::Value(ROOT)))
    }

    /// Counts work that is not the reading of a node.
    pub(super) fn spend(&self, work: usize) {
        self.fuel.set(self.fuel.get().saturating_sub(work));
    }

    /// Whether no more work may be done.
    pub(super) fn is_spent(&self) -> bool {
        self.fuel.get() == 0
    }

    /// Whether serde may have read this node from a buffer in the last attempt.
    pub(super) fn is_buffered(&self, id: NodeId) -> bool {
        self.taken.borrow().contains(&id)
    }

    /// Every turn takes something out of the way that was there before, so this ends.
    fn run<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let error = match self.attempt() {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let place = self.locate::<T>(&error);
            if self.is_spent() || self.faults.len() >= MAX_FAULTS || !self.settle(place, &error.kind) {
                return None;
            }
        }
    }

    /// Tells a fault, unless it only follows from another, and takes it out of the way; `false` if nothing is left.
    fn settle(&mut self, place: Place, kind: &Kind) -> bool {
        match (place, kind) {
            (Place::StandIn(id, name), _) => self.guess_on(id, name),
            (Place::Key(id), _) => {
                self.tell(place, kind);
                self.remove(id)
            }
            (Place::Value(id), Kind::Missing(name)) => self.fill(id, name, kind),
            (Place::Value(id), _) if self.marks.is_touched(id) => {
                // What was made up here may be what is refused.
                let made_up = self.marks.stand_ins(id).last().copied();
                match made_up {
                    Some((name, _)) => self.guess_on(id, name),
                    None => self.remove(id),
                }
            }
            (Place::Value(id), _) => {
                self.tell(place, kind);
                self.remove(id)
            }
        }
    }

    fn guess_on(&mut self, id: NodeId, name: &'static str) -> bool {
        self.marks.stand_in(self.tree, id, name) < GUESSES || self.remove(id)
    }

    /// A key that was taken out is missing now, which is no news.
    fn fill(&mut self, id: NodeId, name: &'static str, kind: &Kind) -> bool {
        if self.marks.has_stand_in(id, name) {
            return self.remove(id);
        }
        if !self.tree.child(id, name).is_some_and(|child| self.marks.is_gone(child)) {
            self.tell(Place::Value(id), kind);
        }
        self.marks.stand_in(self.tree, id, name);
        true
    }

    fn remove(&mut self, id: NodeId) -> bool {
        id != ROOT && self.marks.remove(self.tree, id)
    }

    fn tell(&mut self, place: Place, kind: &Kind) {
        let (id, range) = match place {
            Place::Key(id) => (id, self.tree.key_spot(id)),
            Place::Value(id) | Place::StandIn(id, _) => (id, self.tree.spot(id)),
        };
        let excerpt = match kind {
            Kind::UnknownKey { .. } => Excerpt::UpToSpan,
            Kind::Other(message) if message.starts_with(SECRET_IN_PLACE) => Excerpt::Nothing,
            _ => Excerpt::Line,
        };
        let (message, help) = words::tell(kind);
        // Too much work is told once, at the end.
        if message.is_empty() {
            return;
        }
        let location = Some(self.lines.locate(range));
        let fault = Fault::new(Severity::Error, self.file, self.tree.path(id), location, message);
        self.faults.push(fault.with_help(help).showing(excerpt));
    }

    fn tell_flaw(&mut self, flaw: Flaw) {
        let path = flaw.node.map(|id| self.tree.path(id)).unwrap_or_default();
        let location = Some(self.lines.locate(flaw.range));
        let elsewhere = flaw.first.map(|first| format!(", first on line {}", self.lines.locate(first).line));
        let message = flaw.message + &elsewhere.unwrap_or_default();
        let fault = Fault::new(Severity::Error, self.file, path, location, message).with_help(flaw.help);
        self.faults.push(fault.showing(if flaw.node.is_some() { Excerpt::UpToSpan } else { Excerpt::Line }));
    }

    /// The faults in the order of the text. No other fault shows a line that one of them hides.
    fn finish(mut self) -> Vec<Fault> {
        if self.is_spent() || self.faults.is_empty() {
            let message = "the file is too large or too faulty to be checked to its end".to_owned();
            self.faults.push(Fault::new(Severity::Error, self.file, String::new(), None, message));
        }
        let mut faults = in_order(self.faults);
        faults.truncate(MAX_FAULTS);
        faults
    }
}
