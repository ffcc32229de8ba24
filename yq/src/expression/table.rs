//! The tokens, in the order in which they are tried.

mod names;
mod values;

use super::lexer::{Bracket, Token};
use super::op::{CommentKind, Comparison, Flags, MergeFlags, Op, Traversal};
use super::patterns as pattern;
use crate::Error;
use crate::tree::{AssignFlags, Step};

/// What stands at the start of a text, with its length in bytes.
pub(super) enum Match {
    Token(usize, Token),
    /// White space or a comment.
    Space(usize),
    Wrong(Error),
}

type Found = Option<Match>;

/// The first token of a text.
pub(super) fn first(text: &str) -> Found {
    let steps = [
        comments,
        brackets,
        names::first,
        names::documents,
        names::more,
        assignable,
        values::first,
        signs,
    ];
    steps.into_iter().find_map(|step| step(text))
}

fn op(text: &str, length: usize, op: Op) -> Match {
    let text = text.get(..length).unwrap_or_default();
    Match::Token(length, Token::op(op, text))
}

fn with_assign(text: &str, length: usize, get: Op, assign: Op) -> Match {
    let text = text.get(..length).unwrap_or_default().to_owned();
    let token = Token::Op { op: get, assign: Some(assign), may_be_traversed: false, text };
    Match::Token(length, token)
}

fn refuse(text: &str, length: usize) -> Match {
    Match::Wrong(Error::unsupported(text.get(..length).unwrap_or_default()))
}

fn comments(text: &str) -> Found {
    let kinds = [
        ("line_?comment|lineComment", CommentKind::Line),
        ("head_?comment|headComment", CommentKind::Head),
        ("foot_?comment|footComment", CommentKind::Foot),
    ];
    for (word, kind) in kinds {
        if let Some(length) = pattern::word(text, word) {
            let assign = Op::AssignComment { kind, updates: false };
            return Some(with_assign(text, length, Op::Comment(kind), assign));
        }
    }
    None
}

fn brackets(text: &str) -> Found {
    let bracket = |length, bracket| Some(Match::Token(length, Token::Bracket(bracket)));
    let is_optional = text.starts_with("]?");
    match text.as_bytes() {
        [b'(', ..] => bracket(1, Bracket::Open),
        [b')', ..] => bracket(1, Bracket::Close),
        [b'.', b'[', ..] => bracket(2, Bracket::OpenTraverse),
        [b'[', ..] => bracket(1, Bracket::OpenCollect),
        [b']', ..] => bracket(1 + usize::from(is_optional), Bracket::CloseCollect { is_optional }),
        [b'{', ..] => bracket(1, Bracket::OpenObject),
        [b'}', ..] => bracket(1, Bracket::CloseObject),
        [b'.', b'.', b'.', ..] => Some(op(text, 3, Op::Descend { with_keys: true })),
        [b'.', b'.', ..] => Some(op(text, 2, Op::Descend { with_keys: false })),
        [b'$', ..] => variable(text),
        [b':', ..] => Some(op(text, pattern::spaced(text, ":").unwrap_or(1), Op::CreateMap)),
        _ => None,
    }
}

fn variable(text: &str) -> Found {
    let length = pattern::variable(text)?;
    let name = text.get(1..length).unwrap_or_default();
    let token = Token::Op {
        op: Op::Variable(name.into()),
        assign: None,
        may_be_traversed: true,
        text: name.into(),
    };
    Some(Match::Token(length, token))
}

/// A word and its operator; none where the word is known but not supported.
type Word = (&'static str, Option<Op>);

fn find(text: &str, words: impl IntoIterator<Item = Word>) -> Found {
    for (word, found) in words {
        if let Some(length) = pattern::word(text, word) {
            return match found {
                Some(found) => Some(op(text, length, found)),
                None => Some(refuse(text, length)),
            };
        }
    }
    None
}

fn assignable(text: &str) -> Found {
    let updates = false;
    let pairs = [
        ("style", Op::Style, Op::AssignStyle { updates }),
        ("tag|type", Op::Tag, Op::AssignTag { updates }),
        ("kind", Op::Kind, Op::Kind),
        ("anchor", Op::Anchor, Op::AssignAnchor { updates }),
        ("alias", Op::Alias, Op::AssignAlias { updates }),
    ];
    for (word, get, assign) in pairs {
        if let Some(length) = pattern::word(text, word) {
            if matches!(get, Op::Kind) {
                return Some(op(text, length, get));
            }
            return Some(with_assign(text, length, get, assign));
        }
    }
    for (sign, updates) in [("=", false), ("|=", true)] {
        let after = text.strip_prefix("comments").unwrap_or_default();
        let blanks = after.len() - after.trim_start().len();
        if after.get(blanks..).is_some_and(|rest| rest.starts_with(sign)) {
            let assign = Op::AssignComment { kind: CommentKind::All, updates };
            return Some(op(text, "comments".len() + blanks + sign.len(), assign));
        }
    }
    find(
        text,
        [
            (";", Some(Op::Block)),
            ("//", Some(Op::Alternative)),
            ("documentIndex|document_?index|di", Some(Op::DocumentIndex)),
            ("upcase|ascii_?upcase", Some(Op::ChangeCase { to_upper: true })),
            ("downcase|ascii_?downcase", Some(Op::ChangeCase { to_upper: false })),
            ("trim", Some(Op::Trim)),
            ("to_?string", Some(Op::ToText)),
        ],
    )
}

fn signs(text: &str) -> Found {
    let compare = |or_equal, greater| Op::Compare(Comparison { or_equal, greater });
    let spaced = [
        ("==", Op::Equals),
        ("!=", Op::NotEquals),
        (">=", compare(true, true)),
        ("<=", compare(true, false)),
        (">", compare(false, true)),
        ("<", compare(false, false)),
    ];
    for (sign, found) in spaced {
        if let Some(length) = pattern::spaced(text, sign) {
            return Some(op(text, length, found));
        }
    }
    let found = find(text, [("min", Some(Op::Min)), ("max", Some(Op::Max))]);
    if found.is_some() {
        return found;
    }
    for (sign, updates) in [("|=", true), ("=", false)] {
        if let Some(length) = pattern::with_letters(text, sign, "c") {
            let flags = AssignFlags {
                keeps_anchor: true,
                clobbers_tags: length > sign.len(),
                ..AssignFlags::default()
            };
            return Some(op(text, length, Op::Assign { flags, updates }));
        }
    }
    if let Some(length) = pattern::white_space(text) {
        return Some(Match::Space(length));
    }
    paths_and_rest(text)
}

fn paths_and_rest(text: &str) -> Found {
    let wrapped = pattern::wrapped_key(text);
    if let Some(length) = wrapped.or_else(|| pattern::key(text)) {
        let token = key(text.get(..length).unwrap_or_default(), wrapped.is_some());
        return Some(Match::Token(length, token));
    }
    for (sign, assigns) in [("*=", true), ("*", false)] {
        if let Some(length) = pattern::with_letters(text, sign, "+|?cdn") {
            let flags = merge_flags(text.get(..length).unwrap_or_default());
            let found = if assigns { Op::MultiplyAssign(flags) } else { Op::Multiply(flags) };
            return Some(op(text, length, found));
        }
    }
    if let Some(length) = pattern::comment(text) {
        return Some(Match::Space(length));
    }
    if text.starts_with('|') {
        return Some(op(text, 1, Op::Pipe));
    }
    find(
        text,
        [
            (".", Some(Op::Itself)),
            (",", Some(Op::Union)),
            ("/", Some(Op::Divide)),
            ("%", Some(Op::Modulo)),
            ("+=", Some(Op::AddAssign(AssignFlags::default()))),
            ("+", Some(Op::Add)),
            ("-=", Some(Op::SubtractAssign)),
            ("-", Some(Op::Subtract)),
            ("pivot", None),
        ],
    )
}

fn key(text: &str, is_wrapped: bool) -> Token {
    let name = text.strip_suffix('?');
    let flags = Flags { is_optional: name.is_some(), ..Flags::default() };
    let name = name.unwrap_or(text).strip_prefix('.').unwrap_or_default();
    let name = if is_wrapped { name.get(1..name.len() - 1).unwrap_or_default() } else { name };
    let op = Op::Traverse(Traversal { step: Step::Key(name.into()), flags });
    Token::Op { op, assign: None, may_be_traversed: true, text: name.into() }
}

fn merge_flags(text: &str) -> MergeFlags {
    MergeFlags {
        appends: text.contains('+'),
        deep_arrays: text.contains('d'),
        traverse: Flags {
            never_creates: text.contains('?'),
            stays_at_alias: true,
            is_exact: true,
            ..Flags::default()
        },
        assign: AssignFlags {
            only_null: text.contains('n'),
            clobbers_tags: text.contains('c'),
            keeps_anchor: false,
        },
    }
}
