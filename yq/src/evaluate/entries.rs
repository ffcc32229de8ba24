//! `to_entries`, `from_entries`, `with_entries`.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Flags, Op};
use crate::tree::{Id, Kind, Node, Style};

impl Evaluator<'_> {
    pub(super) fn entries(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match expr.op {
            Op::ToEntries => self.split_entries(context),
            Op::FromEntries => self.join_entries(context),
            _ => self.with_entries(context, expr),
        }
    }

    fn split_entries(&mut self, context: &Context) -> Outcome {
        self.each(context, |own, id| {
            let node = own.tree.get(id);
            let pairs: Vec<(Id, Id)> = match node.kind {
                Kind::Mapping => node.pairs().collect(),
                Kind::Sequence => {
                    let items = node.content.clone();
                    let number = |at: usize| Node::new(Kind::Scalar, "!!int", at.to_string());
                    items
                        .into_iter()
                        .enumerate()
                        .map(|(at, item)| (own.tree.add(number(at)), item))
                        .collect()
                }
                _ if node.is_null() => return Ok(None),
                _ => return Err(Error::evaluation(format!("{} has no keys", node.tag))),
            };
            let list =
                own.tree.replacement_with_comments(id, Kind::Sequence, "!!seq", Style::PLAIN);
            for (key, value) in pairs {
                let entry = own.entry(key, value);
                own.tree.adopt_item(list, entry);
            }
            Ok(Some(list))
        })
    }

    fn entry(&mut self, key: Id, value: Id) -> Id {
        let entry = self.tree.add(Node::mapping());
        for (name, node) in [("key", key), ("value", value)] {
            let name = self.tree.add(Node::text(name));
            self.tree.add_pair(entry, name, node);
        }
        entry
    }

    fn join_entries(&mut self, context: &Context) -> Outcome {
        self.each(context, |own, id| {
            if own.tree.get(id).kind != Kind::Sequence {
                return Err(Error::evaluation("`from_entries` needs an array"));
            }
            let entries = own.tree.get(id).content.clone();
            let mapping = own.tree.copy_alone(id);
            for entry in entries {
                let key = own.part(entry, "key")?;
                let value = own.part(entry, "value")?;
                own.tree.add_pair(mapping, key, value);
            }
            let node = own.tree.get_mut(mapping);
            (node.kind, node.tag) = (Kind::Mapping, "!!map".into());
            Ok(Some(mapping))
        })
    }

    fn part(&self, entry: Id, name: &str) -> Result<Id, Error> {
        let part = self.tree.value_of(entry, name);
        part.ok_or_else(|| Error::evaluation(format!("an entry without `{name}`")))
    }

    fn with_entries(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let lists = self.split_entries(context)?;
        let mut results = Vec::new();
        for list in lists.nodes.iter() {
            let entries = self.splat(&context.single(*list), Flags::default())?;
            let mut changed = Vec::new();
            for entry in entries.nodes.iter() {
                let found = self.eval(&entries.single(*entry), expr.rhs.as_deref())?;
                changed.extend(found.nodes.iter());
            }
            let collected = self.array_of(&changed);
            let Node { leading, head, foot, .. } = self.tree.get(*list).clone();
            let node = self.tree.get_mut(collected);
            (node.leading, node.head, node.foot) = (leading, head, foot);
            let made = self.join_entries(&context.single(collected))?;
            results.extend(made.nodes.iter());
        }
        Ok(context.child(results))
    }
}
