//! `*`: the product of numbers, a repeated text, or two collections merged.

use super::arithmetic::{Number, numbers};
use super::cross::Manner;
use super::traverse::path_expr;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Flags, MergeFlags, Op};
use crate::number::parse_int;
use crate::scalar::guess_tag;
use crate::tree::{AssignFlags, Id, Kind};

/// Bytes of a repeated text.
const REPEAT_LIMIT: usize = 10 << 20;

/// How readers of other formats put one mapping into another.
pub(super) fn appending() -> Op {
    let traverse = Flags { stays_at_alias: true, ..Flags::default() };
    Op::MultiplyAssign(MergeFlags { appends: true, traverse, ..MergeFlags::default() })
}

impl Evaluator<'_> {
    pub(super) fn multiply(
        &mut self,
        context: &Context,
        expr: &Expr,
        flags: MergeFlags,
    ) -> Outcome {
        let context = context.read_only();
        self.cross(&context, expr, Manner::default(), &mut |own, context, left, right| match (
            left, right,
        ) {
            (Some(left), Some(right)) => own.product(context, left, right, flags).map(Some),
            _ => Ok(None),
        })
    }

    pub(super) fn product(
        &mut self,
        context: &Context,
        left: Id,
        right: Id,
        flags: MergeFlags,
    ) -> Result<Id, Error> {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        if b.is_null() {
            return Ok(self.tree.copy(left));
        }
        let is_collection = matches!(b.kind, Kind::Mapping | Kind::Sequence);
        if !is_collection || (a.kind != b.kind && !a.is_null()) {
            return self.scalar_product(left, right);
        }
        let (mut leading, mut head, mut foot) = (b.leading.clone(), b.head.clone(), b.foot.clone());
        if !a.head.is_empty() || !a.leading.is_empty() {
            (head, leading) = (a.head.clone(), a.leading.clone());
        }
        if !a.foot.is_empty() {
            foot = a.foot.clone();
        }
        let target = self.tree.copy(left);
        let node = self.tree.get_mut(target);
        (node.leading, node.head, node.foot) = (leading, head, foot);
        self.merge(&context.writable(), target, right, flags)?;
        Ok(target)
    }

    /// Assigns all that is in `from` at the same path in `to`.
    fn merge(
        &mut self,
        context: &Context,
        to: Id,
        from: Id,
        flags: MergeFlags,
    ) -> Result<(), Error> {
        let deep =
            Flags { stays_at_alias: true, with_keys: true, is_exact: true, ..Flags::default() };
        let mut found = Vec::new();
        self.descend(&mut found, &context.single(from), deep, flags.deep_arrays)?;
        let start = self.tree.path(from).len();
        for id in found {
            if &*self.tree.get(id).tag != "!!merge" {
                self.merge_one(context, start, to, id, flags)?;
            }
        }
        Ok(())
    }

    fn merge_one(
        &mut self,
        context: &Context,
        start: usize,
        to: Id,
        from: Id,
        flags: MergeFlags,
    ) -> Result<(), Error> {
        let path = self.tree.path(from);
        let path = path.get(start..).unwrap_or_default();
        let node = self.tree.get(from);
        let op = match node.kind {
            Kind::Sequence if flags.appends => Op::AddAssign(flags.assign),
            Kind::Sequence if flags.deep_arrays => Op::AssignAttributes(flags.assign),
            Kind::Sequence | Kind::Scalar | Kind::Alias => {
                Op::Assign { flags: flags.assign, updates: false }
            }
            _ => Op::AssignAttributes(flags.assign),
        };
        let target = path_expr(path, flags.traverse, node.is_key);
        let assign = Expr::binary(op, target, Expr::leaf(Op::Reference(from)));
        self.eval(&context.single(to), Some(&assign))?;
        Ok(())
    }

    fn scalar_product(&mut self, left: Id, right: Id) -> Result<Id, Error> {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        let (left_tag, right_tag) = (guess_tag(a).into_owned(), guess_tag(b).into_owned());
        match (&*left_tag, &*right_tag) {
            ("!!str", "!!int") | ("!!int", "!!str") => self.repeat(left, right),
            _ => match numbers(a, &left_tag, b, &right_tag)? {
                Some(Number::Int(base, x, y)) => {
                    let value = base.write(x.wrapping_mul(y));
                    Ok(self.number_like(left, value, None))
                }
                Some(Number::Float(x, y)) => Ok(self.float_like(left, x * y)),
                None => Err(Error::evaluation(format!("{} times {}", a.tag, b.tag))),
            },
        }
    }

    fn repeat(&mut self, left: Id, right: Id) -> Result<Id, Error> {
        let is_left = &*self.tree.get(left).tag == "!!str";
        let (text, count) = if is_left { (left, right) } else { (right, left) };
        let count = parse_int(&self.tree.get(count).value).map_err(Error::evaluation)?;
        let count = usize::try_from(count)
            .map_err(|_| Error::evaluation("a text cannot be repeated less than 0 times"))?;
        let value = self.tree.get(text).value.clone();
        if value.len().saturating_mul(count) > REPEAT_LIMIT {
            return Err(Error::TooMuch { what: "a repeated text is too long" });
        }
        let target = self.tree.copy_alone(left);
        self.tree.update_attributes(target, text, AssignFlags::default());
        self.tree.get_mut(target).value = value.repeat(count).into();
        Ok(target)
    }
}
