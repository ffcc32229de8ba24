//! How operators bind.

use super::Op;

impl Op {
    /// How tightly it binds: of two operators, the higher one is applied first.
    pub(in crate::expression) fn precedence(&self) -> u32 {
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
    pub(in crate::expression) fn may_be_traversed(&self) -> bool {
        self.takes_arguments_tightly()
    }

    pub(in crate::expression) fn arity(&self) -> usize {
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
