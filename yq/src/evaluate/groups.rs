//! `unique`, `group_by`, `flatten`, `pick`, `omit`.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};
use crate::number::parse_int;
use crate::tree::{Id, Kind, Node};

impl Evaluator<'_> {
    pub(super) fn grouping(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let by = expr.rhs.as_deref();
        match expr.op {
            Op::Unique => self.unique(context, None),
            Op::UniqueBy => self.unique(context, by),
            Op::GroupBy => self.group(context, by),
            Op::Flatten(depth) => {
                for id in context.nodes.iter() {
                    self.items_of(*id, "flatten")?;
                    self.flatten(*id, depth);
                }
                Ok(context.clone())
            }
            Op::Pick => self.pick(context, by),
            _ => self.omit(context, by),
        }
    }

    fn items_of(&self, id: Id, what: &str) -> Result<Vec<Id>, Error> {
        let node = self.tree.get(id);
        if node.kind == Kind::Sequence {
            return Ok(node.content.clone());
        }
        Err(Error::evaluation(format!("`{what}` needs an array, not {}", node.tag)))
    }

    /// What an item is told apart by: the text of a scalar, or the YAML of a collection.
    fn mark(&mut self, context: &Context, id: Id, by: Option<&Expr>) -> Result<Option<Id>, Error> {
        match by {
            None => Ok(Some(id)),
            Some(_) => Ok(self.eval(&context.single_read_only(id), by)?.first()),
        }
    }

    fn unique(&mut self, context: &Context, by: Option<&Expr>) -> Outcome {
        self.each(context, |own, id| {
            let items = own.items_of(id, "unique")?;
            let mut seen = std::collections::HashSet::new();
            let mut kept = Vec::new();
            for item in items {
                let mark = match own.mark(context, item, by)? {
                    None => "null".to_owned(),
                    Some(mark) if own.tree.get(mark).kind == Kind::Scalar => {
                        own.tree.get(mark).value.to_string()
                    }
                    Some(mark) => own.yaml_text(mark)?,
                };
                if seen.insert(mark) {
                    kept.push(item);
                }
            }
            let style = own.tree.get(id).style;
            let new = own.tree.replacement_with_comments(id, Kind::Sequence, "!!seq", style);
            own.tree.add_children(new, &kept);
            Ok(Some(new))
        })
    }

    fn group(&mut self, context: &Context, by: Option<&Expr>) -> Outcome {
        self.each(context, |own, id| {
            let items = own.items_of(id, "group_by")?;
            let mut groups: Vec<(String, Vec<Id>)> = Vec::new();
            for item in items {
                let mark = own.mark(context, item, by)?;
                let mark = mark.map_or("null".into(), |mark| own.tree.get(mark).value.to_string());
                match groups.iter_mut().find(|(name, _)| *name == mark) {
                    Some((_, group)) => group.push(item),
                    None => groups.push((mark, vec![item])),
                }
            }
            let new = own.tree.replacement(id, Kind::Sequence, "!!seq", "");
            for (_, group) in groups {
                let group = own.array_of(&group);
                own.tree.adopt_item(new, group);
            }
            Ok(Some(new))
        })
    }

    fn flatten(&mut self, id: Id, depth: i64) {
        if depth == 0 || self.tree.get(id).kind != Kind::Sequence {
            return;
        }
        let mut flat = Vec::new();
        for item in self.tree.get(id).content.clone() {
            if self.tree.get(item).kind == Kind::Sequence {
                self.flatten(item, depth - 1);
                flat.extend(self.tree.get(item).content.iter().copied());
            } else {
                flat.push(item);
            }
        }
        self.tree.get_mut(id).content.clear();
        self.tree.add_children(id, &flat);
    }

    fn wanted(&mut self, context: &Context, by: Option<&Expr>) -> Result<Id, Error> {
        let found = self.eval(context, by)?.first();
        Ok(found.unwrap_or_else(|| self.tree.add(Node::default())))
    }

    /// A node like `id` with other children.
    fn filled(&mut self, id: Id, children: &[Id]) -> Id {
        let new = self.tree.copy_alone(id);
        self.tree.add_children(new, children);
        new
    }

    fn pick(&mut self, context: &Context, by: Option<&Expr>) -> Outcome {
        let wanted = self.wanted(context, by)?;
        let wanted = self.tree.get(wanted).content.clone();
        self.each(context, |own, id| {
            let mut kept = Vec::new();
            for key in &wanted {
                match own.tree.get(id).kind {
                    Kind::Mapping => {
                        if let Some(at) = own.tree.find_equal_key(id, *key) {
                            let pairs = &own.tree.get(id).content;
                            kept.extend(pairs.get(at..at + 2).unwrap_or_default());
                        }
                    }
                    Kind::Sequence => {
                        let at = parse_int(&own.tree.get(*key).value).map_err(Error::evaluation)?;
                        let at = usize::try_from(at).ok();
                        kept.extend(at.and_then(|at| own.tree.get(id).content.get(at).copied()));
                    }
                    _ => break,
                }
            }
            if !matches!(own.tree.get(id).kind, Kind::Mapping | Kind::Sequence) {
                let tag = &own.tree.get(id).tag;
                return Err(Error::evaluation(format!("nothing can be picked from {tag}")));
            }
            Ok(Some(own.filled(id, &kept)))
        })
    }

    fn omit(&mut self, context: &Context, by: Option<&Expr>) -> Outcome {
        let unwanted = self.wanted(context, by)?;
        let unwanted = self.tree.get(unwanted).content.clone();
        let is_collection = |kind| matches!(kind, Kind::Mapping | Kind::Sequence);
        let are_all = context.nodes.iter().all(|id| is_collection(self.tree.get(*id).kind));
        if unwanted.is_empty() || !are_all {
            return Ok(context.clone());
        }
        self.each(context, |own, id| {
            let node = own.tree.get(id).clone();
            let mut kept = Vec::new();
            if node.kind == Kind::Mapping {
                for (key, value) in node.pairs() {
                    if !unwanted.iter().any(|other| own.tree.is_equal(*other, key)) {
                        kept.extend([key, value]);
                    }
                }
            } else {
                for (at, item) in node.content.iter().enumerate() {
                    let number = Node::new(Kind::Scalar, "!!int", at.to_string());
                    let number = own.tree.add(number);
                    if !unwanted.iter().any(|other| own.tree.is_equal(*other, number)) {
                        kept.push(*item);
                    }
                }
            }
            Ok(Some(own.filled(id, &kept)))
        })
    }
}
