//! `[1:3]`: part of an array or a text.

use super::super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::Expr;
use crate::number::parse_int;
use crate::scalar::guess_tag;
use crate::tree::{Id, Kind};

impl Evaluator<'_> {
    pub(super) fn slice(&mut self, context: &Context, slice: &Expr) -> Outcome {
        self.each(context, |own, id| {
            let from = own.slice_number(context, id, slice.lhs.as_deref())?;
            let to = own.slice_number(context, id, slice.rhs.as_deref())?;
            let node = own.tree.get(id);
            if node.kind == Kind::Scalar && guess_tag(node) == "!!str" {
                return Ok(Some(own.slice_text(id, from, to)));
            }
            let (from, to) = (clamp(from, node.content.len()), clamp(to, node.content.len()));
            let items = node.content.get(from..to).unwrap_or_default().to_vec();
            let tag = node.tag.clone();
            let new = own.tree.replacement(id, Kind::Sequence, &tag, "");
            own.tree.add_children(new, &items);
            Ok(Some(new))
        })
    }

    fn slice_number(
        &mut self,
        context: &Context,
        id: Id,
        expr: Option<&Expr>,
    ) -> Result<i64, Error> {
        let found = self.eval(&context.single(id), expr)?;
        match found.nodes.as_slice() {
            [one] => parse_int(&self.tree.get(*one).value).map_err(Error::evaluation),
            many => Err(Error::evaluation(format!("a slice needs one number, not {}", many.len()))),
        }
    }

    fn slice_text(&mut self, id: Id, from: i64, to: i64) -> Id {
        let node = self.tree.get(id);
        let (tag, style) = (node.tag.clone(), node.style);
        let length = node.value.chars().count();
        let (from, to) = (clamp(from, length), clamp(to, length));
        let text: String = node.value.chars().skip(from).take(to.saturating_sub(from)).collect();
        let new = self.tree.replacement(id, Kind::Scalar, &tag, text);
        self.tree.get_mut(new).style = style;
        new
    }
}

fn clamp(index: i64, length: usize) -> usize {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(length) } else { index };
    usize::try_from(index.clamp(0, length)).unwrap_or(0)
}
