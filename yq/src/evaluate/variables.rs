//! `... as $x | ...` and `... as $x ireduce (start; step)`.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};

impl Evaluator<'_> {
    pub(super) fn bind(&mut self, context: &Context, bound: &Expr, then: Option<&Expr>) -> Outcome {
        if context.nodes.is_empty() {
            return self.bind_one(context, bound, then);
        }
        let mut results = Vec::new();
        for id in context.nodes.iter() {
            let found = self.bind_one(&context.single(*id), bound, then)?;
            results.extend(found.nodes.iter());
        }
        Ok(context.child(results))
    }

    fn bind_one(&mut self, context: &Context, bound: &Expr, then: Option<&Expr>) -> Outcome {
        let values = self.eval(&context.read_only(), bound.lhs.as_deref())?;
        let Some(Op::Variable(name)) = bound.rhs.as_deref().map(|rhs| &rhs.op) else {
            return Err(Error::evaluation("`as` needs the name of a variable behind it"));
        };
        let is_reference = matches!(bound.op, Op::AssignVariable { is_reference: true });
        let mut results = Vec::new();
        for id in values.nodes.iter() {
            let value = if is_reference { *id } else { self.tree.copy(*id) };
            let mut inner = context.with(context.nodes.clone());
            inner.set(name.clone(), vec![value]);
            results.extend(self.eval(&inner, then)?.nodes.iter());
        }
        if values.nodes.is_empty() {
            return self.eval(context, then);
        }
        Ok(context.child(results))
    }

    pub(super) fn reduce(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let (Some(bound), Some(block)) = (&expr.lhs, &expr.rhs) else {
            return Ok(context.clone());
        };
        let is_bound = matches!(bound.op, Op::AssignVariable { .. });
        let name = match bound.rhs.as_deref().map(|rhs| &rhs.op) {
            Some(Op::Variable(name)) if is_bound => name.clone(),
            _ => return Err(Error::evaluation("`ireduce` needs `... as $x` before it")),
        };
        if !matches!(block.op, Op::Block) {
            return Err(Error::evaluation("`ireduce` needs `(start; step)` behind it"));
        }
        let items = self.eval(context, bound.lhs.as_deref())?;
        let mut sum = self.eval(context, block.lhs.as_deref())?;
        for id in items.nodes.iter() {
            sum.set(name.clone(), vec![*id]);
            sum = self.eval(&sum, block.rhs.as_deref())?;
        }
        Ok(sum)
    }
}
