//! What of a text was left out or made up so that the rest could be read. What a check finds there may be found of the
//! repair, and not of the text.

use std::collections::HashSet;

use super::marks::Marks;
use super::tree::{Content, NodeId, ROOT, Tree};

/// The repairs of one text; none if it was right.
#[derive(Clone, Debug, Default)]
pub(super) struct Repairs {
    /// Every setting with a repair at or below it.
    touched: HashSet<String>,
    /// Lists that lost an item: those after it are read under numbers that are not theirs.
    shifted: HashSet<String>,
    /// Every key and word that stands in what was left out.
    lost: HashSet<String>,
    /// Whether a key of the whole text was left out or made up.
    root: bool,
}

impl Repairs {
    pub(super) fn of(tree: &Tree, marks: &Marks) -> Self {
        let mut repairs = Self::default();
        let mut is_live = vec![false; tree.len()];
        let mut next = vec![ROOT];
        while let Some(id) = next.pop() {
            next.extend(marks.live(tree, id));
            if let Some(live) = is_live.get_mut(id) {
                *live = true;
            }
            repairs.node(tree, marks, id);
        }
        // A second block of the same key is in no mapping, and lost like those that were left out.
        for (id, _) in is_live.iter().enumerate().filter(|(_, live)| !**live) {
            let node = tree.node(id);
            repairs.lost.extend(node.key().map(str::to_owned));
            if let Content::Scalar { text, .. } = &node.content {
                repairs.lost.insert(text.clone());
            }
        }
        repairs
    }

    fn node(&mut self, tree: &Tree, marks: &Marks, id: NodeId) {
        if !marks.is_touched(id) {
            return;
        }
        let children = tree.node(id).children();
        let gone: Vec<_> = children.iter().filter(|child| marks.is_gone(**child)).collect();
        self.touched.extend(gone.iter().map(|child| tree.path(**child)));
        self.touched.insert(tree.path(id));
        if matches!(tree.node(id).content, Content::List(_)) && !gone.is_empty() {
            self.shifted.insert(tree.path(id));
        }
        self.root |= id == ROOT && !(gone.is_empty() && marks.stand_ins(id).is_empty());
    }

    /// Whether a repair was made at or below this path.
    pub(super) fn touch(&self, path: &str) -> bool {
        self.touched.contains(path)
    }

    /// Whether an item of the list at this path was left out.
    pub(super) fn shift(&self, path: &str) -> bool {
        self.shifted.contains(path)
    }

    /// Whether this word stands in what was left out.
    pub(super) fn lost(&self, word: &str) -> bool {
        self.lost.contains(word)
    }

    /// Whether a block that the text does not have may have been left out under another name.
    pub(super) fn touch_blocks(&self) -> bool {
        self.root
    }
}
