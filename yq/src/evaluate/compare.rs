//! `==`, `!=`, `<` and the like, `min`, `max`, `contains`.

use std::cmp::Ordering;

use super::arithmetic::{Number, numbers};
use super::cross::Manner;
use super::traverse::is_match;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Comparison, Expr, Flags, Op};
use crate::scalar::{guess_tag, is_timestamp, is_truthy};
use crate::tree::{Id, Kind, Node};

impl Evaluator<'_> {
    pub(super) fn comparison(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let manner = Manner { when_empty: true, ..Manner::default() };
        match expr.op {
            Op::Equals => self.equals(context, expr, true),
            Op::NotEquals => self.equals(&context.read_only(), expr, false),
            Op::Compare(how) => self.cross(context, expr, manner, &mut |own, _, left, right| {
                own.compare(how, left, right).map(Some)
            }),
            Op::Min => self.extreme(context, Comparison { or_equal: false, greater: false }),
            Op::Max => self.extreme(context, Comparison { or_equal: false, greater: true }),
            _ => self.contains_all(context, expr),
        }
    }

    fn equals(&mut self, context: &Context, expr: &Expr, wanted: bool) -> Outcome {
        let manner = Manner { when_empty: true, ..Manner::default() };
        self.cross(context, expr, manner, &mut |own, _, left, right| {
            let (owner, value) = match (left, right) {
                (None, None) => (None, true),
                (Some(one), None) | (None, Some(one)) => (Some(one), own.tree.get(one).is_null()),
                (Some(left), Some(right)) => {
                    (Some(left), is_same(own.tree.get(left), own.tree.get(right)))
                }
            };
            Ok(Some(own.boolean(owner, value == wanted)))
        })
    }

    fn compare(
        &mut self,
        how: Comparison,
        left: Option<Id>,
        right: Option<Id>,
    ) -> Result<Id, Error> {
        let (Some(left), Some(right)) = (left, right) else {
            let is_nothing = left.is_none() && right.is_none();
            return Ok(self.boolean(left.or(right), is_nothing && how.or_equal));
        };
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        let is_collection = |kind| matches!(kind, Kind::Mapping | Kind::Sequence);
        if is_collection(a.kind) || b.kind != Kind::Scalar {
            return Err(Error::evaluation(format!("{} compared with {}", a.tag, b.tag)));
        }
        let value = is_ordered(how, a, b)?;
        let owner = self.tree.copy_alone(left);
        Ok(self.boolean(Some(owner), value))
    }

    fn extreme(&mut self, context: &Context, how: Comparison) -> Outcome {
        self.each(context, |own, id| {
            let children = own.splat(&context.single(id), Flags::default())?;
            let mut best = children.first();
            for child in children.nodes.iter().skip(1) {
                let is_better = own.compare(how, Some(*child), best)?;
                if is_truthy(own.tree.get(is_better)) {
                    best = Some(*child);
                }
            }
            Ok(best)
        })
    }

    fn contains_all(&mut self, context: &Context, expr: &Expr) -> Outcome {
        self.cross(&context.read_only(), expr, Manner::default(), &mut |own, _, left, right| {
            let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
            let (a, b) = (own.tree.get(left), own.tree.get(right));
            if a.kind != b.kind {
                return Err(Error::evaluation(format!("{} in {}", b.tag, a.tag)));
            }
            let value = own.contains(left, right)?;
            Ok(Some(own.boolean(Some(left), value)))
        })
    }

    fn contains(&self, left: Id, right: Id) -> Result<bool, Error> {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        match a.kind {
            Kind::Mapping if b.kind == Kind::Mapping => self.contains_pairs(left, b),
            Kind::Mapping => Ok(false),
            Kind::Sequence if b.kind != Kind::Sequence => self.contains_item(a, right),
            Kind::Sequence => {
                for item in &b.content {
                    if !self.contains_item(a, *item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Kind::Scalar if b.kind != Kind::Scalar || a.tag != b.tag => Ok(false),
            Kind::Scalar if a.is_null() => Ok(true),
            Kind::Scalar if &*a.tag == "!!str" => Ok(a.value.contains(&*b.value)),
            Kind::Scalar => Ok(a.value == b.value),
            _ => Err(Error::evaluation(format!("contains on {}", a.tag))),
        }
    }

    fn contains_item(&self, array: &Node, item: Id) -> Result<bool, Error> {
        for candidate in &array.content {
            if self.contains(*candidate, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn contains_pairs(&self, left: Id, right: &Node) -> Result<bool, Error> {
        for (key, value) in right.pairs() {
            let at = self.tree.find_equal_key(left, key);
            let own = at.and_then(|at| self.tree.get(left).content.get(at + 1));
            let is_in = match own {
                Some(own) => self.contains(*own, value)?,
                None => false,
            };
            if !is_in {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The right side may hold wildcards.
fn is_same(a: &Node, b: &Node) -> bool {
    if a.is_null() {
        return b.is_null();
    }
    let are_scalars = a.kind == Kind::Scalar && b.kind == Kind::Scalar;
    are_scalars && is_match(&a.value, &b.value, false)
}

fn is_ordered(how: Comparison, a: &Node, b: &Node) -> Result<bool, Error> {
    let (left, right) = (guess_tag(a), guess_tag(b));
    let may_be_date = &*a.tag == "!!timestamp" || left == "!!str";
    if may_be_date && is_timestamp(&a.value) && !is_plain_date(&a.value, &b.value) {
        return Err(Error::unsupported("a comparison of dates with times"));
    }
    if let Some(number) = numbers(a, &left, b, &right)? {
        return Ok(match number {
            Number::Int(_, x, y) => fits(how, Some(x.cmp(&y))),
            Number::Float(x, y) => fits(how, x.partial_cmp(&y)),
        });
    }
    match (&*left, &*right) {
        ("!!str" | "!!timestamp", "!!str" | "!!timestamp") => {
            Ok(fits(how, Some(a.value.cmp(&b.value))))
        }
        ("!!null", "!!null") => Ok(how.or_equal),
        ("!!null", _) | (_, "!!null") => Ok(false),
        _ => Err(Error::evaluation(format!("{} compared with {}", a.tag, b.tag))),
    }
}

/// Dates of one form are in the order of their texts.
pub(super) fn is_plain_date(a: &str, b: &str) -> bool {
    let is_plain = |text: &str| text.len() == 10 && is_timestamp(text);
    is_plain(a) && is_plain(b)
}

fn fits(how: Comparison, order: Option<Ordering>) -> bool {
    match order {
        Some(Ordering::Equal) => how.or_equal,
        Some(Ordering::Greater) => how.greater,
        // Nothing is less or more than "not a number".
        Some(Ordering::Less) => !how.greater,
        None => false,
    }
}
