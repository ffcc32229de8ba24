//! Applies an expression to nodes.
//!
//! Each operator gets the nodes that matched so far and gives new ones. A path that is not there is
//! made while it is followed, unless the context says that nothing may change; an assignment then
//! changes the node in place.

mod arithmetic;
mod assign;
mod attributes;
mod collect;
mod compare;
mod context;
mod cross;
mod delete;
mod entries;
mod explode;
mod groups;
mod logic;
mod merge;
mod paths;
mod placing;
mod sort;
mod texts;
mod traverse;
mod variables;

use std::rc::Rc;

use crate::expression::{Expr, Op};
use crate::tree::{Id, Node, Tree};
use crate::{Error, Options};
pub(crate) use context::Context;

/// Operators within operators.
const DEPTH_LIMIT: usize = 400;
/// Nodes that operators are applied to.
const WORK_LIMIT: usize = 4_000_000;

/// What the environment says about a name.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(crate) struct Evaluator<'a> {
    pub(crate) tree: Tree,
    environment: Environment<'a>,
    /// How documents in texts are written.
    options: Options,
    depth: usize,
    work: usize,
}

type Outcome = Result<Context, Error>;

impl<'a> Evaluator<'a> {
    pub(crate) fn new(environment: Environment<'a>, options: Options) -> Self {
        Self { tree: Tree::default(), environment, options, depth: 0, work: 0 }
    }

    /// A node as YAML.
    fn yaml_text(&self, id: Id) -> Result<String, Error> {
        crate::printer::yaml_text(&self.tree, id, &self.options)
    }

    /// Applies an expression to one document.
    pub(crate) fn run(&mut self, expr: Option<&Expr>, id: Id) -> Result<Vec<Id>, Error> {
        let result = self.eval(&Context::top(id), expr)?;
        self.tree.check()?;
        Ok(result.nodes.to_vec())
    }

    fn eval(&mut self, context: &Context, expr: Option<&Expr>) -> Outcome {
        let Some(expr) = expr else { return Ok(context.clone()) };
        self.depth += 1;
        self.work += 1 + context.nodes.len();
        if self.depth > DEPTH_LIMIT {
            return Err(Error::TooMuch { what: "the expression is nested too deeply" });
        }
        let result = self.apply(context, expr);
        self.depth -= 1;
        let result = result?;
        self.tree.check()?;
        if self.work > WORK_LIMIT {
            return Err(Error::TooMuch { what: "the expression takes too many steps" });
        }
        Ok(result)
    }

    fn apply(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match &expr.op {
            Op::Itself => Ok(context.clone()),
            Op::Empty | Op::Block => Ok(context.only(vec![])),
            Op::Pipe | Op::ShortPipe => self.pipe(context, expr),
            Op::Union => self.union(context, expr),
            Op::Value(node) => Ok(self.value(context, node)),
            Op::Reference(id) => Ok(context.single(*id)),
            Op::Sugar(text) => {
                let inner = crate::expression::parse(text)?;
                self.eval(context, inner.as_deref())
            }
            Op::AssignVariable { .. } => {
                Err(Error::evaluation("a variable needs a pipe behind it: `... as $x | ...`"))
            }
            Op::Variable(name) => Ok(context.child(context.variable(name))),
            Op::Reduce => self.reduce(context, expr),
            Op::Fail => self.fail(context, expr),
            Op::SplitDocument => Ok(self.split_documents(context)),
            op => self.apply_more(context, expr, op),
        }
    }

    fn apply_more(&mut self, context: &Context, expr: &Expr, op: &Op) -> Outcome {
        match op {
            Op::Traverse(traversal) => self.traverse_all(context, traversal),
            Op::Follow(path) => self.follow(context, path),
            Op::TraverseArray(flags) => self.traverse_array(context, expr, *flags),
            Op::Descend { with_keys } => self.descend_all(context, *with_keys),
            Op::Assign { .. }
            | Op::AddAssign(_)
            | Op::SubtractAssign
            | Op::MultiplyAssign(_)
            | Op::AssignAttributes(_) => self.assign(context, expr),
            Op::Add | Op::Subtract | Op::Divide | Op::Modulo => self.arithmetic(context, expr),
            Op::Multiply(flags) => self.multiply(context, expr, *flags),
            Op::Or | Op::And | Op::Not | Op::Alternative => self.logic(context, expr),
            Op::Any | Op::AnyCondition => self.any(context, expr, true),
            Op::All | Op::AllCondition => self.any(context, expr, false),
            Op::Equals | Op::NotEquals | Op::Compare(_) | Op::Min | Op::Max | Op::Contains => {
                self.comparison(context, expr)
            }
            Op::Collect | Op::CollectObject | Op::CreateMap => self.collecting(context, expr),
            Op::Map | Op::MapValues | Op::Filter | Op::Select | Op::First | Op::With => {
                self.mapping_over(context, expr)
            }
            Op::ToEntries | Op::FromEntries | Op::WithEntries => self.entries(context, expr),
            Op::Delete | Op::DeletePaths => self.deletion(context, expr),
            Op::Sort | Op::SortBy | Op::SortKeys | Op::Reverse => self.sorting(context, expr),
            Op::Unique | Op::UniqueBy | Op::GroupBy | Op::Flatten(_) | Op::Pick | Op::Omit => {
                self.grouping(context, expr)
            }
            Op::Path
            | Op::SetPath
            | Op::Key
            | Op::IsKey
            | Op::Keys
            | Op::Has
            | Op::Length
            | Op::Parent(_)
            | Op::Parents
            | Op::DocumentIndex => self.structure(context, expr),
            Op::Interpolate(_)
            | Op::Env { .. }
            | Op::Join
            | Op::Split
            | Op::Test
            | Op::Match
            | Op::Capture
            | Op::Substitute
            | Op::ChangeCase { .. }
            | Op::Trim
            | Op::ToText
            | Op::ToNumber
            | Op::Encode { .. }
            | Op::Decode => self.texts(context, expr),
            _ => self.attributes(context, expr),
        }
    }

    fn pipe(&mut self, context: &Context, expr: &Expr) -> Outcome {
        if let Some(lhs) = &expr.lhs
            && matches!(lhs.op, Op::AssignVariable { .. })
        {
            return self.bind(context, lhs, expr.rhs.as_deref());
        }
        let left = self.eval(context, expr.lhs.as_deref())?;
        let right = self.eval(&context.with(left.nodes), expr.rhs.as_deref())?;
        Ok(context.with(right.nodes))
    }

    fn union(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let left = self.eval(context, expr.lhs.as_deref())?;
        let right = self.eval(context, expr.rhs.as_deref())?;
        let mut nodes = left.nodes.to_vec();
        // Two assignments give the very same list: what they changed, once.
        if !Rc::ptr_eq(&left.nodes, &right.nodes) {
            nodes.extend(right.nodes.iter());
        }
        Ok(left.child(nodes))
    }

    fn value(&mut self, context: &Context, node: &Node) -> Context {
        let count = context.nodes.len().max(1);
        let made = (0..count).map(|_| self.instance(node)).collect();
        context.child(made)
    }

    /// A new node like the one in the expression.
    fn instance(&mut self, node: &Node) -> Id {
        let children = node.content.clone();
        let new = Node { content: vec![], ..node.clone() };
        let id = self.tree.add(new);
        self.tree.add_children(id, &children);
        id
    }

    fn fail(&mut self, context: &Context, expr: &Expr) -> Outcome {
        let found = self.eval(&context.read_only(), expr.rhs.as_deref())?;
        let text = found.first().map(|id| self.tree.get(id).value.to_string());
        Err(Error::evaluation(text.unwrap_or_else(|| "aborted".into())))
    }

    fn split_documents(&mut self, context: &Context) -> Context {
        for (at, id) in context.nodes.iter().enumerate() {
            let node = self.tree.get_mut(*id);
            node.document = u32::try_from(at).unwrap_or(u32::MAX);
            node.parent = None;
        }
        context.clone()
    }
}
