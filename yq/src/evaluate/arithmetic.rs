//! `+`, `-`, `/`, `%`.

use super::cross::Manner;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};
use crate::number::{Base, parse_based, parse_float, write_float};
use crate::scalar::guess_tag;
use crate::tree::{Id, Kind, Node, Style};

/// Two numbers of one type.
pub(super) enum Number {
    Int(Base, i64, i64),
    Float(f64, f64),
}

/// The numbers of two nodes; none if one is no number.
pub(super) fn numbers(
    a: &Node,
    left: &str,
    b: &Node,
    right: &str,
) -> Result<Option<Number>, Error> {
    let is_number = |tag: &str| tag == "!!int" || tag == "!!float";
    if !is_number(left) || !is_number(right) {
        return Ok(None);
    }
    if left == "!!int" && right == "!!int" {
        let (base, x) = parse_based(&a.value).map_err(Error::evaluation)?;
        let (_, y) = parse_based(&b.value).map_err(Error::evaluation)?;
        return Ok(Some(Number::Int(base, x, y)));
    }
    let x = parse_float(&a.value).map_err(Error::evaluation)?;
    let y = parse_float(&b.value).map_err(Error::evaluation)?;
    Ok(Some(Number::Float(x, y)))
}

impl Evaluator<'_> {
    pub(super) fn arithmetic(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let is_sum = matches!(expr.op, Op::Add);
        let manner =
            Manner { when_empty: is_sum && !context.nodes.is_empty(), ..Manner::default() };
        let op = &expr.op;
        self.cross(&context.read_only(), expr, manner, &mut |own, _, left, right| match (
            left, right,
        ) {
            (Some(left), Some(right)) => match op {
                Op::Add => own.add(left, right),
                Op::Subtract => own.subtract(left, right),
                op => own.divide(left, right, matches!(op, Op::Modulo)),
            }
            .map(Some),
            (one, other) => Ok(one.or(other).map(|id| own.tree.copy(id))),
        })
    }

    fn mismatch(&self, left: Id, right: Id, what: &str) -> Error {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        let (at, other) = (self.tree.nice_path(left), self.tree.nice_path(right));
        Error::evaluation(format!("{} ({at}) {what} {} ({other})", a.tag, b.tag))
    }

    /// A node like the left one, with a new value.
    pub(super) fn number_like(&mut self, left: Id, value: String, tag: Option<&str>) -> Id {
        let target = self.tree.copy_alone(left);
        let node = self.tree.get_mut(target);
        node.kind = Kind::Scalar;
        node.value = value.into();
        if let Some(tag) = tag {
            node.tag = tag.into();
        }
        target
    }

    /// A tag of the user's own stays.
    pub(super) fn float_like(&mut self, left: Id, value: f64) -> Id {
        let is_custom = !self.tree.get(left).tag.starts_with("!!");
        let tag = (!is_custom).then_some("!!float");
        self.number_like(left, write_float(value), tag)
    }

    fn add(&mut self, left: Id, right: Id) -> Result<Id, Error> {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        if a.is_null() {
            return Ok(self.tree.copy_in_place_of(left, right));
        }
        match a.kind {
            Kind::Mapping if b.kind == Kind::Mapping => Ok(self.add_mappings(left, right)),
            Kind::Sequence => Ok(self.add_sequences(left, right)),
            Kind::Scalar if b.kind == Kind::Scalar => self.add_scalars(left, right),
            Kind::Mapping | Kind::Scalar => Err(self.mismatch(left, right, "plus")),
            Kind::Alias | Kind::Unset => Ok(self.tree.copy_alone(left)),
        }
    }

    fn add_scalars(&mut self, left: Id, right: Id) -> Result<Id, Error> {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        let (left_tag, right_tag) = (guess_tag(a).into_owned(), guess_tag(b).into_owned());
        if &*a.tag == "!!timestamp" {
            return Err(Error::unsupported("+ on a date"));
        }
        if left_tag == "!!str" || right_tag == "!!str" {
            let is_left = left_tag == "!!str";
            let tag = if is_left { a.tag.clone() } else { b.tag.clone() };
            let more = if is_left && right_tag == "!!null" { "" } else { &b.value };
            let value = format!("{}{more}", a.value);
            return Ok(self.number_like(left, value, Some(&tag)));
        }
        match numbers(a, &left_tag, b, &right_tag)? {
            Some(Number::Int(base, x, y)) => {
                Ok(self.number_like(left, base.write(x.wrapping_add(y)), None))
            }
            Some(Number::Float(x, y)) => Ok(self.float_like(left, x + y)),
            None => Err(self.mismatch(left, right, "plus")),
        }
    }

    fn add_sequences(&mut self, left: Id, right: Id) -> Id {
        let target = self.tree.copy_alone(left);
        let items = self.tree.get(left).content.clone();
        if items.is_empty() {
            self.tree.get_mut(target).style = Style::PLAIN;
        }
        self.tree.add_children(target, &items);
        let more = self.tree.get(right);
        if more.is_null() {
            return target;
        }
        if more.kind == Kind::Sequence {
            let more = more.content.clone();
            self.tree.add_children(target, &more);
        } else {
            let style = items.first().map(|first| self.tree.get(*first).style);
            let item = self.tree.add_item(target, right);
            if let Some(style) = style {
                self.tree.get_mut(item).style = style;
            }
        }
        target
    }

    fn add_mappings(&mut self, left: Id, right: Id) -> Id {
        let target = self.tree.copy_alone(left);
        let pairs = self.tree.get(left).content.clone();
        if pairs.is_empty() {
            self.tree.get_mut(target).style = Style::PLAIN;
        }
        self.tree.add_children(target, &pairs);
        let more: Vec<_> = self.tree.get(right).pairs().collect();
        for (key, value) in more {
            self.work += pairs.len() / super::traverse::LOOKS;
            if self.work > super::WORK_LIMIT {
                break;
            }
            let at = self.tree.find_equal_key(target, key).map(|at| at + 1);
            match at.and_then(|at| self.tree.get(target).content.get(at).map(|old| (at, *old))) {
                None => {
                    self.tree.add_pair(target, key, value);
                }
                Some((at, old)) => {
                    let new = self.tree.copy_in_place_of(old, value);
                    if let Some(place) = self.tree.get_mut(target).content.get_mut(at) {
                        *place = new;
                    }
                }
            }
        }
        target
    }

    fn subtract(&mut self, left: Id, right: Id) -> Result<Id, Error> {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        if a.is_null() {
            return Ok(self.tree.copy_in_place_of(left, right));
        }
        if a.kind != b.kind || a.kind == Kind::Mapping {
            return Err(self.mismatch(left, right, "minus"));
        }
        if a.kind == Kind::Sequence {
            let kept =
                a.content.iter().copied().filter(|item| {
                    !b.content.iter().any(|other| self.tree.is_equal(*item, *other))
                });
            let kept = kept.collect();
            let target = self.tree.copy_alone(left);
            self.tree.get_mut(target).content = kept;
            return Ok(target);
        }
        let (left_tag, right_tag) = (guess_tag(a).into_owned(), guess_tag(b).into_owned());
        if left_tag == "!!timestamp" {
            return Err(Error::unsupported("- on a date"));
        }
        match numbers(a, &left_tag, b, &right_tag)? {
            Some(Number::Int(base, x, y)) => {
                Ok(self.number_like(left, base.write(x.wrapping_sub(y)), None))
            }
            Some(Number::Float(x, y)) => Ok(self.float_like(left, x - y)),
            None => Err(self.mismatch(left, right, "minus")),
        }
    }

    fn divide(&mut self, left: Id, right: Id, is_modulo: bool) -> Result<Id, Error> {
        let (a, b) = (self.tree.get(left), self.tree.get(right));
        let what = if is_modulo { "modulo" } else { "divided by" };
        if a.is_null() || a.kind != Kind::Scalar || b.kind != Kind::Scalar {
            return Err(self.mismatch(left, right, what));
        }
        let (left_tag, right_tag) = (guess_tag(a).into_owned(), guess_tag(b).into_owned());
        if left_tag == "!!str" && right_tag == "!!str" && !is_modulo {
            let parts = super::texts::split(&a.value, &b.value);
            let target = self.tree.copy_alone(left);
            return Ok(self.fill_with_texts(target, parts));
        }
        match numbers(a, &left_tag, b, &right_tag)? {
            Some(Number::Int(_, _, 0)) if is_modulo => Err(Error::evaluation("modulo 0")),
            Some(Number::Int(base, x, y)) if is_modulo => {
                Ok(self.number_like(left, base.write(x.wrapping_rem(y)), None))
            }
            Some(Number::Float(x, y)) if is_modulo => Ok(self.float_like(left, x % y)),
            Some(_) => {
                let x = parse_float(&a.value).map_err(Error::evaluation)?;
                let y = parse_float(&b.value).map_err(Error::evaluation)?;
                Ok(self.float_like(left, x / y))
            }
            None => Err(self.mismatch(left, right, what)),
        }
    }
}
