//! Events to nodes: nesting, anchors and aliases, merge keys, duplicate keys.

use std::borrow::Cow;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::anchors::Anchors;
use super::construct::{self, Place, Scalar};
use super::entries::{merge, unique};
use super::events::{Events, Fault};
use super::indent::{IN_QUOTES, Moved};
use super::{DEPTH_LIMIT, Map, Mark, NODE_LIMIT, Node, Parsed, SyntaxError, Value};

/// The only document of a text.
pub(super) fn document(text: &str) -> Result<Parsed, SyntaxError> {
    let mut moved = Moved::new(text);
    let mut complaint = None;
    loop {
        let error = match compose(&moved) {
            Ok(parsed) => return Ok(parsed),
            Err(Fault::Meaning(error)) => return Err(error),
            Err(Fault::Grammar(error)) => error,
        };
        let (line, column) = (error.marker().line(), error.marker().col());
        let told = SyntaxError::new(moved.mark(line, column), error.info());
        // A fault in a line that was moved comes from what it was moved for: a quote left open.
        let blamed = complaint.clone().filter(|_| moved.has(line)).unwrap_or_else(|| told.clone());
        if !moved.answer(error.info(), line, column) {
            return Err(blamed);
        }
        if error.info() == IN_QUOTES {
            let message = "the quotes that open here seem not to be closed";
            complaint = Some(SyntaxError::new(told.mark, message));
        }
    }
}

fn compose(moved: &Moved<'_>) -> Result<Parsed, Fault> {
    let mut composer = Composer {
        events: Events::new(moved),
        anchors: Anchors::default(),
        nodes: 0,
        duplicates: Vec::new(),
    };
    let root = composer.root()?;
    Ok(Parsed { root, duplicates: composer.duplicates })
}

struct Composer<'a> {
    events: Events<'a>,
    anchors: Anchors,
    nodes: usize,
    duplicates: Vec<(Mark, String)>,
}

/// A key of a mapping: `<<`, or one that is kept.
enum Key {
    Merge,
    Named(Node),
}

impl<'a> Composer<'a> {
    fn root(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, at) = self.events.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(SyntaxError::new(at, "there is a second document").into());
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, at, 0)?),
            }
        }
        Ok(root.unwrap_or(Node { value: Value::Null, mark: Mark::START, raw: None }))
    }

    fn node(&mut self, event: Event<'a>, at: Mark, depth: usize) -> Result<Node, Fault> {
        self.nodes += 1;
        if self.nodes > NODE_LIMIT {
            return Err(SyntaxError::new(at, format!("more than {NODE_LIMIT} values")).into());
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => return Ok(self.anchors.get(anchor, at, depth)?),
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar { text, plain: style == ScalarStyle::Plain, tag: name(tag) };
                let node = construct::scalar(scalar, Place::Value, at)?;
                return Ok(self.anchors.keep(anchor, node)?);
            }
            Event::SequenceStart(anchor, tag) => {
                construct::expect_tag(name(tag), "seq", at)?;
                (Value::Seq(self.items(at, depth)?), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                construct::expect_tag(name(tag), "map", at)?;
                (Value::Map(self.entries(at, depth)?), anchor)
            }
            _ => return Err(SyntaxError::new(at, "a value is missing").into()),
        };
        Ok(self.anchors.keep(anchor, Node { value, mark: at, raw: None })?)
    }

    fn items(&mut self, at: Mark, depth: usize) -> Result<Vec<Node>, Fault> {
        check_depth(depth, at)?;
        let mut items = Vec::new();
        loop {
            match self.events.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, at: Mark, depth: usize) -> Result<Map, Fault> {
        check_depth(depth, at)?;
        let mut merged = Vec::new();
        let mut own = Vec::new();
        loop {
            let (event, at) = self.events.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.key(event, at, depth)?;
            let (event, at) = self.events.next()?;
            let value = self.node(event, at, depth + 1)?;
            match key {
                Key::Merge => merge(value, &mut merged)?,
                Key::Named(key) => own.push((key, value)),
            }
        }
        Ok(unique(merged, own, &mut self.duplicates))
    }

    fn key(&mut self, event: Event<'a>, at: Mark, depth: usize) -> Result<Key, Fault> {
        let node = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar { text, plain: style == ScalarStyle::Plain, tag: name(tag) };
                if construct::is_merge(&scalar) {
                    return Ok(Key::Merge);
                }
                let node = construct::scalar(scalar, Place::Key, at)?;
                self.anchors.keep(anchor, node)?
            }
            event => self.node(event, at, depth + 1)?,
        };
        match node.value {
            Value::Seq(_) | Value::Map(_) => {
                Err(SyntaxError::new(node.mark, format!("{} cannot be a key", node.kind())).into())
            }
            _ => Ok(Key::Named(node)),
        }
    }
}

fn check_depth(depth: usize, at: Mark) -> Result<(), SyntaxError> {
    if depth < DEPTH_LIMIT { Ok(()) } else { Err(SyntaxError::too_deep(at)) }
}

/// A tag in its long form.
fn name(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    tag.map(|tag| format!("{}{}", tag.handle, tag.suffix))
}
