//! `[...]`, `{...}`, `map`, `select`, `filter`, `first`, `with`.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Flags, MergeFlags, Op};
use crate::scalar::is_truthy;
use crate::tree::{AssignFlags, Id, Kind, Node, Style};

impl Evaluator<'_> {
    pub(super) fn collecting(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match expr.op {
            Op::Collect => self.collect(context, expr.rhs.as_deref()),
            Op::CreateMap => self.create_map(context, expr),
            _ => self.collect_object(context),
        }
    }

    fn collect(&mut self, context: &Context, inside: Option<&Expr>) -> Outcome {
        if context.nodes.is_empty() {
            let empty = self.tree.add(Node { value: "[]".into(), ..Node::sequence() });
            return Ok(context.single(empty));
        }
        self.each(context, |own, id| {
            let array = own.tree.replacement(id, Kind::Sequence, "!!seq", "");
            let found = own.eval(&context.single(id), inside)?;
            own.tree.add_children(array, &found.nodes);
            Ok(Some(array))
        })
    }

    /// All nodes in one new array.
    pub(super) fn array_of(&mut self, nodes: &[Id]) -> Id {
        let array = self.tree.add(Node::sequence());
        self.tree.add_children(array, nodes);
        array
    }

    /// For each match the list of mappings that the pair `key: value` makes.
    fn create_map(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let mut lists = Vec::new();
        if context.nodes.is_empty() {
            lists.push(self.pairs_for(context, None, expr)?);
        }
        for id in context.nodes.iter() {
            lists.push(self.pairs_for(context, Some(*id), expr)?);
        }
        let all = self.array_of(&lists);
        Ok(context.single(all))
    }

    fn pairs_for(&mut self, context: &Context, id: Option<Id>, expr: &Expr) -> Result<Id, Error> {
        let document = id.map_or(0, |id| self.tree.document(id));
        let context = context.child(id.into_iter().collect());
        let pairs = self.cross(
            &context,
            expr,
            super::cross::Manner::default(),
            &mut |own, _, key, value| {
                let (Some(key), Some(value)) = (key, value) else { return Ok(None) };
                let mapping = own.tree.add(Node { document, ..Node::mapping() });
                own.tree.add_pair(mapping, key, value);
                Ok(Some(mapping))
            },
        )?;
        let list = self.array_of(&pairs.nodes);
        let node = self.tree.get_mut(list);
        (node.style, node.document) = (Style::FLOW, document);
        Ok(list)
    }

    /// Each combination of the pairs of one match, merged.
    fn collect_object(&mut self, context: &Context) -> Outcome {
        let context = context.writable();
        let Some(first) = context.first() else {
            let empty = self.tree.add(Node { value: "{}".into(), ..Node::mapping() });
            return Ok(context.single(empty));
        };
        let width = self.tree.get(first).content.len();
        let mut results = Vec::new();
        for column in 0..width {
            let mut lists = Vec::new();
            for id in context.nodes.iter() {
                let list = self.tree.get(*id).content.get(column).copied();
                lists.push(list.ok_or_else(|| Error::evaluation("keys and values do not match"))?);
            }
            for made in self.combine(&context, &lists)? {
                let made = self.tree.copy(made);
                let node = self.tree.get_mut(made);
                (node.parent, node.key) = (None, None);
                results.push(made);
            }
        }
        Ok(context.child(results))
    }

    fn combine(&mut self, context: &Context, lists: &[Id]) -> Result<Vec<Id>, Error> {
        let flags = Flags { stays_at_alias: true, ..Flags::default() };
        let mut made: Vec<Id> = Vec::new();
        for list in lists {
            let splatted = self.splat(&context.single(*list), flags)?;
            if made.is_empty() {
                made = splatted.nodes.to_vec();
                continue;
            }
            let mut next = Vec::new();
            for so_far in made {
                for more in splatted.nodes.iter() {
                    let copy = self.tree.copy(so_far);
                    next.push(self.product(context, copy, *more, MergeFlags::default())?);
                }
            }
            self.tree.check()?;
            made = next;
        }
        Ok(made)
    }

    pub(super) fn mapping_over(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let inside = expr.rhs.as_deref();
        match expr.op {
            Op::Select => self.select(context, inside),
            Op::Map => self.map(context, inside),
            Op::MapValues => {
                for id in context.nodes.iter() {
                    let children = self.splat(&context.single(*id), Flags::default())?;
                    let flags = AssignFlags::default();
                    self.update_each(&children.nodes, &children, inside, flags)?;
                }
                Ok(context.clone())
            }
            Op::Filter => self.each(context, |own, id| {
                let children = own.splat(&context.single(id), Flags::default())?;
                let kept = own.select(&children, inside)?;
                Ok(Some(own.array_like(id, &kept.nodes)))
            }),
            Op::First => self.first(context, inside),
            _ => self.with_path(context, inside),
        }
    }

    fn array_like(&mut self, id: Id, nodes: &[Id]) -> Id {
        let array = self.array_of(nodes);
        self.tree.get_mut(array).style = self.tree.get(id).style;
        array
    }

    fn map(&mut self, context: &Context, inside: Option<&Expr>) -> Outcome {
        self.each(context, |own, id| {
            let children = own.splat(&context.single(id), Flags::default())?;
            if children.nodes.is_empty() {
                return Ok(Some(own.tree.copy(id)));
            }
            let mapped = own.eval(&children, inside)?;
            Ok(Some(own.array_like(id, &mapped.nodes)))
        })
    }

    fn is_selected(&mut self, context: &Context, inside: Option<&Expr>) -> Result<bool, Error> {
        let found = self.eval(context, inside)?;
        Ok(found.nodes.iter().any(|id| is_truthy(self.tree.get(*id))))
    }

    fn select(&mut self, context: &Context, inside: Option<&Expr>) -> Outcome {
        self.each(context, |own, id| {
            let is_selected = own.is_selected(&context.single_read_only(id), inside)?;
            Ok(is_selected.then_some(id))
        })
    }

    fn first(&mut self, context: &Context, inside: Option<&Expr>) -> Outcome {
        self.each(context, |own, id| {
            if inside.is_none() {
                return Ok(own.tree.get(id).content.first().copied());
            }
            let children = own.splat(&context.single(id), Flags::default())?;
            for child in children.nodes.iter() {
                if own.is_selected(&context.single(*child), inside)? {
                    return Ok(Some(*child));
                }
            }
            Ok(None)
        })
    }

    fn with_path(&mut self, context: &Context, inside: Option<&Expr>) -> Outcome {
        let Some(block) = inside.filter(|inside| matches!(inside.op, Op::Block)) else {
            return Err(Error::evaluation(
                "`with` needs a path and an expression: `with(.a; ...)`",
            ));
        };
        let found = self.eval(context, block.lhs.as_deref())?;
        for id in found.nodes.iter() {
            self.eval(&found.single(*id), block.rhs.as_deref())?;
        }
        Ok(context.clone())
    }
}
