//! Events to nodes: nesting, anchors and aliases, merge keys, duplicate keys.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::construct::{self, Place, Scalar};
use super::indent::Moved;
use super::measure::{height, weight};
use super::same::Same;
use super::{DEPTH_LIMIT, Map, Mark, NODE_LIMIT, Node, Parsed, SyntaxError, Value};

/// What aliases and anchors may copy in all, in bytes of memory: stops documents in which aliases
/// of aliases grow without end.
const COPY_LIMIT: usize = 32 << 20;

/// The only document of a text.
pub(super) fn document(text: &str) -> Result<Parsed, SyntaxError> {
    let mut moved = Moved::new(text);
    loop {
        let (line, column, message) = match compose(&moved) {
            Ok(parsed) => return Ok(parsed),
            Err(Fault::Meaning(error)) => return Err(error),
            Err(Fault::Grammar(error)) => {
                (error.marker().line(), error.marker().col(), error.info().to_owned())
            }
        };
        let mark = moved.mark(line, column);
        if !moved.answer(&message, line, column) {
            return Err(SyntaxError::new(mark, message));
        }
    }
}

fn compose(moved: &Moved<'_>) -> Result<Parsed, Fault> {
    let text = &*moved.text;
    let mut composer = Composer {
        moved,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        unended: unended(text),
        nodes: 0,
        copied: 0,
        duplicates: Vec::new(),
    };
    let root = composer.root()?;
    Ok(Parsed { root, duplicates: composer.duplicates })
}

/// Why there is no document.
enum Fault {
    Grammar(ScanError),
    Meaning(SyntaxError),
}

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        Self::Meaning(error)
    }
}

struct Composer<'a> {
    moved: &'a Moved<'a>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    /// The last line, if no line break ends it, and the number of characters up to its end.
    unended: Option<(&'a str, usize)>,
    nodes: usize,
    copied: usize,
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
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(
                        SyntaxError::new(self.mark(span), "there is a second document").into()
                    );
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(root.unwrap_or(Node { value: Value::Null, mark: Mark::START, raw: None }))
    }

    fn mark(&self, span: Span) -> Mark {
        self.moved.mark(span.start.line(), span.start.col())
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(Fault::Grammar(error)),
            None => Err(SyntaxError::new(Mark::START, "the text ends too early").into()),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Fault> {
        let at = self.mark(span);
        self.nodes += 1;
        if self.nodes > NODE_LIMIT {
            return Err(SyntaxError::new(at, format!("more than {NODE_LIMIT} values")).into());
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => return Ok(self.alias(anchor, at, depth)?),
            Event::Scalar(text, style, anchor, tag) => {
                let text = self.without_added_break(text, style, span);
                let scalar = Scalar { text, plain: style == ScalarStyle::Plain, tag: name(tag) };
                let node = construct::scalar(scalar, Place::Value, at)?;
                return Ok(self.anchored(anchor, node)?);
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
        Ok(self.anchored(anchor, Node { value, mark: at, raw: None })?)
    }

    /// A block scalar that the end of the text cuts off in its last line has no break there, but the
    /// parser adds one. A last line of blanks within the indentation is none of its lines.
    fn without_added_break(
        &self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        span: Span,
    ) -> Cow<'a, str> {
        let Some((last_line, end)) = self.unended else { return text };
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let Some(body) = text.strip_suffix('\n').filter(|_| is_block && span.end.index() == end)
        else {
            return text;
        };
        let blank = |line: &str| line.trim_matches(' ').is_empty();
        let last = body.rsplit('\n').next().unwrap_or(body);
        if !blank(last_line) || blank(last) {
            return Cow::Owned(body.to_owned());
        }
        text
    }

    fn items(&mut self, at: Mark, depth: usize) -> Result<Vec<Node>, Fault> {
        check_depth(depth, at)?;
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, at: Mark, depth: usize) -> Result<Map, Fault> {
        check_depth(depth, at)?;
        let mut merged = Vec::new();
        let mut own = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.key(event, span, depth)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            match key {
                Key::Merge => merge(value, &mut merged)?,
                Key::Named(key) => own.push((key, value)),
            }
        }
        Ok(self.map(merged, own))
    }

    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Key, Fault> {
        let node = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar { text, plain: style == ScalarStyle::Plain, tag: name(tag) };
                if construct::is_merge(&scalar) {
                    return Ok(Key::Merge);
                }
                let node = construct::scalar(scalar, Place::Key, self.mark(span))?;
                self.anchored(anchor, node)?
            }
            event => self.node(event, span, depth + 1)?,
        };
        match node.value {
            Value::Seq(_) | Value::Map(_) => {
                Err(SyntaxError::new(node.mark, format!("{} cannot be a key", node.kind())).into())
            }
            _ => Ok(Key::Named(node)),
        }
    }

    /// One entry for each key: the place of the first, the value of the last.
    fn map(&mut self, merged: Vec<(Node, Node)>, own: Vec<(Node, Node)>) -> Map {
        let mut places: HashMap<Same, (usize, bool)> = HashMap::new();
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let merged = merged.into_iter().map(|entry| (entry, false));
        for ((key, value), is_own) in merged.chain(own.into_iter().map(|entry| (entry, true))) {
            let identity = Same::of(&key.value);
            let place = identity.as_ref().and_then(|identity| places.get_mut(identity));
            let Some((place, was_own)) = place else {
                if let Some(identity) = identity {
                    places.insert(identity, (entries.len(), is_own));
                }
                entries.push((key, value));
                continue;
            };
            if is_own && *was_own {
                self.duplicates.push((key.mark, key.text().unwrap_or_default().to_owned()));
            }
            *was_own |= is_own;
            if let Some(entry) = entries.get_mut(*place) {
                entry.0.mark = key.mark;
                entry.1 = value;
            }
        }
        Map(entries)
    }

    fn anchored(&mut self, anchor: usize, node: Node) -> Result<Node, SyntaxError> {
        if anchor > 0 {
            let copy = self.copy(&node, node.mark)?;
            self.anchors.insert(anchor, copy);
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, at: Mark, depth: usize) -> Result<Node, SyntaxError> {
        let Some(node) = self.anchors.remove(&anchor) else {
            return Err(SyntaxError::new(at, "a value contains itself through an alias"));
        };
        if depth + height(&node) > DEPTH_LIMIT {
            return Err(too_deep(at));
        }
        let copy = self.copy(&node, at)?;
        self.anchors.insert(anchor, node);
        Ok(copy)
    }

    fn copy(&mut self, node: &Node, at: Mark) -> Result<Node, SyntaxError> {
        self.copied = self.copied.saturating_add(weight(node));
        if self.copied > COPY_LIMIT {
            return Err(SyntaxError::new(at, "aliases repeat too much"));
        }
        Ok(node.clone())
    }
}

fn unended(text: &str) -> Option<(&str, usize)> {
    let last_line = text.rsplit(['\n', '\r']).next().filter(|line| !line.is_empty())?;
    Some((last_line, text.chars().count()))
}

/// Adds what a `<<` key brings. Of a list of mappings the earlier one wins.
fn merge(value: Node, into: &mut Vec<(Node, Node)>) -> Result<(), SyntaxError> {
    match value.value {
        Value::Map(map) => into.extend(map.0),
        Value::Seq(items) => {
            for item in items.into_iter().rev() {
                let Value::Map(map) = item.value else {
                    return Err(not_mergeable(&item));
                };
                into.extend(map.0);
            }
        }
        _ => return Err(not_mergeable(&value)),
    }
    Ok(())
}

fn not_mergeable(node: &Node) -> SyntaxError {
    SyntaxError::new(node.mark, format!("\"<<\" merges mappings, and this is {}", node.kind()))
}

fn check_depth(depth: usize, at: Mark) -> Result<(), SyntaxError> {
    if depth < DEPTH_LIMIT { Ok(()) } else { Err(too_deep(at)) }
}

fn too_deep(at: Mark) -> SyntaxError {
    SyntaxError::new(at, format!("lists and mappings are nested deeper than {DEPTH_LIMIT}"))
}

/// A tag in its long form.
fn name(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    tag.map(|tag| format!("{}{}", tag.handle, tag.suffix))
}
