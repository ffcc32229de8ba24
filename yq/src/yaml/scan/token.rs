//! What the scanner hands out.

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::yaml) struct Mark {
    /// Characters before it; the end of a block may stand before the first one.
    pub(in crate::yaml) index: isize,
    pub(in crate::yaml) line: usize,
    pub(in crate::yaml) column: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::yaml) enum TokenKind {
    #[default]
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::yaml) enum Quote {
    #[default]
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

#[derive(Clone, Debug, Default)]
pub(in crate::yaml) struct Token {
    pub(in crate::yaml) kind: TokenKind,
    pub(in crate::yaml) start: Mark,
    pub(in crate::yaml) end: Mark,
    /// The text of a scalar, the name of an anchor or alias, a tag.
    pub(in crate::yaml) value: String,
    pub(in crate::yaml) quote: Quote,
}

impl Token {
    pub(super) fn new(kind: TokenKind, start: Mark, end: Mark) -> Self {
        Self { kind, start, end, ..Self::default() }
    }
}

/// A run of comment lines and where it stands.
#[derive(Clone, Debug, Default)]
pub(in crate::yaml) struct Comment {
    /// Where the scan began that met it.
    pub(super) scan: Mark,
    /// The token that it belongs to starts here or later.
    pub(in crate::yaml) token: Mark,
    pub(super) start: Mark,
    pub(super) end: Mark,
    pub(in crate::yaml) head: String,
    pub(in crate::yaml) line: String,
    pub(in crate::yaml) foot: String,
}
