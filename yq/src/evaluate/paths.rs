//! What a node is within its document: keys, length, path, parents.

use super::traverse::path_expr;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Flags, Op};
use crate::number::parse_int;
use crate::tree::{AssignFlags, Id, Kind, Node, Step};

impl Evaluator<'_> {
    pub(super) fn structure(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match expr.op {
            Op::Length => self.each(context, |own, id| Ok(Some(own.length(id)))),
            Op::Keys => self.each(context, Self::keys),
            Op::Has => self.has(context, expr.rhs.as_deref()),
            Op::Key => self.each(context, |own, id| Ok(own.tree.get(id).key)),
            Op::IsKey => self.each(context, |own, id| {
                let is_key = own.tree.get(id).is_key;
                Ok(Some(own.boolean(Some(id), is_key)))
            }),
            Op::Path => self.each(context, |own, id| Ok(Some(own.path_array(id)))),
            Op::Parent(level) => self.each(context, |own, id| Ok(own.parent(id, level))),
            Op::Parents => self.each(context, |own, id| {
                let parents = own.ancestors(id);
                Ok(Some(own.array_of(&parents)))
            }),
            Op::DocumentIndex => self.each(context, |own, id| {
                let number = own.tree.document(id).to_string();
                Ok(Some(own.tree.replacement(id, Kind::Scalar, "!!int", number)))
            }),
            _ => self.set_path(context, expr.rhs.as_deref()),
        }
    }

    /// Bytes of a text, pairs of a mapping, items of a sequence.
    fn length(&mut self, id: Id) -> Id {
        let node = self.tree.get(id);
        let length = match node.kind {
            Kind::Scalar if node.is_null() => 0,
            Kind::Scalar => node.value.len(),
            Kind::Mapping => node.content.len() / 2,
            Kind::Sequence => node.content.len(),
            Kind::Alias | Kind::Unset => 0,
        };
        self.tree.replacement(id, Kind::Scalar, "!!int", length.to_string())
    }

    fn keys(&mut self, id: Id) -> Result<Option<Id>, Error> {
        let node = self.tree.get(id);
        let keys: Vec<Id> = match node.kind {
            Kind::Mapping => node.pairs().map(|(key, _)| key).collect(),
            Kind::Sequence => {
                let count = node.content.len();
                let number = |at: usize| Node::new(Kind::Scalar, "!!int", at.to_string());
                (0..count).map(|at| self.tree.add(number(at))).collect()
            }
            _ => return Err(Error::evaluation(format!("{} has no keys", node.tag))),
        };
        Ok(Some(self.array_of(&keys)))
    }

    fn has(&mut self, context: &Context, wanted: Option<&Expr>) -> Outcome {
        let wanted = self.eval(&context.read_only(), wanted)?.first();
        let wanted = wanted.map_or(Node::null("null"), |id| self.tree.get(id).clone());
        self.each(context, |own, id| {
            let node = own.tree.get(id);
            let value = match node.kind {
                Kind::Mapping => own.tree.value_of(id, &wanted.value).is_some(),
                Kind::Sequence if &*wanted.tag == "!!int" => {
                    let index: i64 = wanted
                        .value
                        .parse()
                        .map_err(|_| Error::evaluation("`has` needs a decimal number"))?;
                    i64::try_from(node.content.len()).is_ok_and(|length| length > index)
                }
                _ => false,
            };
            Ok(Some(own.boolean(Some(id), value)))
        })
    }

    fn path_array(&mut self, id: Id) -> Id {
        let steps = self.tree.path(id);
        let array = self.tree.replacement(id, Kind::Sequence, "!!seq", "");
        for step in steps {
            let node = match step {
                Step::Key(key) => Node::text(key),
                Step::Index(index) => Node::new(Kind::Scalar, "!!int", index.to_string()),
            };
            let item = self.tree.add(node);
            self.tree.adopt_item(array, item);
        }
        array
    }

    fn ancestors(&self, id: Id) -> Vec<Id> {
        let mut found = Vec::new();
        let mut at = self.tree.get(id).parent;
        while let Some(parent) = at {
            found.push(parent);
            at = self.tree.get(parent).parent;
        }
        found
    }

    /// Levels up; negative ones count from the top.
    fn parent(&self, id: Id, level: i64) -> Option<Id> {
        let ancestors = self.ancestors(id);
        let count = i64::try_from(ancestors.len()).unwrap_or(i64::MAX);
        let level = if level < 0 { (count + level + 1).max(0) } else { level };
        match usize::try_from(level).unwrap_or(usize::MAX) {
            0 => Some(id),
            level => ancestors.get(level - 1).copied(),
        }
    }

    /// The steps that an array holds.
    pub(super) fn steps(&self, what: &str, path: Id) -> Result<Vec<Step>, Error> {
        let wrong = |tag: &str| Error::evaluation(format!("`{what}` needs a path, not {tag}"));
        let node = self.tree.get(path);
        if node.kind != Kind::Sequence {
            return Err(wrong(&node.tag));
        }
        let step = |id: &Id| {
            let node = self.tree.get(*id);
            match &*node.tag {
                "!!str" => Ok(Step::Key(node.value.clone())),
                "!!int" => Ok(Step::Index(parse_int(&node.value).map_err(Error::evaluation)?)),
                tag => Err(wrong(tag)),
            }
        };
        node.content.iter().map(step).collect()
    }

    fn set_path(&mut self, context: &Context, inside: Option<&Expr>) -> Outcome {
        let Some(block) = inside.filter(|inside| matches!(inside.op, Op::Block)) else {
            return Err(Error::evaluation(
                "`setpath` needs a path and a value: `setpath([...]; ...)`",
            ));
        };
        let found = self.eval(&context.read_only(), block.lhs.as_deref())?;
        let [path] = found.nodes.as_slice() else {
            return Err(Error::evaluation("`setpath` needs one path"));
        };
        let target = path_expr(&self.steps("setpath", *path)?, Flags::default(), false);
        for id in context.nodes.iter() {
            let value = self.eval(&context.single_read_only(*id), block.rhs.as_deref())?;
            let [value] = value.nodes.as_slice() else {
                return Err(Error::evaluation("`setpath` needs one value"));
            };
            let op = Op::Assign { flags: AssignFlags::default(), updates: false };
            let value = Expr::leaf(Op::Reference(*value));
            let assign = Expr::binary(op, target.clone(), value);
            self.eval(&context.single(*id), Some(&assign))?;
        }
        Ok(context.clone())
    }
}
