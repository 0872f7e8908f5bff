//! A settings text as a tree: every value knows where it stands, and how to get to it.
//! What the values mean is not known here.

use std::ops::Range;

/// A node's number in its tree.
pub(super) type NodeId = usize;

/// The number of the root.
pub(super) const ROOT: NodeId = 0;

/// How a node is reached from its parent.
#[derive(Debug)]
pub(super) enum Step {
    /// It is the whole text.
    Root,
    /// By a key of a mapping, which stands at this range of bytes.
    Key { name: String, range: Range<usize> },
    /// By its place in a list.
    Index(usize),
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Content {
    /// A word or a number. Only a plain one may be a number; a quoted one is always text.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<NodeId>),
    /// A mapping; the keys stand in the steps of the children.
    Mapping(Vec<NodeId>),
}

/// One value of the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: NodeId,
    pub(super) step: Step,
    pub(super) range: Range<usize>,
    pub(super) content: Content,
}

impl Node {
    /// Everything below, in the order of the text.
    pub(super) fn children(&self) -> &[NodeId] {
        match &self.content {
            Content::Scalar { .. } => &[],
            Content::List(children) | Content::Mapping(children) => children,
        }
    }

    /// The key it is filed under, if it is filed under one.
    pub(super) fn key(&self) -> Option<&str> {
        match &self.step {
            Step::Key { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// All nodes of one text. A number always comes from the same tree, so a look-up finds its node.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    root: Node,
}

impl Tree {
    /// A tree of one empty mapping, as an empty text is.
    pub(super) fn new() -> Self {
        let root = Node { parent: ROOT, step: Step::Root, range: 0..0, content: Content::Mapping(Vec::new()) };
        Self { nodes: Vec::new(), root }
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() + 1
    }

    /// The node of this number.
    pub(super) fn node(&self, id: NodeId) -> &Node {
        id.checked_sub(1).and_then(|at| self.nodes.get(at)).unwrap_or(&self.root)
    }

    /// The same, to change.
    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        id.checked_sub(1).and_then(|at| self.nodes.get_mut(at)).unwrap_or(&mut self.root)
    }

    /// Adds a node that knows its parent; the parent does not know it yet.
    pub(super) fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len()
    }

    /// The child of a mapping by its key.
    pub(super) fn child(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.node(id).children().iter().copied().find(|child| self.node(*child).key() == Some(key))
    }

    /// From the node up to the root, both included.
    pub(super) fn lineage(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(id), |at| (*at != ROOT).then(|| self.node(*at).parent))
    }

    /// The node's path, such as `routes[2].policy`; empty for the root.
    pub(super) fn path(&self, id: NodeId) -> String {
        let mut steps: Vec<_> = self.lineage(id).map(|at| &self.node(at).step).collect();
        steps.reverse();
        steps.into_iter().fold(String::new(), |path, step| extend(&path, step))
    }

    /// The bytes to point at for a node: a scalar itself, a collection by its key or by what it begins with.
    pub(super) fn spot(&self, id: NodeId) -> Range<usize> {
        let node = self.node(id);
        let is_scalar = matches!(node.content, Content::Scalar { .. });
        if is_scalar && !node.range.is_empty() {
            return node.range.clone();
        }
        match (&node.step, node.children().first()) {
            (Step::Key { range, .. }, _) => range.clone(),
            (_, Some(first)) => self.key_spot(*first),
            _ => node.range.clone(),
        }
    }

    /// The bytes of a node's key, or of the node itself where it has none.
    pub(super) fn key_spot(&self, id: NodeId) -> Range<usize> {
        match &self.node(id).step {
            Step::Key { range, .. } => range.clone(),
            _ => self.spot(id),
        }
    }
}

/// One step further down a path.
pub(super) fn extend(path: &str, step: &Step) -> String {
    match step {
        Step::Root => path.to_owned(),
        Step::Key { name, .. } => super::spans::join(path, name),
        Step::Index(at) => format!("{path}[{at}]"),
    }
}
