//! The operators.

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

impl Op {
    /// How tightly it binds: of two operators, the higher one is applied first.
    pub(super) fn precedence(&self) -> u32 {
        match self {
            Self::Block | Self::Union => 10,
            Self::CreateMap => 15,
            Self::Or | Self::And => 20,
            Self::Pipe => 30,
            Self::Reduce => 35,
            Self::Assign { .. }
            | Self::AddAssign(_)
            | Self::SubtractAssign
            | Self::AssignAttributes(_)
            | Self::AssignVariable { .. }
            | Self::AssignStyle { .. }
            | Self::AssignTag { .. }
            | Self::AssignAnchor { .. }
            | Self::AssignAlias { .. }
            | Self::AssignComment { .. }
            | Self::Equals
            | Self::NotEquals
            | Self::Compare(_)
            | Self::Min
            | Self::Max
            | Self::Delete => 40,
            Self::Multiply(_)
            | Self::MultiplyAssign(_)
            | Self::Divide
            | Self::Modulo
            | Self::Add
            | Self::Subtract
            | Self::Alternative => 42,
            Self::ShortPipe => 45,
            Self::Variable(_) | Self::Traverse(_) | Self::Itself => 55,
            other if other.takes_arguments_tightly() => 52,
            _ => 50,
        }
    }

    fn takes_arguments_tightly(&self) -> bool {
        matches!(
            self,
            Self::Map
                | Self::Filter
                | Self::Pick
                | Self::Omit
                | Self::MapValues
                | Self::ToEntries
                | Self::With
                | Self::SplitDocument
                | Self::Path
                | Self::DeletePaths
                | Self::Explode
                | Self::SortBy
                | Self::First
                | Self::Reverse
                | Self::Sort
                | Self::SortKeys
                | Self::Split
                | Self::Keys
                | Self::Env { .. }
                | Self::Select
                | Self::Unique
                | Self::UniqueBy
                | Self::GroupBy
                | Self::Flatten(_)
        )
    }

    /// Whether a path may follow without a dot or pipe.
    pub(super) fn may_be_traversed(&self) -> bool {
        self.takes_arguments_tightly()
    }

    pub(super) fn arity(&self) -> usize {
        match self {
            Self::Or
            | Self::And
            | Self::Reduce
            | Self::Block
            | Self::Union
            | Self::Pipe
            | Self::ShortPipe
            | Self::Assign { .. }
            | Self::AddAssign(_)
            | Self::SubtractAssign
            | Self::MultiplyAssign(_)
            | Self::AssignAttributes(_)
            | Self::AssignVariable { .. }
            | Self::AssignStyle { .. }
            | Self::AssignTag { .. }
            | Self::AssignAnchor { .. }
            | Self::AssignAlias { .. }
            | Self::AssignComment { .. }
            | Self::Multiply(_)
            | Self::Divide
            | Self::Modulo
            | Self::Add
            | Self::Subtract
            | Self::Alternative
            | Self::Equals
            | Self::NotEquals
            | Self::Compare(_)
            | Self::CreateMap
            | Self::TraverseArray(_) => 2,
            Self::Collect
            | Self::Map
            | Self::Filter
            | Self::Fail
            | Self::Pick
            | Self::Omit
            | Self::MapValues
            | Self::Contains
            | Self::AnyCondition
            | Self::AllCondition
            | Self::WithEntries
            | Self::With
            | Self::SetPath
            | Self::DeletePaths
            | Self::Explode
            | Self::SortBy
            | Self::First
            | Self::SortKeys
            | Self::Join
            | Self::Substitute
            | Self::Match
            | Self::Capture
            | Self::Test
            | Self::Split
            | Self::Select
            | Self::Has
            | Self::UniqueBy
            | Self::GroupBy
            | Self::Delete => 1,
            _ => 0,
        }
    }
}
