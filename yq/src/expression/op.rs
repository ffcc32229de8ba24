//! The operators.

mod grammar;

use std::rc::Rc;

use crate::tree::{AssignFlags, Id, Node, Step};

/// How a traversal looks for keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) stays_at_alias: bool,
    pub(crate) with_keys: bool,
    pub(crate) without_values: bool,
    pub(crate) never_creates: bool,
    pub(crate) is_optional: bool,
    /// Without this, `*` and `?` in a key are wildcards.
    pub(crate) is_exact: bool,
}

/// How `*` merges.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MergeFlags {
    pub(crate) appends: bool,
    pub(crate) deep_arrays: bool,
    pub(crate) traverse: Flags,
    pub(crate) assign: AssignFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) or_equal: bool,
    pub(crate) greater: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommentKind {
    Line,
    Head,
    Foot,
    All,
}

/// Formats of a document in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Yaml,
    Json,
}

#[derive(Clone, Debug)]
pub(crate) struct Traversal {
    pub(crate) step: Step,
    pub(crate) flags: Flags,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Or,
    And,
    Reduce,
    Block,
    Union,
    Pipe,
    ShortPipe,
    Assign {
        flags: AssignFlags,
        updates: bool,
    },
    AddAssign(AssignFlags),
    SubtractAssign,
    MultiplyAssign(MergeFlags),
    AssignAttributes(AssignFlags),
    AssignVariable {
        is_reference: bool,
    },
    AssignStyle {
        updates: bool,
    },
    AssignTag {
        updates: bool,
    },
    AssignAnchor {
        updates: bool,
    },
    AssignAlias {
        updates: bool,
    },
    AssignComment {
        kind: CommentKind,
        updates: bool,
    },
    Multiply(MergeFlags),
    Divide,
    Modulo,
    Add,
    Subtract,
    Alternative,
    Equals,
    NotEquals,
    Compare(Comparison),
    Min,
    Max,
    CreateMap,
    Length,
    Sugar(&'static str),
    Collect,
    CollectObject,
    Map,
    Filter,
    Fail,
    Pick,
    Omit,
    MapValues,
    Encode {
        format: Text,
        indent: usize,
    },
    Decode,
    Any,
    All,
    AnyCondition,
    AllCondition,
    Contains,
    ToEntries,
    FromEntries,
    WithEntries,
    With,
    SplitDocument,
    Variable(Rc<str>),
    Style,
    Tag,
    Kind,
    Key,
    IsKey,
    Parent(i64),
    Parents,
    Comment(CommentKind),
    Anchor,
    Alias,
    DocumentIndex,
    Path,
    SetPath,
    DeletePaths,
    Explode,
    SortBy,
    First,
    Reverse,
    Sort,
    SortKeys,
    Join,
    Substitute,
    Match,
    Capture,
    Test,
    Split,
    ChangeCase {
        to_upper: bool,
    },
    Trim,
    ToText,
    Interpolate(Rc<str>),
    Keys,
    Traverse(Traversal),
    /// A whole path at once.
    Follow(Rc<[Traversal]>),
    TraverseArray(Flags),
    Itself,
    Value(Rc<Node>),
    Reference(Id),
    Env {
        name: Rc<str>,
        is_text: bool,
    },
    Not,
    ToNumber,
    Empty,
    Descend {
        with_keys: bool,
    },
    Select,
    Has,
    Unique,
    UniqueBy,
    GroupBy,
    Flatten(i64),
    Delete,
}
