//! Text to tokens.

use super::op::Op;
use super::table::{self, Match};
use crate::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    Open,
    Close,
    /// `.[`
    OpenTraverse,
    OpenCollect,
    /// With `?` behind, a missing thing is no error.
    CloseCollect {
        is_optional: bool,
    },
    OpenObject,
    CloseObject,
}

#[derive(Clone, Debug)]
pub(super) enum Token {
    Bracket(Bracket),
    Op {
        op: Op,
        /// What it becomes if `=` follows.
        assign: Option<Op>,
        may_be_traversed: bool,
        text: String,
    },
}

impl Token {
    pub(super) fn op(op: Op, text: &str) -> Self {
        let may_be_traversed = op.may_be_traversed();
        Self::Op { op, assign: None, may_be_traversed, text: text.into() }
    }

    pub(super) fn is_bracket(&self, bracket: Bracket) -> bool {
        matches!(self, Self::Bracket(found) if *found == bracket)
    }

    pub(super) fn closes_collect(&self) -> bool {
        matches!(self, Self::Bracket(Bracket::CloseCollect { .. }))
    }

    pub(super) fn as_op(&self) -> Option<&Op> {
        match self {
            Self::Op { op, .. } => Some(op),
            Self::Bracket(_) => None,
        }
    }

    pub(super) fn may_be_traversed(&self) -> bool {
        match self {
            Self::Op { may_be_traversed, .. } => *may_be_traversed,
            Self::Bracket(bracket) => matches!(
                bracket,
                Bracket::Close | Bracket::CloseCollect { .. } | Bracket::CloseObject
            ),
        }
    }
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = match table::first(rest) {
            Some(Match::Token(length, token)) => {
                tokens.push(token);
                length
            }
            Some(Match::Space(length)) => length,
            Some(Match::Wrong(error)) => return Err(error),
            None => {
                let at = text.len() - rest.len();
                let near: String = rest.chars().take(20).collect();
                return Err(Error::expression(format!("nothing known at `{near}` (byte {at})")));
            }
        };
        rest = rest.get(length.max(1)..).unwrap_or_default();
    }
    Ok(tokens)
}
