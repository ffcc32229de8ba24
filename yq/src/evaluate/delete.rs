//! `del` and `delpaths`.

use super::traverse::path_expr;
use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Flags, Op};
use crate::tree::{Id, Kind, Step};

impl Evaluator<'_> {
    pub(super) fn deletion(&mut self, context: &Context, expr: &Expr) -> Outcome {
        if matches!(expr.op, Op::Delete) {
            return self.delete(context, expr.rhs.as_deref());
        }
        let found = self.eval(&context.read_only(), expr.rhs.as_deref())?;
        let [paths] = found.nodes.as_slice() else {
            return Err(Error::evaluation("`delpaths` needs one array of paths"));
        };
        let mut context = context.clone();
        for path in self.tree.get(*paths).content.clone() {
            let steps = self.steps("delpaths", path)?;
            let target = path_expr(&steps, Flags::default(), false);
            context = self.delete(&context, Some(&target))?;
        }
        Ok(context)
    }

    /// From the last to the first, so that the numbers of items still fit.
    fn delete(&mut self, context: &Context, target: Option<&Expr>) -> Outcome {
        let found = self.eval(&context.read_only(), target)?;
        for id in found.nodes.iter().rev() {
            let Some(parent) = self.tree.get(*id).parent else {
                let kept = context.nodes.iter().copied().filter(|node| node != id);
                return Ok(context.child(kept.collect()));
            };
            let step = self.tree.path(*id).pop();
            match self.tree.get(parent).kind {
                Kind::Mapping => self.delete_key(parent, step),
                Kind::Sequence => self.delete_item(parent, step),
                _ => {
                    let tag = &self.tree.get(parent).tag;
                    return Err(Error::evaluation(format!("nothing can be deleted in {tag}")));
                }
            }
        }
        Ok(context.clone())
    }

    /// A key that is a number is never found: so it is in yq.
    fn delete_key(&mut self, mapping: Id, step: Option<Step>) {
        let Some(Step::Key(name)) = step else { return };
        let kept = self.tree.get(mapping).pairs();
        let kept = kept.filter(|(key, _)| self.tree.get(*key).value != name);
        let kept = kept.flat_map(|(key, value)| [key, value]).collect();
        self.tree.get_mut(mapping).content = kept;
    }

    fn delete_item(&mut self, sequence: Id, step: Option<Step>) {
        let Some(step) = step.map(|step| step.to_string()) else { return };
        let items = std::mem::take(&mut self.tree.get_mut(sequence).content);
        let mut kept = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            if at.to_string() == step {
                continue;
            }
            if let Some(key) = self.tree.get(item).key {
                self.tree.get_mut(key).value = kept.len().to_string().into();
            }
            kept.push(item);
        }
        self.tree.get_mut(sequence).content = kept;
    }
}
