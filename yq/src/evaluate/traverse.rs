//! Paths: keys, indexes, all children, slices, everything below.

mod keys;
mod slices;

use std::collections::HashSet;
use std::rc::Rc;

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Flags, Op, Traversal};
use crate::number::parse_int;
use crate::tree::{DEPTH_LIMIT, Id, Kind, Node, Step, Style};
pub(super) use keys::{LOOKS, is_match};

/// Follows a path step by step. With `to_key`, the last step gives the key instead of the value.
pub(super) fn path_expr(path: &[Step], flags: Flags, to_key: bool) -> Rc<Expr> {
    let to_last = Flags { with_keys: true, without_values: true, ..flags };
    let traversal = |(at, step): (usize, &Step)| Traversal {
        step: step.clone(),
        flags: if to_key && at + 1 == path.len() { to_last } else { flags },
    };
    Expr::leaf(Op::Follow(path.iter().enumerate().map(traversal).collect()))
}

impl Evaluator<'_> {
    pub(super) fn traverse_all(&mut self, context: &Context, traversal: &Traversal) -> Outcome {
        let mut found = Vec::new();
        for id in context.nodes.iter() {
            found.extend(self.traverse(context, *id, traversal)?);
        }
        Ok(context.child(found))
    }

    pub(super) fn follow(&mut self, context: &Context, path: &[Traversal]) -> Outcome {
        if path.len() > DEPTH_LIMIT {
            return Err(Error::TooMuch { what: "a path is too long" });
        }
        let mut found = context.clone();
        for traversal in path {
            found = self.traverse_all(&found, traversal)?;
        }
        Ok(found)
    }

    fn target(&self, mut id: Id) -> Result<Id, Error> {
        let mut seen = HashSet::new();
        while self.tree.get(id).kind == Kind::Alias {
            let next = self.tree.get(id).alias.filter(|_| seen.insert(id));
            id = next.ok_or_else(|| Error::evaluation("an alias without end"))?;
        }
        Ok(id)
    }

    fn traverse(
        &mut self,
        context: &Context,
        id: Id,
        traversal: &Traversal,
    ) -> Result<Vec<Id>, Error> {
        let id = self.target(id)?;
        if self.tree.get(id).is_null() && !context.is_read_only {
            let node = self.tree.get_mut(id);
            node.kind = match traversal.step {
                Step::Index(_) => Kind::Sequence,
                Step::Key(_) => Kind::Mapping,
            };
            node.tag = "".into();
        }
        let step: Rc<str> = traversal.step.to_string().into();
        match self.tree.get(id).kind {
            Kind::Mapping => {
                let key = Node::text(step);
                self.traverse_mapping(context, id, Some(&key), traversal.flags)
            }
            Kind::Sequence => self.traverse_sequence(id, &[step], traversal.flags),
            _ => Ok(vec![]),
        }
    }

    pub(super) fn traverse_array(
        &mut self,
        context: &Context,
        expr: &Expr,
        flags: Flags,
    ) -> Outcome {
        let left = self.eval(context, expr.lhs.as_deref())?;
        let inside = expr.rhs.as_deref().and_then(|collect| collect.rhs.as_deref());
        if let Some(slice) = inside.filter(|inside| matches!(inside.op, Op::CreateMap)) {
            return self.slice(&left, slice);
        }
        let indices = self.eval(&context.read_only(), expr.rhs.as_deref())?;
        let indices = indices.first().map(|id| self.tree.get(id).content.clone());
        let found = self.children_at(&left, &indices.unwrap_or_default(), flags)?;
        Ok(context.with(found.nodes))
    }

    /// All children of all matches.
    pub(super) fn splat(&mut self, context: &Context, flags: Flags) -> Outcome {
        self.children_at(context, &[], flags)
    }

    fn children_at(&mut self, context: &Context, indices: &[Id], flags: Flags) -> Outcome {
        let mut found = Vec::new();
        for id in context.nodes.iter() {
            found.extend(self.children_of(context, *id, indices, flags)?);
        }
        Ok(context.child(found))
    }

    fn children_of(
        &mut self,
        context: &Context,
        id: Id,
        indices: &[Id],
        flags: Flags,
    ) -> Result<Vec<Id>, Error> {
        let id = self.target(id)?;
        if self.tree.get(id).is_null() {
            let is_key = indices.first().is_some_and(|at| &*self.tree.get(*at).tag != "!!int");
            let node = self.tree.get_mut(id);
            node.tag = "".into();
            node.kind = if is_key { Kind::Mapping } else { Kind::Sequence };
        }
        match self.tree.get(id).kind {
            Kind::Sequence if indices.is_empty() => Ok(self.tree.get(id).content.clone()),
            Kind::Sequence => {
                let steps: Vec<_> =
                    indices.iter().map(|at| self.tree.get(*at).value.clone()).collect();
                self.traverse_sequence(id, &steps, flags)
            }
            Kind::Mapping if indices.is_empty() => self.traverse_mapping(context, id, None, flags),
            Kind::Mapping => {
                let mut found = Vec::new();
                for index in indices {
                    let key = self.tree.get(*index).clone();
                    found.extend(self.traverse_mapping(context, id, Some(&key), flags)?);
                }
                Ok(found)
            }
            _ => Ok(vec![]),
        }
    }

    fn traverse_sequence(
        &mut self,
        id: Id,
        steps: &[Rc<str>],
        flags: Flags,
    ) -> Result<Vec<Id>, Error> {
        let mut found = Vec::new();
        for step in steps {
            let index = match parse_int(step) {
                Ok(index) => index,
                Err(_) if flags.is_optional => continue,
                Err(reason) => {
                    return Err(Error::evaluation(format!("no index of an array: {reason}")));
                }
            };
            self.lengthen(id, index)?;
            let content = &self.tree.get(id).content;
            let length = i64::try_from(content.len()).unwrap_or(i64::MAX);
            let at = if index < 0 { length + index } else { index };
            let item = usize::try_from(at).ok().and_then(|at| content.get(at));
            let item = item.ok_or_else(|| {
                Error::evaluation(format!(
                    "index [{index}] is out of range: the array has {length}"
                ))
            })?;
            found.push(*item);
        }
        Ok(found)
    }

    /// Adds nulls until the index is there.
    fn lengthen(&mut self, id: Id, index: i64) -> Result<(), Error> {
        while i64::try_from(self.tree.get(id).content.len()).is_ok_and(|length| length <= index) {
            if self.tree.get(id).content.is_empty() {
                self.tree.get_mut(id).style = Style::PLAIN;
            }
            let item = self.tree.add(Node::null("null"));
            self.tree.adopt_item(id, item);
            self.tree.check()?;
        }
        Ok(())
    }

    pub(super) fn descend_all(&mut self, context: &Context, with_keys: bool) -> Outcome {
        let flags = Flags { stays_at_alias: true, with_keys, ..Flags::default() };
        let mut found = Vec::new();
        self.descend(&mut found, context, flags, true)?;
        Ok(context.child(found))
    }

    /// All matches and what is below them.
    pub(super) fn descend(
        &mut self,
        found: &mut Vec<Id>,
        context: &Context,
        flags: Flags,
        into_arrays: bool,
    ) -> Result<(), Error> {
        self.work += context.nodes.len();
        for id in context.nodes.iter() {
            found.push(*id);
            let node = self.tree.get(*id);
            let is_array = node.kind == Kind::Sequence;
            let goes = node.kind != Kind::Alias && !node.content.is_empty();
            if goes && (into_arrays || !is_array) {
                let children = self.splat(&context.single(*id), flags)?;
                self.descend(found, &children, flags, into_arrays)?;
            }
        }
        Ok(())
    }
}
