//! Expressions: text to tokens, tokens to a tree.
//!
//! yq reads an expression with a list of patterns of which the first that fits wins, adds tokens that
//! are only implied, and turns the rest into a tree by the precedence of operators. All three have
//! quirks that expressions in the wild depend on (`.a = 1 | .b = 2` needs no brackets, `.a.b` after
//! `]` needs no dot), so the steps are the same here.

mod implied;
mod lexer;
mod op;
mod patterns;
mod table;

use std::rc::Rc;

use crate::Error;
pub(crate) use op::{CommentKind, Comparison, Flags, MergeFlags, Op, Text, Traversal};

/// Operators in one expression.
const SIZE_LIMIT: usize = 4_000;
/// Levels of nesting.
const DEPTH_LIMIT: usize = 150;

/// An operator with what it works on.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) op: Op,
    pub(crate) lhs: Option<Rc<Expr>>,
    pub(crate) rhs: Option<Rc<Expr>>,
    depth: usize,
}

impl Expr {
    pub(crate) fn leaf(op: Op) -> Rc<Self> {
        Rc::new(Self { op, lhs: None, rhs: None, depth: 1 })
    }

    pub(crate) fn unary(op: Op, rhs: Rc<Self>) -> Rc<Self> {
        let depth = rhs.depth + 1;
        Rc::new(Self { op, lhs: None, rhs: Some(rhs), depth })
    }

    pub(crate) fn binary(op: Op, lhs: Rc<Self>, rhs: Rc<Self>) -> Rc<Self> {
        let depth = lhs.depth.max(rhs.depth) + 1;
        Rc::new(Self { op, lhs: Some(lhs), rhs: Some(rhs), depth })
    }
}

/// The tree of an expression; none if it is empty.
pub(crate) fn parse(text: &str) -> Result<Option<Rc<Expr>>, Error> {
    let tokens = implied::add(&lexer::tokens(text)?);
    if tokens.len() > SIZE_LIMIT {
        return Err(Error::TooMuch { what: "the expression is too long" });
    }
    tree(implied::postfix(tokens)?)
}

fn tree(ops: Vec<(Op, String)>) -> Result<Option<Rc<Expr>>, Error> {
    if ops.is_empty() {
        return Ok(None);
    }
    let mut stack: Vec<Rc<Expr>> = Vec::new();
    for (op, text) in ops {
        let expr = match op.arity() {
            0 => Expr::leaf(op),
            1 => match stack.pop() {
                Some(rhs) => Expr::unary(op, rhs),
                None if matches!(op, Op::First) => Expr::leaf(op),
                None => return Err(missing(&text, 1, 0)),
            },
            _ => {
                let found = stack.len();
                let (Some(rhs), Some(lhs)) = (stack.pop(), stack.pop()) else {
                    return Err(missing(&text, 2, found));
                };
                Expr::binary(op, lhs, rhs)
            }
        };
        if expr.depth > DEPTH_LIMIT {
            return Err(Error::TooMuch { what: "the expression is nested too deeply" });
        }
        stack.push(expr);
    }
    match (stack.pop(), stack.is_empty()) {
        (Some(expr), true) => Ok(Some(expr)),
        _ => Err(Error::expression("parts stand side by side without an operator between them")),
    }
}

fn missing(text: &str, wanted: usize, found: usize) -> Error {
    Error::expression(format!("`{}` needs {wanted} arguments and has {found}", text.trim()))
}
