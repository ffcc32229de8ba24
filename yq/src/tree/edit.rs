//! What an assignment does to the node on its left.

use super::{Id, Kind, Style, Tree};
use crate::scalar::guess_tag;

/// How an assignment treats what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AssignFlags {
    pub(crate) keeps_anchor: bool,
    pub(crate) only_null: bool,
    pub(crate) clobbers_tags: bool,
}

impl Tree {
    /// Makes `id` like `other`, but keeps a style and comments that `other` does not have.
    pub(crate) fn update(&mut self, id: Id, other: Id, flags: AssignFlags) {
        if id == other {
            return;
        }
        let (now, new) = (self.get(id), self.get(other));
        let is_empty = now.kind != Kind::Scalar && now.content.is_empty();
        if is_empty || guess_tag(now) != guess_tag(new) {
            self.get_mut(id).style = self.get(other).style;
        }
        let new = self.get(other);
        let (kind, value, children) = (new.kind, new.value.clone(), new.content.clone());
        let node = self.get_mut(id);
        node.content.clear();
        node.kind = kind;
        self.add_children(id, &children);
        self.get_mut(id).value = value;
        self.update_attributes(id, other, flags);
    }

    /// Takes over all but what is below and the value.
    pub(crate) fn update_attributes(&mut self, id: Id, other: Id, flags: AssignFlags) {
        let other = self.get(other).clone();
        let node = self.get_mut(id);
        if node.kind != other.kind {
            node.content.clear();
            node.value = "".into();
        }
        node.kind = other.kind;
        if flags.clobbers_tags || node.tag.starts_with("!!") || node.tag.is_empty() {
            node.tag = other.tag;
        }
        node.alias = other.alias;
        if !flags.keeps_anchor {
            node.anchor = other.anchor;
        }
        node.form = other.form;
        if node.style == Style::PLAIN {
            node.style = other.style;
        }
        for (mine, theirs) in [
            (&mut node.foot, other.foot),
            (&mut node.head, other.head),
            (&mut node.line, other.line),
        ] {
            if !theirs.is_empty() {
                *mine = theirs;
            }
        }
    }
}
