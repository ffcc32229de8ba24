//! YAML as cloud-init's users mean it: the types of YAML 1.1, with positions.
//!
//! Seeds are written for a loader that follows YAML 1.1 (`0644` is 420, `yes` is true, `12:30` is
//! 750). The grammar comes from the event parser `saphyr-parser`; which type a plain scalar has is
//! decided in [`resolve`]; aliases, merge keys and duplicate keys are settled in [`compose`].
//! Every [`Node`] knows its line, so that a finding can name it, and a plain scalar also keeps its
//! text, because an instance-id `0123` is meant as these four characters.
//!
//! Differences from the reference loader, all towards accepting more: an anchor name may be used
//! twice, a date that is no date (`2025-02-31`) is a string, and a number of more than 38 digits is
//! a string. A node may not contain itself.

mod anchors;
pub(super) mod base64;
mod compose;
mod construct;
mod entries;
mod events;
mod indent;
mod measure;
mod number;
mod resolve;
mod same;
mod timestamp;

use std::fmt;

/// The largest text that is parsed, in bytes.
pub const SIZE_LIMIT: usize = 16 << 20;
/// The deepest nesting of lists and mappings, counted through aliases.
pub const DEPTH_LIMIT: usize = 128;
/// The most nodes in one document, before aliases are expanded.
pub const NODE_LIMIT: usize = 500_000;

/// A value, where it stands, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it begins. A value that came through an alias has the place of its anchor.
    pub mark: Mark,
    /// The text of a plain (unquoted) scalar, before it got a type.
    pub raw: Option<Box<str>>,
}

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

/// A typed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `~`, `null`, or nothing at all.
    Null,
    /// `yes`, `no`, `on`, `off`, `true`, `false`.
    Bool(bool),
    /// Decimal, octal (`0644`), hexadecimal, binary, base 60 (`12:30`).
    Int(i128),
    /// With a point or exponent, `.inf`, `.nan`.
    Float(f64),
    /// Text.
    Str(String),
    /// A day (`2026-01-31`) or a moment (`2026-01-31T10:00:00+00:00`) in ISO 8601 form.
    Date(String),
    /// `!!binary`, decoded.
    Bytes(Vec<u8>),
    /// List.
    Seq(Vec<Node>),
    /// Mapping.
    Map(Map),
}

/// A mapping in the order in which it was written; each key is there once. Of two equal keys the
/// later value counts, and keys of a merge (`<<`) yield to the mapping's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Vec<(Node, Node)>);

/// A parsed text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The document; an empty text is [`Value::Null`].
    pub root: Node,
    /// Keys that were given again in the same mapping, with the place of the later one.
    pub duplicates: Vec<(Mark, String)>,
}

/// Why a text is not YAML, or not YAML that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where.
    pub mark: Mark,
    /// What is wrong.
    pub message: String,
}

/// Parses one document. Never panics; time and memory are bounded by [`SIZE_LIMIT`],
/// [`DEPTH_LIMIT`], [`NODE_LIMIT`] and a limit on what aliases may copy.
pub fn parse(text: &[u8]) -> Result<Parsed, SyntaxError> {
    if text.len() > SIZE_LIMIT {
        return Err(SyntaxError::new(Mark::START, "the text is larger than 16 MiB"));
    }
    let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_printable(text)?;
    compose::document(text)
}

impl Node {
    /// What the value is, for a message: `a string`, `a list`.
    pub fn kind(&self) -> &'static str {
        self.value.kind()
    }

    /// The text of a string. `None` for every other type, also for a number.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str(text) = &self.value { Some(text) } else { None }
    }

    /// The mapping.
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = &self.value { Some(map) } else { None }
    }

    /// The items of a list.
    pub fn as_seq(&self) -> Option<&[Node]> {
        if let Value::Seq(items) = &self.value { Some(items) } else { None }
    }

    /// The boolean. Words such as `"yes"` in quotes are not one: see [`super::scalars::truth`].
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self.value { Some(value) } else { None }
    }

    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The text of a scalar as its author wrote it: of a plain one before typing, of a quoted one
    /// without the quotes. `None` for lists, mappings and bytes.
    pub fn text(&self) -> Option<&str> {
        self.raw.as_deref().or_else(|| self.as_str())
    }
}

impl Value {
    /// What it is, for a message: `a string`, `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Str(_) => "a string",
            Self::Date(_) => "a date",
            Self::Bytes(_) => "bytes",
            Self::Seq(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Map {
    /// Key and value of each entry.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Node, &Node)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The value of a string key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.get_entry(key).map(|(_, value)| value)
    }

    /// The string key, for its place, and its value.
    pub fn get_entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.iter().find(|(node, _)| node.as_str() == Some(key))
    }

    /// Gives a string key a value that no text stands behind.
    pub fn set(&mut self, key: &str, value: Value) {
        let node = |value| Node { value, mark: Mark::START, raw: None };
        match self.0.iter_mut().find(|(node, _)| node.as_str() == Some(key)) {
            Some((_, old)) => *old = node(value),
            None => self.0.push((node(Value::Str(key.to_owned())), node(value))),
        }
    }

    /// Takes over the keys of `other` that are not there yet, also inside mappings that both have.
    pub fn fill(&mut self, other: Map) {
        same::fill(&mut self.0, other.0);
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Mark {
    /// The beginning of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl SyntaxError {
    fn new(mark: Mark, message: impl Into<String>) -> Self {
        Self { mark, message: message.into() }
    }

    fn too_deep(mark: Mark) -> Self {
        Self::new(mark, format!("lists and mappings are nested deeper than {DEPTH_LIMIT}"))
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// YAML allows tab, line ends and what is printable; anything else is a sign of a binary file.
fn check_printable(text: &str) -> Result<(), SyntaxError> {
    let printable = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    match text.char_indices().find(|&(_, c)| !printable(c)) {
        None => Ok(()),
        Some((at, c)) => {
            let code = u32::from(c);
            let message = format!("the character U+{code:04X} is not allowed in YAML");
            Err(SyntaxError::new(mark_at(text.as_bytes(), at), message))
        }
    }
}

fn not_utf8(text: &[u8], at: usize) -> SyntaxError {
    SyntaxError::new(mark_at(text, at), "the text is not UTF-8")
}

/// Line and column of a byte offset.
fn mark_at(text: &[u8], at: usize) -> Mark {
    let before = String::from_utf8_lossy(text.get(..at).unwrap_or(text));
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    Mark { line: count(line), column: count(column) }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
