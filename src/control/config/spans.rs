//! Where every setting stands in its file, so that a check which runs after the parsing can point at it too.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::fault::{Fault, Severity};
use super::marks::Marks;
use super::repairs::Repairs;
use super::tree::{ROOT, Tree};

/// A place in a text. Line and column count from one, and a column is a character; `start..end` are the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The line, from one.
    pub line: usize,
    /// The column in characters, from one.
    pub column: usize,
    /// The first byte of what is meant.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
}

/// The places of all settings of one file, by their paths, and what of them cannot be relied on.
#[derive(Clone, Debug)]
pub struct Spans {
    file: String,
    places: BTreeMap<String, Place>,
    repairs: Repairs,
}

#[derive(Clone, Debug)]
struct Place {
    value: Location,
    key: Location,
}

impl Spans {
    pub(super) fn new(file: &str, lines: &Lines<'_>, tree: &Tree, marks: &Marks) -> Self {
        let repairs = Repairs::of(tree, marks);
        let mut spans = Self { file: file.to_owned(), places: BTreeMap::new(), repairs };
        spans.fill(lines, tree, ROOT, String::new());
        spans
    }

    /// The depth of a tree is bounded by its reader, and so is this.
    fn fill(&mut self, lines: &Lines<'_>, tree: &Tree, id: usize, path: String) {
        for child in tree.node(id).children() {
            self.fill(lines, tree, *child, super::tree::extend(&path, &tree.node(*child).step));
        }
        let place = Place { value: lines.locate(tree.spot(id)), key: lines.locate(tree.key_spot(id)) };
        self.places.insert(path, place);
    }

    /// The file as it was named to the parser.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where the setting of this path, such as `routes[2].policy`, has its value.
    /// A list or a mapping is pointed at by its key. `None` if the file does not set it.
    pub fn at(&self, path: &str) -> Option<Location> {
        self.places.get(path).map(|place| place.value)
    }

    /// Where the key of this path stands.
    pub fn key(&self, path: &str) -> Option<Location> {
        self.places.get(path).map(|place| place.key)
    }

    /// Where this path is set, or else the innermost setting around it: the place for what is missing.
    pub fn near(&self, path: &str) -> Option<Location> {
        let mut path = path;
        loop {
            match (self.at(path), path.rfind(['.', '['])) {
                (Some(location), _) => return Some(location),
                (None, Some(end)) => path = path.get(..end)?,
                (None, None) => return self.at(""),
            }
        }
    }

    /// A path with the place in its file, as an operator opens it: `curfew.yaml:12:3: upstreams.orders`. `None` if the file
    /// has nothing of it.
    pub fn told(&self, path: &str) -> Option<String> {
        let set = self.near(path).filter(|_| self.at(first(path)).is_some())?;
        Some(format!("{}:{}:{}: {path}", self.file, set.line, set.column))
    }

    /// Whether the value at this path is what the text says there. It is not where a fault was taken out of the way.
    pub fn is_sound(&self, path: &str) -> bool {
        let mut around = path;
        // What is not set has its default, unless something around it was repaired.
        let mut is_set = false;
        loop {
            if !is_set && self.places.contains_key(around) {
                is_set = true;
                if self.repairs.touch(around) {
                    return false;
                }
            }
            if self.repairs.shift(around) {
                return false;
            }
            around = match around.rfind(['.', '[']) {
                Some(end) => around.get(..end).unwrap_or(""),
                None if around.is_empty() => return true,
                None => "",
            };
        }
    }

    /// Whether it is known that this block names nothing of this name: no fault may have taken it away.
    pub fn is_surely_without(&self, block: &str, name: &str) -> bool {
        let is_block_lost = self.at(block).is_none() && self.repairs.touch_blocks();
        !is_block_lost && !self.repairs.lost(block) && !self.repairs.lost(name)
    }

    /// A fault of the setting of this path, found after the parsing.
    pub fn fault(&self, severity: Severity, path: &str, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault::new(severity, &self.file, path.to_owned(), self.near(path), message.into()).with_help(help.into())
    }
}

/// The block that a path begins with.
fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

/// The path of a key below a path: `upstreams` and `orders` make `upstreams.orders`;
/// a key that is no plain word is quoted, as in `hosts["api.example"]`.
pub fn join(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    match (key.is_empty() || !key.chars().all(plain), path.is_empty()) {
        (true, _) => format!("{path}[{key:?}]"),
        (false, true) => key.to_owned(),
        (false, false) => format!("{path}.{key}"),
    }
}

/// The beginnings of the lines of a text.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// Line and column of a range of bytes. A range outside the text is put at its end.
    pub(super) fn locate(&self, range: Range<usize>) -> Location {
        let start = range.start.min(self.text.len());
        let line = self.starts.partition_point(|begin| *begin <= start);
        let begin = line.checked_sub(1).and_then(|at| self.starts.get(at)).copied().unwrap_or(0);
        let column = self.text.get(begin..start).map_or(0, |before| before.chars().count()) + 1;
        Location { line, column, start, end: range.end.clamp(start, self.text.len()) }
    }
}
