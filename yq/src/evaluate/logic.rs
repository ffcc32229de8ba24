//! `and`, `or`, `not`, `//`, `any`, `all`.

use super::cross::Manner;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};
use crate::scalar::is_truthy;
use crate::tree::{Id, Kind};

impl Evaluator<'_> {
    pub(super) fn logic(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match expr.op {
            Op::Not => self.each(context, |own, id| {
                let value = !is_truthy(own.tree.get(id));
                Ok(Some(own.boolean(Some(id), value)))
            }),
            Op::Alternative => self.alternative(context, expr),
            Op::Or => self.junction(context, expr, |own, left| own.decided(left, true)),
            _ => self.junction(context, expr, |own, left| own.decided(left, false)),
        }
    }

    fn is_true(&self, id: Option<Id>) -> bool {
        id.is_some_and(|id| is_truthy(self.tree.get(id)))
    }

    /// The result, if the left side alone decides it.
    fn decided(&mut self, left: Option<Id>, by: bool) -> Option<Id> {
        (self.is_true(left) == by).then(|| self.boolean(left, by))
    }

    fn junction(
        &mut self,
        context: &Context,
        expr: &Expr,
        early: fn(&mut Evaluator<'_>, Option<Id>) -> Option<Id>,
    ) -> Outcome {
        let manner = Manner { when_empty: true, early: Some(early) };
        self.cross(&context.read_only(), expr, manner, &mut |own, _, left, right| {
            let value = own.is_true(right);
            Ok(Some(own.boolean(left.or(right), value)))
        })
    }

    fn alternative(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let manner = Manner {
            when_empty: true,
            early: Some(|own, left| left.filter(|_| own.is_true(left))),
        };
        self.cross(context, expr, manner, &mut |own, _, left, right| {
            Ok(if own.is_true(left) { left } else { right.or(left) })
        })
    }

    pub(super) fn any(&mut self, context: &Context, expr: &Expr, wanted: bool) -> Outcome {
        self.each(context, |own, id| {
            let node = own.tree.get(id);
            if node.kind != Kind::Sequence {
                return Err(Error::evaluation(format!(
                    "any and all need an array, not {}",
                    node.tag
                )));
            }
            let items = node.content.clone();
            let found = own.has_item(context, &items, expr.rhs.as_deref(), wanted)?;
            Ok(Some(own.boolean(Some(id), found == wanted)))
        })
    }

    fn has_item(
        &mut self,
        context: &Context,
        items: &[Id],
        condition: Option<&Expr>,
        wanted: bool,
    ) -> Result<bool, Error> {
        for item in items {
            let mut value = Some(*item);
            if condition.is_some() {
                value = self.eval(&context.single_read_only(*item), condition)?.first();
            }
            if value.is_some() && self.is_true(value) == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
