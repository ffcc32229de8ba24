//! `=`, `|=`, `+=`, `-=`, `*=`.

use std::rc::Rc;

use super::cross::Manner;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};
use crate::tree::{AssignFlags, Id};

impl Evaluator<'_> {
    pub(super) fn assign(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match &expr.op {
            Op::Assign { flags, updates: true } => self.update(context, expr, *flags),
            Op::Assign { flags, .. } => self.set(context, expr, *flags),
            Op::AddAssign(flags) => self.compound(context, expr, *flags, &Op::Add),
            Op::SubtractAssign => {
                self.compound(context, expr, AssignFlags::default(), &Op::Subtract)
            }
            Op::MultiplyAssign(merge) => {
                let clobbers_tags = merge.assign.clobbers_tags;
                let flags = AssignFlags { clobbers_tags, ..AssignFlags::default() };
                self.compound(context, expr, flags, &Op::Multiply(*merge))
            }
            Op::AssignAttributes(flags) => self.set_attributes(context, expr, *flags),
            _ => Ok(context.clone()),
        }
    }

    fn set(&mut self, context: &Context, expr: &Expr, flags: AssignFlags) -> Outcome {
        // Makes what is missing on the left; the pairs below only look.
        self.eval(context, expr.lhs.as_deref())?;
        self.cross(&context.read_only(), expr, Manner::default(), &mut |own, _, left, right| {
            if let (Some(left), Some(right)) = (left, right)
                && (!flags.only_null || own.tree.get(left).is_null())
            {
                own.tree.update(left, right, flags);
            }
            Ok(left)
        })?;
        Ok(context.clone())
    }

    /// From the last match to the first, so that what is below comes before what is around it.
    fn update(&mut self, context: &Context, expr: &Expr, flags: AssignFlags) -> Outcome {
        let left = self.eval(context, expr.lhs.as_deref())?;
        self.update_each(&left.nodes, context, expr.rhs.as_deref(), flags)?;
        Ok(context.clone())
    }

    pub(super) fn update_each(
        &mut self,
        nodes: &[Id],
        context: &Context,
        value: Option<&Expr>,
        flags: AssignFlags,
    ) -> Result<(), Error> {
        for id in nodes.iter().rev() {
            let right = self.eval(&context.single(*id), value)?;
            if let Some(right) = right.first() {
                self.tree.update(*id, right, flags);
            }
        }
        Ok(())
    }

    fn compound(&mut self, context: &Context, expr: &Expr, flags: AssignFlags, op: &Op) -> Outcome {
        let left = self.eval(context, expr.lhs.as_deref())?;
        let Some(value) = &expr.rhs else { return Ok(context.clone()) };
        for id in left.nodes.iter() {
            let before = Expr::leaf(Op::Reference(self.tree.copy(*id)));
            let sum = Expr::binary(op.clone(), before, Rc::clone(value));
            let assign = Op::Assign { flags, updates: false };
            let assign = Expr::binary(assign, Expr::leaf(Op::Reference(*id)), sum);
            self.eval(context, Some(&assign))?;
        }
        Ok(context.clone())
    }

    fn set_attributes(&mut self, context: &Context, expr: &Expr, flags: AssignFlags) -> Outcome {
        let left = self.eval(context, expr.lhs.as_deref())?;
        for id in left.nodes.iter() {
            let right = self.eval(&context.single_read_only(*id), expr.rhs.as_deref())?;
            if let Some(right) = right.first()
                && (!flags.only_null || self.tree.get(*id).is_null())
            {
                self.tree.update_attributes(*id, right, flags);
            }
        }
        Ok(context.clone())
    }
}
