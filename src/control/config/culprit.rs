//! Where in a buffered mapping an error lies. serde reads an internally tagged enum into a buffer first, and its error
//! then names the mapping only. Reading again with parts of the mapping hidden finds the part that complains.

use serde::de::DeserializeOwned;

use super::error::{Error, Kind, Place};
use super::parse::Search;
use super::tree::{Content, NodeId, ROOT};

impl Search<'_> {
    /// The closest place of an error that can be found.
    pub(super) fn locate<T: DeserializeOwned>(&mut self, error: &Error) -> Place {
        let place = error.place.unwrap_or(Place::Value(ROOT));
        let Place::Value(mut id) = place else { return place };
        if !self.is_buffered(id) {
            return place;
        }
        if let Kind::Missing(name) = error.kind {
            return Place::Value(self.lacking::<T>(id, name, error).unwrap_or(id));
        }
        while let Some(inner) = self.culprit::<T>(id, error) {
            if self.is_unknown::<T>(inner, error) {
                return Place::Key(inner);
            }
            id = inner;
        }
        Place::Value(id)
    }

    /// The child that makes the same complaint when it stands there with the tag alone.
    fn culprit<T: DeserializeOwned>(&mut self, id: NodeId, error: &Error) -> Option<NodeId> {
        let children: Vec<_> = self.marks.live(self.tree, id).collect();
        let alone = self.without::<T>(&children);
        let tag = alone.and_then(|error| match error.kind {
            Kind::Missing(name) => self.tree.child(id, name),
            _ => None,
        });
        let others: Vec<_> = children.into_iter().filter(|child| Some(*child) != tag).collect();
        let complains = |now: Option<Error>| now.is_some_and(|now| now.repeats(error));
        if complains(self.without::<T>(&others)) {
            // What stands in here complains whatever else does; otherwise it can only be the tag.
            return tag.filter(|_| self.marks.stand_ins(id).is_empty());
        }
        others.iter().copied().find(|child| {
            if self.is_spent() {
                return false;
            }
            let hidden: Vec<_> = others.iter().copied().filter(|other| other != child).collect();
            complains(self.without::<T>(&hidden))
        })
    }

    /// Whether the complaint is about the key of this node, whatever its value.
    fn is_unknown<T: DeserializeOwned>(&mut self, id: NodeId, error: &Error) -> bool {
        let node = self.tree.node(id);
        let is_named = matches!(&error.kind, Kind::UnknownKey { name, .. } if node.key() == Some(name));
        is_named && self.without::<T>(node.children()).is_some_and(|now| now.repeats(error))
    }

    /// The mapping that lacks the key: there a stand-in is read without being an unknown key.
    fn lacking<T: DeserializeOwned>(&mut self, id: NodeId, name: &'static str, error: &Error) -> Option<NodeId> {
        let is_mapping = matches!(self.tree.node(id).content, Content::Mapping(_));
        if is_mapping && !self.marks.has_stand_in(id, name) {
            self.marks.stand_in(self.tree, id, name);
            let now = self.attempt::<T>().err();
            self.marks.dismiss(id, name);
            let elsewhere = now.is_some_and(|now| now.repeats(error) || now.kind.is_of_one_key_more(name));
            if !elsewhere {
                return Some(id);
            }
        }
        let children: Vec<_> = self.marks.live(self.tree, id).collect();
        children.into_iter().find_map(|child| self.lacking::<T>(child, name, error))
    }

    /// What an attempt says with these nodes hidden.
    fn without<T: DeserializeOwned>(&mut self, nodes: &[NodeId]) -> Option<Error> {
        self.spend(nodes.len());
        let hidden = self.marks.hide(nodes.iter().copied());
        let error = self.attempt::<T>().err();
        self.marks.show(&hidden);
        error
    }
}
