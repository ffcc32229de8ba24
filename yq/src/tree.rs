//! The nodes of all documents of one run, in one arena.
//!
//! An expression may hold, compare and change the same node from several places, and a node knows its
//! parent and its key. So nodes are numbers into one list. The list only grows, up to [`NODE_LIMIT`];
//! past it [`Tree::check`] reports the fault and copies come out empty, so that a bomb of aliases
//! costs a bounded amount of memory and no place needs to handle the fault by itself.

mod copy;
mod edit;
mod path;

use std::rc::Rc;

pub(crate) use edit::AssignFlags;
pub(crate) use path::Step;

use crate::Error;

/// Nodes of one run; about 250 bytes each.
const NODE_LIMIT: usize = 400_000;
/// Bytes of texts that an expression makes.
const TEXT_LIMIT: usize = 64 << 20;
/// Levels of nesting.
pub(crate) const DEPTH_LIMIT: usize = 300;

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// A node whose kind is not decided yet.
    #[default]
    Unset,
    Scalar,
    Mapping,
    Sequence,
    Alias,
}

/// How a node is written in YAML: a set, since a tag may go with a quotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Style(pub(crate) u8);

impl Style {
    pub(crate) const PLAIN: Self = Self(0);
    pub(crate) const TAGGED: Self = Self(1);
    pub(crate) const DOUBLE: Self = Self(2);
    pub(crate) const SINGLE: Self = Self(4);
    pub(crate) const LITERAL: Self = Self(8);
    pub(crate) const FOLDED: Self = Self(16);
    pub(crate) const FLOW: Self = Self(32);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How TOML writes a mapping: as the reader found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum TableForm {
    #[default]
    Any,
    Section,
    Inline,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) style: Style,
    pub(crate) tag: Rc<str>,
    pub(crate) value: Rc<str>,
    pub(crate) anchor: Rc<str>,
    pub(crate) alias: Option<Id>,
    /// Items of a sequence; key, value, key, value of a mapping.
    pub(crate) content: Vec<Id>,
    pub(crate) head: Rc<str>,
    pub(crate) line: Rc<str>,
    pub(crate) foot: Rc<str>,
    /// Comments, blank lines and separators before the first document.
    pub(crate) leading: Rc<str>,
    pub(crate) parent: Option<Id>,
    /// The key of a mapping's value; the number of a sequence's item.
    pub(crate) key: Option<Id>,
    pub(crate) is_key: bool,
    pub(crate) document: u32,
    pub(crate) form: TableForm,
}

impl Default for Node {
    fn default() -> Self {
        let none: Rc<str> = "".into();
        Self {
            kind: Kind::Unset,
            style: Style::PLAIN,
            tag: none.clone(),
            value: none.clone(),
            anchor: none.clone(),
            alias: None,
            content: Vec::new(),
            head: none.clone(),
            line: none.clone(),
            foot: none.clone(),
            leading: none,
            parent: None,
            key: None,
            is_key: false,
            document: 0,
            form: TableForm::Any,
        }
    }
}

impl Node {
    pub(crate) fn new(kind: Kind, tag: &str, value: impl Into<Rc<str>>) -> Self {
        Self { kind, tag: tag.into(), value: value.into(), ..Self::default() }
    }

    pub(crate) fn text(value: impl Into<Rc<str>>) -> Self {
        Self::new(Kind::Scalar, "!!str", value)
    }

    pub(crate) fn null(value: &str) -> Self {
        Self::new(Kind::Scalar, "!!null", value)
    }

    pub(crate) fn sequence() -> Self {
        Self::new(Kind::Sequence, "!!seq", "")
    }

    pub(crate) fn mapping() -> Self {
        Self::new(Kind::Mapping, "!!map", "")
    }

    pub(crate) fn is_null(&self) -> bool {
        &*self.tag == "!!null"
    }

    /// The keys and values of a mapping.
    pub(crate) fn pairs(&self) -> impl DoubleEndedIterator<Item = (Id, Id)> + '_ {
        self.content.chunks_exact(2).filter_map(|pair| match pair {
            [key, value] => Some((*key, *value)),
            _ => None,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    text: usize,
    is_too_deep: bool,
    /// What stands for nodes past the limit.
    spare: Node,
}

impl Tree {
    pub(crate) fn add(&mut self, node: Node) -> Id {
        self.text = self.text.saturating_add(node.value.len());
        self.append(node)
    }

    /// Like [`Tree::add`] for a node whose texts are shared with another one.
    fn append(&mut self, node: Node) -> Id {
        if self.is_full() {
            return Id(u32::MAX);
        }
        let id = Id(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        id
    }

    pub(crate) fn get(&self, id: Id) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&self.spare)
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> &mut Node {
        self.nodes.get_mut(id.0 as usize).unwrap_or(&mut self.spare)
    }

    fn is_full(&self) -> bool {
        self.nodes.len() >= NODE_LIMIT || self.text > TEXT_LIMIT
    }

    /// An error once a limit was met: what was made since is not whole.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_too_deep {
            return Err(Error::TooMuch { what: "the documents are nested too deeply" });
        }
        if self.is_full() {
            return Err(Error::TooMuch { what: "the documents grow past the limit of memory" });
        }
        Ok(())
    }
}
