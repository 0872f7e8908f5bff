//! Text in YAML, of which JSON is a part, into a tree, within bounds.
//! Anchors with aliases, tags, and several documents in one file are refused:
//! without them no text grows while it is read, and what stands in a place is what holds there.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::tree::{Content, Node, NodeId, ROOT, Step, Tree};

/// The most bytes a settings file may have.
const MAX_BYTES: usize = 16 << 20;
/// The most values it may hold.
const MAX_NODES: usize = 500_000;
/// The most flaws before the reading stops.
const MAX_FLAWS: usize = 100;
/// The deepest nesting.
const MAX_DEPTH: usize = 64;

/// What is wrong with the text as such.
pub(super) struct Flaw {
    /// The key or value it is about, if it is about one.
    pub(super) node: Option<NodeId>,
    pub(super) range: Range<usize>,
    /// What stands elsewhere and clashes with it.
    pub(super) first: Option<Range<usize>>,
    pub(super) message: String,
    pub(super) help: String,
}

/// A text that was read: to its end, or to the flaw after which nothing more can be understood.
pub(super) struct Reading {
    pub(super) tree: Tree,
    pub(super) flaws: Vec<Flaw>,
    /// Nodes that hold nothing usable, because a flaw is told about them.
    pub(super) broken: Vec<NodeId>,
    /// Whether the whole text was read.
    pub(super) whole: bool,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Reading {
    let mut reader = Reader::default();
    let stop = if text.len() > MAX_BYTES {
        Err(Flaw::of(0..0, format!("the file has more than {} MiB", MAX_BYTES >> 20), "split the settings"))
    } else {
        reader.read(text)
    };
    let whole = stop.is_ok();
    reader.flaws.extend(stop.err());
    Reading { tree: reader.tree, flaws: reader.flaws, broken: reader.broken, whole }
}

impl Flaw {
    fn of(range: Range<usize>, message: impl Into<String>, help: &str) -> Self {
        Self { node: None, range, first: None, message: message.into(), help: help.to_owned() }
    }

    fn syntax(text: &str, error: &ScanError) -> Self {
        let start = error.marker().byte_offset().unwrap_or(0);
        if let Some(tabs) = tabs_near(text, start) {
            let help = "put spaces in its place, as many as its neighbours have; what comes after it was not checked";
            return Self::of(tabs, "a tab stands in the indentation, where YAML allows spaces only", help);
        }
        let help = "mend this first; what comes after it was not checked";
        Self::of(start..start + 1, format!("this is not YAML: {}", error.info()), help)
    }
}

/// A collection that is still being read.
struct Open {
    id: NodeId,
    is_mapping: bool,
    /// The key that waits for its value.
    key: Option<(String, Range<usize>)>,
    /// Where each key was first given.
    seen: HashMap<String, Range<usize>>,
}

struct Reader {
    tree: Tree,
    open: Vec<Open>,
    flaws: Vec<Flaw>,
    broken: Vec<NodeId>,
    documents: usize,
    rooted: bool,
}

impl Default for Reader {
    fn default() -> Self {
        let tree = Tree::new();
        Self { tree, open: Vec::new(), flaws: Vec::new(), broken: Vec::new(), documents: 0, rooted: false }
    }
}

impl Reader {
    fn read(&mut self, text: &str) -> Result<(), Flaw> {
        let mut options = Options::default();
        options.emit_unresolved_aliases = true;
        options.flow_nesting_limit = MAX_DEPTH;
        options.block_nesting_limit = MAX_DEPTH;
        for next in Parser::<StrInput<'_>>::new_from_str_with_options(text, options) {
            let (event, span) = next.map_err(|error| Flaw::syntax(text, &error))?;
            self.event(&event, bytes(&span))?;
        }
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>, range: Range<usize>) -> Result<(), Flaw> {
        if self.flaws.len() >= MAX_FLAWS {
            return Err(Flaw::of(range, "too many faults", "mend those above first"));
        }
        let tagged = event.tag().is_some();
        match event {
            Event::DocumentStart(..) => self.document(range),
            Event::Scalar(text, style, ..) => self.scalar(text, matches!(style, ScalarStyle::Plain), range, tagged),
            Event::SequenceStart(..) => self.begin(Content::List(Vec::new()), range, tagged),
            Event::MappingStart(..) => self.begin(Content::Mapping(Vec::new()), range, tagged),
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                Ok(())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.alias(range),
            _ => Ok(()),
        }
    }

    fn document(&mut self, range: Range<usize>) -> Result<(), Flaw> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(Flaw::of(range, "a second document begins here", "keep one document in a settings file"));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, plain: bool, range: Range<usize>, tagged: bool) -> Result<(), Flaw> {
        if let Some(open) = self.open.last_mut().filter(|open| open.is_mapping && open.key.is_none()) {
            open.key = Some((text.to_owned(), range.clone()));
            return if tagged { Err(tag(range)) } else { Ok(()) };
        }
        self.place(Content::Scalar { text: text.to_owned(), plain }, range, tagged).map(drop)
    }

    fn begin(&mut self, content: Content, range: Range<usize>, tagged: bool) -> Result<(), Flaw> {
        let is_mapping = matches!(content, Content::Mapping(_));
        let id = self.place(content, range, tagged)?;
        self.open.push(Open { id, is_mapping, key: None, seen: HashMap::new() });
        Ok(())
    }

    fn alias(&mut self, range: Range<usize>) -> Result<(), Flaw> {
        let id = self.place(Content::Scalar { text: String::new(), plain: true }, range.clone(), false)?;
        self.broken.push(id);
        let help = "write the value out where it is used";
        self.flaws.push(Flaw { node: Some(id), ..Flaw::of(range, "aliases are not used in settings", help) });
        Ok(())
    }

    /// Puts a node where the text has it.
    fn place(&mut self, content: Content, range: Range<usize>, tagged: bool) -> Result<NodeId, Flaw> {
        if self.tree.len() >= MAX_NODES || self.open.len() >= MAX_DEPTH {
            let bound = format!("more than {MAX_NODES} values, or nested more than {MAX_DEPTH} deep");
            return Err(Flaw::of(range, bound, "split the settings, or make them flatter"));
        }
        let id = match self.open.last_mut() {
            None => self.root(content, range.clone()),
            Some(open) if !open.is_mapping => self.item(content, range.clone()),
            Some(open) => {
                let help = "a key is one word; quote it if it looks like a list or a mapping";
                let key = open.key.take();
                let key = key.ok_or_else(|| Flaw::of(range.clone(), "a collection cannot be a key", help))?;
                self.entry(key, content, range.clone())
            }
        };
        if tagged {
            self.broken.push(id);
            self.flaws.push(Flaw { node: Some(id), ..tag(range) });
        }
        Ok(id)
    }

    fn root(&mut self, content: Content, range: Range<usize>) -> NodeId {
        // A file of nothing but comments is a file in which nothing is set.
        let silent = matches!(&content, Content::Scalar { text, plain: true } if text.is_empty() || text == "~");
        self.rooted = true;
        let root = self.tree.node_mut(ROOT);
        root.range = range;
        if !silent {
            root.content = content;
        }
        ROOT
    }

    fn item(&mut self, content: Content, range: Range<usize>) -> NodeId {
        let parent = self.open.last().map_or(ROOT, |open| open.id);
        let step = Step::Index(self.tree.node(parent).children().len());
        let id = self.tree.add(Node { parent, step, range, content });
        self.adopt(parent, id);
        id
    }

    fn entry(&mut self, key: (String, Range<usize>), content: Content, range: Range<usize>) -> NodeId {
        let (name, place) = key;
        let parent = self.open.last().map_or(ROOT, |open| open.id);
        let step = Step::Key { name: name.clone(), range: place.clone() };
        let id = self.tree.add(Node { parent, step, range, content });
        let first = self.open.last().and_then(|open| open.seen.get(&name)).cloned();
        match first {
            Some(_) => {
                let message = format!("the key `{name}` is given twice");
                let flaw = Flaw::of(place, message, "keep one of the two; only the first was checked");
                self.flaws.push(Flaw { node: Some(id), first, ..flaw });
            }
            None => {
                self.adopt(parent, id);
                if let Some(open) = self.open.last_mut() {
                    open.seen.insert(name, place);
                }
            }
        }
        id
    }

    fn adopt(&mut self, parent: NodeId, child: NodeId) {
        match &mut self.tree.node_mut(parent).content {
            Content::List(children) | Content::Mapping(children) => children.push(child),
            Content::Scalar { .. } => {}
        }
    }
}

/// The tabs that indent the line at which the parser stopped, or the one before or after it: it notices late or early.
fn tabs_near(text: &str, at: usize) -> Option<Range<usize>> {
    let mut starts = vec![0];
    starts.extend(text.match_indices('\n').map(|(end, _)| end + 1));
    let line = starts.partition_point(|start| *start <= at).saturating_sub(1);
    [Some(line), line.checked_sub(1), line.checked_add(1)].into_iter().flatten().find_map(|line| {
        let start = *starts.get(line)?;
        let indentation = text.get(start..)?.split(|c| c != ' ' && c != '\t').next()?;
        let tab = start + indentation.find('\t')?;
        let tabs = text.get(tab..)?.bytes().take_while(|byte| *byte == b'\t').count();
        Some(tab..tab + tabs)
    })
}

fn tag(range: Range<usize>) -> Flaw {
    Flaw::of(range, "tags are not used in settings", "remove the tag that begins with `!`")
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}
