//! Events to nodes.

use std::collections::HashMap;

use super::leading;
use super::parse::{Comments, Event, EventKind, Parser};
use super::scan::Quote;
use super::{SEPARATOR, fault};
use crate::Error;
use crate::scalar::resolve;
use crate::tree::{Id, Kind, Node, Style, Tree};

/// The documents of a text, one after the other.
pub(crate) struct Documents<'a> {
    parser: Parser<'a>,
    /// Names stay known over all documents.
    anchors: HashMap<String, Id>,
    leading: String,
    peeked: Option<Event>,
    found: u32,
    has_read: bool,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(text: &'a str, storage: &'a mut String) -> Result<Self, Error> {
        let (leading, rest) = leading::take(text);
        *storage = rest;
        check_characters(storage)?;
        Ok(Self {
            parser: Parser::new(storage),
            anchors: HashMap::new(),
            leading,
            peeked: None,
            found: 0,
            has_read: false,
        })
    }

    /// The top node of the next document. A text with nothing but comments is one empty node.
    pub(crate) fn next(&mut self, tree: &mut Tree) -> Result<Option<Id>, Error> {
        let start = self.take()?;
        if start.kind == EventKind::StreamEnd {
            if self.has_read || self.leading.is_empty() {
                return Ok(None);
            }
            self.has_read = true;
            let leading = std::mem::take(&mut self.leading).into();
            return Ok(Some(tree.add(Node { leading, ..Node::null("") })));
        }
        let id = self.node(tree)?;
        let end = self.take()?;
        if end.kind != EventKind::DocumentEnd {
            return Err(fault(end.line, "a second node in one document"));
        }
        tree.check()?;
        let node = tree.get_mut(id);
        node.head = (start.comments.head + &node.head).into();
        node.foot = (end.comments.foot + &node.foot).into();
        node.leading = std::mem::take(&mut self.leading).into();
        node.document = self.found;
        self.has_read = true;
        self.found += 1;
        Ok(Some(id))
    }

    fn take(&mut self) -> Result<Event, Error> {
        match self.peeked.take() {
            Some(event) => Ok(event),
            None => self.parser.next(),
        }
    }

    fn peek(&mut self) -> Result<EventKind, Error> {
        let event = self.take()?;
        let kind = event.kind;
        self.peeked = Some(event);
        Ok(kind)
    }

    fn node(&mut self, tree: &mut Tree) -> Result<Id, Error> {
        let event = self.take()?;
        match event.kind {
            EventKind::Alias => self.alias(tree, event),
            EventKind::Scalar => Ok(self.scalar(tree, event)),
            EventKind::SequenceStart => self.sequence(tree, event),
            EventKind::MappingStart => self.mapping(tree, event),
            _ => Err(fault(event.line, "a node is missing")),
        }
    }

    fn add(&mut self, tree: &mut Tree, mut node: Node, anchor: Option<String>) -> Id {
        if let Some(anchor) = &anchor {
            node.anchor = anchor.as_str().into();
        }
        let id = tree.add(node);
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, id);
        }
        id
    }

    fn alias(&mut self, tree: &mut Tree, event: Event) -> Result<Id, Error> {
        let Some(target) = self.anchors.get(&event.value).copied() else {
            return Err(fault(event.line, &format!("unknown anchor `{}`", event.value)));
        };
        let mut node = Node::new(Kind::Alias, "", event.value);
        node.alias = Some(target);
        set_comments(&mut node, event.comments);
        Ok(tree.add(node))
    }

    fn scalar(&mut self, tree: &mut Tree, event: Event) -> Id {
        let style = match event.quote {
            Quote::Plain => Style::PLAIN,
            Quote::Single => Style::SINGLE,
            Quote::Double => Style::DOUBLE,
            Quote::Literal => Style::LITERAL,
            Quote::Folded => Style::FOLDED,
        };
        let default = if style == Style::PLAIN { resolve(&event.value) } else { "!!str" };
        let mut node = tagged(Kind::Scalar, &event.tag, default);
        node.style = node.style.with(style);
        node.value = event.value.into();
        set_comments(&mut node, event.comments);
        self.add(tree, node, event.anchor)
    }

    fn sequence(&mut self, tree: &mut Tree, event: Event) -> Result<Id, Error> {
        let id = self.collection(tree, tagged(Kind::Sequence, &event.tag, "!!seq"), event);
        while self.peek()? != EventKind::SequenceEnd {
            let item = self.node(tree)?;
            tree.adopt_item(id, item);
        }
        self.end(tree, id)?;
        Ok(id)
    }

    fn collection(&mut self, tree: &mut Tree, mut node: Node, event: Event) -> Id {
        if event.is_flow {
            node.style = node.style.with(Style::FLOW);
        }
        set_comments(&mut node, event.comments);
        self.add(tree, node, event.anchor)
    }

    fn end(&mut self, tree: &mut Tree, id: Id) -> Result<(), Error> {
        let end = self.take()?;
        // The start of a flow has comments of its own behind it: they give way to those of the end.
        let node = tree.get_mut(id);
        let empty = node.leading.clone();
        (node.line, node.foot) = (empty.clone(), empty);
        set_comments(node, Comments { head: String::new(), ..end.comments });
        Ok(())
    }

    fn mapping(&mut self, tree: &mut Tree, event: Event) -> Result<Id, Error> {
        let is_block = !event.is_flow;
        let id = self.collection(tree, tagged(Kind::Mapping, &event.tag, "!!map"), event);
        let mut last = None;
        while self.peek()? != EventKind::MappingEnd {
            let key = self.node(tree)?;
            if is_block && let Some(last) = last {
                move_foot(tree, key, last);
            }
            let value = self.node(tree)?;
            if tree.get(key).foot.is_empty() {
                move_foot(tree, value, key);
            }
            tree.adopt_pair(id, key, value);
            last = Some(key);
        }
        self.end(tree, id)?;
        if is_block && let Some(last) = last {
            move_foot(tree, id, last);
        }
        Ok(id)
    }
}

/// A foot belongs to the key of what is above.
fn move_foot(tree: &mut Tree, from: Id, to: Id) {
    let foot = tree.get(from).foot.clone();
    if !foot.is_empty() {
        tree.get_mut(to).foot = foot;
        tree.get_mut(from).foot = "".into();
    }
}

fn tagged(kind: Kind, tag: &str, default: &str) -> Node {
    if tag.is_empty() || tag == "!" {
        return Node::new(kind, default, "");
    }
    Node { style: Style::TAGGED, ..Node::new(kind, tag, "") }
}

/// Most nodes have no comments: those share one empty text.
fn set_comments(node: &mut Node, comments: Comments) {
    for (to, comment) in [
        (&mut node.head, comments.head),
        (&mut node.line, comments.line),
        (&mut node.foot, comments.foot),
    ] {
        if !comment.is_empty() {
            *to = comment.into();
        }
    }
}

/// Control characters are not allowed anywhere.
fn check_characters(text: &str) -> Result<(), Error> {
    let is_bad = |character: char| match character {
        '\t' | '\n' | '\r' => false,
        '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => true,
        _ => false,
    };
    match text.find(is_bad) {
        None => Ok(()),
        Some(at) => {
            let line = text.get(..at).unwrap_or_default().matches('\n').count();
            Err(fault(line, "a control character"))
        }
    }
}

/// The tag of a text that is read as YAML; none if it is no YAML.
pub(crate) fn tag_of_snippet(text: &str) -> Option<String> {
    let (mut tree, mut storage) = (Tree::default(), String::new());
    // What is no YAML has no tag; why is of no interest.
    let mut documents = Documents::new(text, &mut storage).ok()?;
    let id = documents.next(&mut tree).ok()??;
    Some(tree.get(id).tag.to_string())
}

/// Whether the leading text starts with a separator, which then stands for the one between documents.
pub(crate) fn starts_with_separator(leading: &str) -> bool {
    leading.starts_with(SEPARATOR)
}
