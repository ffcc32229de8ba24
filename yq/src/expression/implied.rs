//! Tokens that are only implied, and the order of evaluation.

use std::rc::Rc;

use super::lexer::{Bracket, Token};
use super::op::{Flags, Op};
use crate::Error;
use crate::tree::{Kind, Node};

/// The escapes of a quoted text. `\\(` stays for the interpolation.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let next = rest.clone().next();
        let plain = match (character, next) {
            ('\\', Some('\\')) if rest.clone().nth(1) == Some('(') => {
                out.push('\\');
                Some('\\')
            }
            ('\\', Some('\\')) => Some('\\'),
            ('\\', Some('"')) => Some('"'),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('f')) => Some('\x0C'),
            ('\\', Some('v')) => Some('\x0B'),
            ('\\', Some('b')) => Some('\x08'),
            ('\\', Some('a')) => Some('\x07'),
            _ => None,
        };
        if plain.is_some() {
            rest.next();
        }
        out.push(plain.unwrap_or(character));
    }
    out
}

/// Adds what is implied: `.[` is a traversal of `.`, `[:2]` starts at 0, `]` and a key are a path.
pub(super) fn add(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut skips = false;
    for at in 0..tokens.len() {
        if std::mem::take(&mut skips) {
            continue;
        }
        let Some(token) = tokens.get(at) else { break };
        let back = |by: usize| at.checked_sub(by).and_then(|at| tokens.get(at));
        skips = add_one(&mut out, token.clone(), (back(2), back(1)), tokens.get(at + 1));
    }
    out
}

/// True if the next token is used up.
fn add_one(
    out: &mut Vec<Token>,
    mut token: Token,
    (before_last, last): (Option<&Token>, Option<&Token>),
    next: Option<&Token>,
) -> bool {
    if token.is_bracket(Bracket::OpenTraverse) {
        out.push(Token::op(Op::Itself, "."));
        out.push(Token::op(Op::TraverseArray(Flags::default()), "["));
        token = Token::Bracket(Bracket::OpenCollect);
    }
    let is_pair = matches!(token.as_op(), Some(Op::CreateMap));
    if is_pair && is_start_of_slice(before_last, last) {
        out.push(Token::op(number("0"), "0"));
    }
    let skips = become_assignment(&mut token, next);
    let opens = [Bracket::OpenCollect, Bracket::OpenObject].map(|b| token.is_bracket(b));
    let is_traversable = token.may_be_traversed();
    out.push(token);
    let Some(next) = next else { return skips };
    if is_pair && next.closes_collect() {
        out.push(Token::op(Op::Length, "length"));
    }
    let is_empty = (opens == [true, false] && next.closes_collect())
        || (opens == [false, true] && next.is_bracket(Bracket::CloseObject));
    if is_empty {
        out.push(Token::op(Op::Empty, "empty"));
    }
    if is_traversable {
        if matches!(next.as_op(), Some(Op::Traverse(_))) || next.is_bracket(Bracket::OpenTraverse) {
            out.push(Token::op(Op::ShortPipe, "."));
        }
        if next.is_bracket(Bracket::OpenCollect) {
            out.push(Token::op(Op::TraverseArray(Flags::default()), "["));
        }
    }
    skips
}

fn number(text: &str) -> Op {
    Op::Value(Rc::new(Node::new(Kind::Scalar, "!!int", text)))
}

fn is_start_of_slice(before_last: Option<&Token>, last: Option<&Token>) -> bool {
    let Some(last) = last else { return false };
    last.is_bracket(Bracket::OpenTraverse)
        || (last.is_bracket(Bracket::OpenCollect)
            && before_last.is_some_and(|token| {
                token.as_op().is_some()
                    || token.closes_collect()
                    || token.is_bracket(Bracket::CloseObject)
            }))
}

/// `style = ...` is one operator.
fn become_assignment(token: &mut Token, next: Option<&Token>) -> bool {
    let Some(Op::Assign { updates: is_update, .. }) = next.and_then(Token::as_op) else {
        return false;
    };
    let Token::Op { op, assign, .. } = token else { return false };
    let Some(mut new) = assign.take() else { return false };
    if let Op::AssignStyle { updates }
    | Op::AssignTag { updates }
    | Op::AssignAnchor { updates }
    | Op::AssignAlias { updates }
    | Op::AssignComment { updates, .. } = &mut new
    {
        *updates = *is_update;
    }
    *op = new;
    true
}

fn unclosed(bracket: Bracket) -> Error {
    let wanted = match bracket {
        Bracket::OpenCollect => ']',
        Bracket::OpenObject => '}',
        _ => ')',
    };
    Error::expression(format!("`{wanted}` is missing"))
}

type Ops = Vec<(Op, String)>;

/// The operators in the order in which they are applied.
pub(super) fn postfix(mut tokens: Vec<Token>) -> Result<Ops, Error> {
    let mut stack = vec![Token::Bracket(Bracket::Open)];
    tokens.push(Token::Bracket(Bracket::Close));
    let mut result = Ops::new();
    for token in tokens {
        match token {
            Token::Bracket(Bracket::Close) => pop_to(&mut stack, &mut result, Bracket::Open)?,
            Token::Bracket(Bracket::CloseCollect { is_optional }) => {
                pop_to(&mut stack, &mut result, Bracket::OpenCollect)?;
                result.push((Op::Collect, "[".into()));
                close_traversal(&mut stack, &mut result, is_optional);
            }
            Token::Bracket(Bracket::CloseObject) => {
                pop_to(&mut stack, &mut result, Bracket::OpenObject)?;
                result.push((Op::CollectObject, "{".into()));
                result.push((Op::ShortPipe, "{".into()));
                close_traversal(&mut stack, &mut result, false);
            }
            Token::Bracket(_) => stack.push(token),
            Token::Op { ref op, .. } => {
                let precedence = op.precedence();
                while let Some((op, text)) = pop_higher(&mut stack, precedence) {
                    result.push((op, text));
                }
                stack.push(token);
            }
        }
    }
    if stack.is_empty() { Ok(result) } else { Err(Error::expression("a bracket is missing")) }
}

fn pop_higher(stack: &mut Vec<Token>, than: u32) -> Option<(Op, String)> {
    match stack.pop()? {
        Token::Op { op, text, .. } if op.precedence() > than => Some((op, text)),
        token => {
            stack.push(token);
            None
        }
    }
}

fn pop_to(stack: &mut Vec<Token>, result: &mut Ops, opener: Bracket) -> Result<(), Error> {
    loop {
        match stack.pop() {
            Some(Token::Bracket(bracket)) if bracket == opener => return Ok(()),
            Some(Token::Bracket(bracket)) => return Err(unclosed(bracket)),
            Some(Token::Op { op, text, .. }) => result.push((op, text)),
            None => return Err(Error::expression("a closing bracket has no opening one")),
        }
    }
}

/// What stands in `[...]` behind a path belongs to the path.
fn close_traversal(stack: &mut Vec<Token>, result: &mut Ops, is_optional: bool) {
    match stack.pop() {
        Some(Token::Op { op: Op::TraverseArray(_), text, .. }) => {
            let flags = Flags { is_optional, ..Flags::default() };
            result.push((Op::TraverseArray(flags), text));
        }
        Some(token) => stack.push(token),
        None => {}
    }
}
