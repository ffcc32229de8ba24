//! `sort`, `sort_by`, `sort_keys`, `reverse`.

use std::cmp::Ordering;

use super::arithmetic::{Number, numbers};
use super::compare::is_plain_date;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};
use crate::scalar::{guess_tag, is_truthy};
use crate::tree::{Id, Kind, Node};

/// A value and what it is sorted by.
struct Entry {
    id: Id,
    marks: Vec<Id>,
}

impl Evaluator<'_> {
    pub(super) fn sorting(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match expr.op {
            Op::Sort => self.sort(context, None),
            Op::SortBy => self.sort(context, expr.rhs.as_deref()),
            Op::Reverse => self.each(context, Self::reverse),
            _ => self.sort_keys(context, expr.rhs.as_deref()),
        }
    }

    fn reverse(&mut self, id: Id) -> Result<Option<Id>, Error> {
        let node = self.tree.get(id);
        if node.kind != Kind::Sequence {
            return Err(Error::evaluation(format!("{} is no array", self.tree.nice_path(id))));
        }
        let (style, mut items) = (node.style, node.content.clone());
        items.reverse();
        let new = self.tree.replacement_with_comments(id, Kind::Sequence, "!!seq", style);
        self.tree.add_children(new, &items);
        Ok(Some(new))
    }

    fn sort(&mut self, context: &Context, by: Option<&Expr>) -> Outcome {
        self.each(context, |own, id| {
            let node = own.tree.get(id);
            let values: Vec<Id> = match node.kind {
                Kind::Mapping => node.pairs().map(|(_, value)| value).collect(),
                Kind::Sequence => node.content.clone(),
                _ => return Err(Error::evaluation(format!("{} cannot be sorted", node.tag))),
            };
            let mut entries = Vec::with_capacity(values.len());
            for value in values {
                let marks = own.eval(&context.single_read_only(value), by)?.nodes.to_vec();
                entries.push(Entry { id: value, marks });
            }
            own.sort_entries(&mut entries)?;
            let is_mapping = own.tree.get(id).kind == Kind::Mapping;
            let sorted = own.tree.copy_alone(id);
            for entry in entries {
                match own.tree.get(entry.id).key.filter(|_| is_mapping) {
                    Some(key) => {
                        own.tree.add_pair(sorted, key, entry.id);
                    }
                    None => {
                        own.tree.add_item(sorted, entry.id);
                    }
                }
            }
            Ok(Some(sorted))
        })
    }

    /// By insertion from the back: the order of texts and numbers mixed is none, and a sort that
    /// relies on one would give up.
    fn sort_entries(&mut self, entries: &mut [Entry]) -> Result<(), Error> {
        for end in 1..entries.len() {
            let mut at = end;
            while at > 0 {
                let (Some(a), Some(b)) = (entries.get(at), entries.get(at - 1)) else { break };
                self.work += 1;
                if self.work > super::WORK_LIMIT {
                    return Err(Error::TooMuch { what: "the array is too long to be sorted" });
                }
                if !self.is_less(a, b)? {
                    break;
                }
                entries.swap(at, at - 1);
                at -= 1;
            }
        }
        Ok(())
    }

    fn is_less(&self, a: &Entry, b: &Entry) -> Result<bool, Error> {
        for (left, right) in a.marks.iter().zip(&b.marks) {
            match order(self.tree.get(*left), self.tree.get(*right))? {
                Ordering::Equal => {}
                order => return Ok(order.is_lt()),
            }
        }
        Ok(a.marks.len() < b.marks.len())
    }

    fn sort_keys(&mut self, context: &Context, target: Option<&Expr>) -> Outcome {
        for id in context.nodes.iter() {
            let found = self.eval(&context.single_read_only(*id), target)?;
            for mapping in found.nodes.iter() {
                if self.tree.get(*mapping).kind == Kind::Mapping {
                    self.sort_one(*mapping);
                }
            }
        }
        Ok(context.clone())
    }

    /// Of keys with the same text, the last one stands for all.
    fn sort_one(&mut self, mapping: Id) {
        let mut pairs: Vec<(Id, Id)> = self.tree.get(mapping).pairs().collect();
        let text = |id: Id| &self.tree.get(id).value;
        pairs.sort_by(|a, b| text(a.0).cmp(text(b.0)));
        let mut sorted = Vec::with_capacity(2 * pairs.len());
        for group in pairs.chunk_by(|a, b| text(a.0) == text(b.0)) {
            if let Some((key, value)) = group.last() {
                for _ in group {
                    sorted.extend([*key, *value]);
                }
            }
        }
        self.tree.get_mut(mapping).content = sorted;
    }
}

/// Null, then false, then true, then the rest.
fn order(a: &Node, b: &Node) -> Result<Ordering, Error> {
    let (left, right) = (guess_tag(a), guess_tag(b));
    let rank = |tag: &str| match tag {
        "!!null" => 0,
        "!!bool" => 1,
        _ => 2,
    };
    let ranks = rank(&left).cmp(&rank(&right));
    if ranks.is_ne() {
        return Ok(ranks);
    }
    if left == "!!bool" {
        return Ok(is_truthy(a).cmp(&is_truthy(b)));
    }
    let are_dates = left == "!!timestamp" && right == "!!timestamp";
    if are_dates && !is_plain_date(&a.value, &b.value) {
        return Err(Error::unsupported("sorting dates with times"));
    }
    match numbers(a, &left, b, &right)? {
        Some(Number::Int(_, x, y)) => Ok(x.wrapping_sub(y).cmp(&0)),
        Some(Number::Float(x, y)) => Ok(x.partial_cmp(&y).unwrap_or(Ordering::Greater)),
        None => Ok(a.value.cmp(&b.value)),
    }
}
