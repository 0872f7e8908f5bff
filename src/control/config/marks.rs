//! What of a tree is left out, and what stands in for what is missing, so that an attempt can get past a known fault.

use std::collections::{HashMap, HashSet};

use super::tree::{NodeId, Tree};

/// The marks of one search.
#[derive(Default)]
pub(super) struct Marks {
    gone: HashSet<NodeId>,
    /// What stands in at each mapping: the key, and the number of the guess it makes. The latest is last.
    stand_ins: HashMap<NodeId, Vec<(&'static str, usize)>>,
    /// Every node that has a mark below it.
    touched: HashSet<NodeId>,
}

impl Marks {
    /// Whether the node is left out.
    pub(super) fn is_gone(&self, id: NodeId) -> bool {
        self.gone.contains(&id)
    }

    /// Whether something at or below the node is left out or made up.
    pub(super) fn is_touched(&self, id: NodeId) -> bool {
        self.touched.contains(&id)
    }

    /// The children that are not left out.
    pub(super) fn live<'a>(&'a self, tree: &'a Tree, id: NodeId) -> impl Iterator<Item = NodeId> + 'a {
        tree.node(id).children().iter().copied().filter(|child| !self.is_gone(*child))
    }

    /// What stands in at this mapping.
    pub(super) fn stand_ins(&self, id: NodeId) -> &[(&'static str, usize)] {
        self.stand_ins.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Leaves a node out for good; `false` if it was already.
    pub(super) fn remove(&mut self, tree: &Tree, id: NodeId) -> bool {
        self.touched.extend(tree.lineage(id));
        self.gone.insert(id)
    }

    /// Leaves nodes out for one attempt; returns those that were not left out before.
    pub(super) fn hide(&mut self, nodes: impl IntoIterator<Item = NodeId>) -> Vec<NodeId> {
        nodes.into_iter().filter(|id| self.gone.insert(*id)).collect()
    }

    /// Takes back what [`Marks::hide`] returned.
    pub(super) fn show(&mut self, nodes: &[NodeId]) {
        for id in nodes {
            self.gone.remove(id);
        }
    }

    /// Lets something stand in for a missing key, or makes it guess anew; the number of the guess.
    pub(super) fn stand_in(&mut self, tree: &Tree, id: NodeId, name: &'static str) -> usize {
        self.touched.extend(tree.lineage(id));
        let stand_ins = self.stand_ins.entry(id).or_default();
        if let Some((_, guess)) = stand_ins.iter_mut().find(|(known, _)| *known == name) {
            *guess += 1;
            return *guess;
        }
        stand_ins.push((name, 0));
        0
    }

    /// Takes a stand-in away.
    pub(super) fn dismiss(&mut self, id: NodeId, name: &'static str) {
        if let Some(stand_ins) = self.stand_ins.get_mut(&id) {
            stand_ins.retain(|(known, _)| *known != name);
        }
    }

    /// Whether something stands in for this key.
    pub(super) fn has_stand_in(&self, id: NodeId, name: &'static str) -> bool {
        self.stand_ins(id).iter().any(|(known, _)| *known == name)
    }
}
