//! Where a node is, and which nodes are the same.

use std::rc::Rc;

use super::{Id, Kind, Node, Tree};
use crate::number::parse_int;
use crate::scalar::guess_tag;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(Rc<str>),
    Index(i64),
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

impl Tree {
    pub(crate) fn document(&self, mut id: Id) -> u32 {
        while let Some(parent) = self.get(id).parent {
            id = parent;
        }
        self.get(id).document
    }

    pub(crate) fn path(&self, id: Id) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            let Some(step) = self.step(id) else { break };
            steps.push(step);
            at = self.get(id).parent;
        }
        steps.reverse();
        steps
    }

    /// The last step of a path; none where the top is.
    fn step(&self, id: Id) -> Option<Step> {
        let node = self.get(id);
        if node.is_key {
            return Some(Step::Key(node.value.clone()));
        }
        let key = self.get(node.key?);
        match parse_int(&key.value) {
            Ok(index) if &*key.tag != "!!str" => Some(Step::Index(index)),
            _ => Some(Step::Key(key.value.clone())),
        }
    }

    /// A path for messages.
    pub(crate) fn nice_path(&self, id: Id) -> String {
        let mut text = String::new();
        for (at, step) in self.path(id).iter().enumerate() {
            match step {
                Step::Index(index) => text.push_str(&format!("[{index}]")),
                Step::Key(key) if at == 0 => text.push_str(key),
                Step::Key(key) if key.contains('.') => text.push_str(&format!("[{key}]")),
                Step::Key(key) => text.push_str(&format!(".{key}")),
            }
        }
        text
    }

    /// What tells the values of one mapping apart when a traversal collects them.
    pub(crate) fn name(&self, id: Id) -> String {
        let node = self.get(id);
        let key = node.key.map_or("", |key| &*self.get(key).value);
        let document = self.document(id);
        if node.is_key {
            return format!("key-{}-{document} - {key}", node.value);
        }
        format!("{document} - {key}")
    }

    pub(crate) fn is_equal(&self, a: Id, b: Id) -> bool {
        let (left, right) = (self.get(a), self.get(b));
        if left.kind != right.kind {
            return false;
        }
        if left.kind == Kind::Scalar && guess_tag(left) != guess_tag(right) {
            return false;
        }
        if left.is_null() {
            return true;
        }
        match left.kind {
            Kind::Scalar => left.value == right.value,
            Kind::Sequence => self.are_items_equal(left, right),
            Kind::Mapping => self.are_pairs_equal(left, b),
            Kind::Alias | Kind::Unset => false,
        }
    }

    fn are_items_equal(&self, left: &Node, right: &Node) -> bool {
        left.content.len() == right.content.len()
            && left.content.iter().zip(&right.content).all(|(a, b)| self.is_equal(*a, *b))
    }

    fn are_pairs_equal(&self, left: &Node, right: Id) -> bool {
        left.content.len() == self.get(right).content.len()
            && left.pairs().all(|(key, value)| {
                self.find_equal_key(right, key).is_some_and(|at| {
                    self.get(right)
                        .content
                        .get(at + 1)
                        .is_some_and(|other| self.is_equal(value, *other))
                })
            })
    }

    /// Where in a mapping's content the key is that equals `key`.
    pub(crate) fn find_equal_key(&self, mapping: Id, key: Id) -> Option<usize> {
        let mut pairs = self.get(mapping).pairs();
        pairs.position(|(candidate, _)| self.is_equal(candidate, key)).map(|pair| 2 * pair)
    }

    /// The value of the first key with this text.
    pub(crate) fn value_of(&self, mapping: Id, key: &str) -> Option<Id> {
        let mut pairs = self.get(mapping).pairs();
        pairs.find(|(name, _)| &*self.get(*name).value == key).map(|(_, value)| value)
    }
}
