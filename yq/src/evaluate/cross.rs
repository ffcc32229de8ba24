//! Operators with two sides: each match of the left with each of the right.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::Expr;
use crate::tree::{Id, Kind, Node};

/// One result of a pair; a side is missing where nothing matched.
pub(super) type Pair<'f, 'e> = &'f mut dyn FnMut(
    &mut Evaluator<'e>,
    &Context,
    Option<Id>,
    Option<Id>,
) -> Result<Option<Id>, Error>;

/// A result that needs no right side.
type Early = fn(&mut Evaluator<'_>, Option<Id>) -> Option<Id>;

#[derive(Clone, Copy, Default)]
pub(super) struct Manner {
    /// The pair is computed even if one side is empty.
    pub(super) when_empty: bool,
    pub(super) early: Option<Early>,
}

impl<'e> Evaluator<'e> {
    pub(super) fn cross(
        &mut self,
        context: &Context,
        expr: &Expr,
        manner: Manner,
        pair: Pair<'_, 'e>,
    ) -> Outcome {
        if context.nodes.is_empty() {
            return self.cross_one(context, expr, manner, pair);
        }
        let mut results = Vec::new();
        for id in context.nodes.iter() {
            let found = self.cross_one(&context.single(*id), expr, manner, pair)?;
            results.extend(found.nodes.iter());
        }
        Ok(context.child(results))
    }

    fn cross_one(
        &mut self,
        context: &Context,
        expr: &Expr,
        manner: Manner,
        pair: Pair<'_, 'e>,
    ) -> Outcome {
        let left = self.eval(context, expr.lhs.as_deref())?;
        let mut lefts: Vec<Option<Id>> = left.nodes.iter().copied().map(Some).collect();
        if manner.when_empty && !context.nodes.is_empty() && lefts.is_empty() {
            lefts.push(None);
        }
        let mut results = Vec::new();
        for left in lefts {
            if let Some(result) = manner.early.and_then(|early| early(self, left)) {
                results.push(result);
                continue;
            }
            let right = self.eval(context, expr.rhs.as_deref())?;
            if manner.when_empty && right.nodes.is_empty() {
                results.extend(pair(self, context, left, None)?);
            }
            for right in right.nodes.iter() {
                results.extend(pair(self, context, left, Some(*right))?);
            }
        }
        Ok(context.child(results))
    }

    /// A truth value where `owner` is, or nowhere.
    pub(super) fn boolean(&mut self, owner: Option<Id>, value: bool) -> Id {
        let text = if value { "true" } else { "false" };
        match owner {
            Some(owner) => self.tree.replacement(owner, Kind::Scalar, "!!bool", text),
            None => self.tree.add(Node::new(Kind::Scalar, "!!bool", text)),
        }
    }

    /// One new node for each match.
    pub(super) fn each(
        &mut self,
        context: &Context,
        mut make: impl FnMut(&mut Self, Id) -> Result<Option<Id>, Error>,
    ) -> Outcome {
        let mut results = Vec::with_capacity(context.nodes.len());
        for id in context.nodes.iter() {
            results.extend(make(self, *id)?);
        }
        Ok(context.child(results))
    }
}
