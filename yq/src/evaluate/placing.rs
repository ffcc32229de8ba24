//! Puts nodes where a path leads: how readers of flat formats build a document.

use std::rc::Rc;

use super::merge::appending;
use super::traverse::path_expr;
use super::{Context, Evaluator};
use crate::Error;
use crate::expression::{Expr, Flags, Op};
use crate::tree::{AssignFlags, Id, Kind, Node, Step};

impl Evaluator<'_> {
    /// Puts a node at a path below `root`, merging mappings. For readers of other formats.
    pub(crate) fn assign_at(&mut self, root: Id, path: &[Step], node: Id) -> Result<(), Error> {
        let value = Expr::leaf(Op::Value(Rc::new(self.tree.get(node).clone())));
        let op = if self.tree.get(node).kind == Kind::Mapping {
            appending()
        } else {
            Op::Assign { flags: AssignFlags::default(), updates: false }
        };
        let target = path_expr(path, Flags::default(), false);
        self.eval(&Context::top(root).child(vec![root]), Some(&Expr::binary(op, target, value)))?;
        self.tree.check()
    }

    /// Puts the items of an array behind those at a path below `root`.
    pub(crate) fn append_at(&mut self, root: Id, path: &[Step], array: Id) -> Result<(), Error> {
        let target = path_expr(path, Flags::default(), false);
        let op = Op::AddAssign(AssignFlags::default());
        let expr = Expr::binary(op, target, Expr::leaf(Op::Reference(array)));
        self.eval(&Context::top(root).child(vec![root]), Some(&expr))?;
        self.tree.check()
    }

    /// Puts a comment above the key at a path below `root`.
    pub(crate) fn comment_key(&mut self, root: Id, path: &[Step], head: &str) -> Result<(), Error> {
        let name = path.last().map(Step::to_string).unwrap_or_default();
        let node = Node { head: head.into(), ..Node::text(name) };
        let op = Op::Assign { flags: AssignFlags::default(), updates: false };
        let target = path_expr(path, Flags::default(), true);
        let key = Expr::leaf(Op::Value(Rc::new(node)));
        self.eval(&Context::top(root).child(vec![root]), Some(&Expr::binary(op, target, key)))?;
        self.tree.check()
    }
}
