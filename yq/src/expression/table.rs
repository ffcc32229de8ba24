//! The tokens, in the order in which they are tried.

use super::lexer::{Bracket, Token};
use super::op::{CommentKind, Comparison, Flags, MergeFlags, Op, Text, Traversal};
use super::patterns as pattern;
use crate::Error;
use crate::tree::{AssignFlags, Node, Step};

/// A match: its length and the token, if it is more than white space.
type Found = Result<Option<(usize, Option<Token>)>, Error>;

/// The first token of a text.
pub(super) fn first(text: &str) -> Found {
    let steps = [comments, brackets, names, documents, more_names, assignable, values, signs];
    for step in steps {
        let found = step(text)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn op(text: &str, length: usize, op: Op) -> Found {
    let text = text.get(..length).unwrap_or_default();
    Ok(Some((length, Some(Token::op(op, text)))))
}

fn with_assign(text: &str, length: usize, get: Op, assign: Op) -> Found {
    let text = text.get(..length).unwrap_or_default().to_owned();
    let token = Token::Op { op: get, assign: Some(assign), may_be_traversed: false, text };
    Ok(Some((length, Some(token))))
}

fn refuse(text: &str, length: usize) -> Found {
    Err(Error::unsupported(text.get(..length).unwrap_or_default()))
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
            return with_assign(text, length, Op::Comment(kind), assign);
        }
    }
    Ok(None)
}

fn brackets(text: &str) -> Found {
    let bracket = |length, bracket| Ok(Some((length, Some(Token::Bracket(bracket)))));
    let is_optional = text.starts_with("]?");
    match text.as_bytes() {
        [b'(', ..] => bracket(1, Bracket::Open),
        [b')', ..] => bracket(1, Bracket::Close),
        [b'.', b'[', ..] => bracket(2, Bracket::OpenTraverse),
        [b'[', ..] => bracket(1, Bracket::OpenCollect),
        [b']', ..] => bracket(1 + usize::from(is_optional), Bracket::CloseCollect { is_optional }),
        [b'{', ..] => bracket(1, Bracket::OpenObject),
        [b'}', ..] => bracket(1, Bracket::CloseObject),
        [b'.', b'.', b'.', ..] => op(text, 3, Op::Descend { with_keys: true }),
        [b'.', b'.', ..] => op(text, 2, Op::Descend { with_keys: false }),
        [b'$', ..] => variable(text),
        [b':', ..] => op(text, pattern::spaced(text, ":").unwrap_or(1), Op::CreateMap),
        _ => Ok(None),
    }
}

fn variable(text: &str) -> Found {
    let Some(length) = pattern::variable(text) else { return Ok(None) };
    let name = text.get(1..length).unwrap_or_default();
    let token = Token::Op {
        op: Op::Variable(name.into()),
        assign: None,
        may_be_traversed: true,
        text: name.into(),
    };
    Ok(Some((length, Some(token))))
}

/// A word and its operator; none where the word is known but not supported.
type Word = (&'static str, Option<Op>);

fn find(text: &str, words: impl IntoIterator<Item = Word>) -> Found {
    for (word, found) in words {
        if let Some(length) = pattern::word(text, word) {
            return match found {
                Some(found) => op(text, length, found),
                None => refuse(text, length),
            };
        }
    }
    Ok(None)
}

fn names(text: &str) -> Found {
    if let Some(length) = pattern::call(text, "flatten", false) {
        return op(text, length, Op::Flatten(pattern::argument(text.get(..length).unwrap_or(""))));
    }
    find(
        text,
        [
            ("as", Some(Op::AssignVariable { is_reference: false })),
            ("ref", Some(Op::AssignVariable { is_reference: true })),
            ("length", Some(Op::Length)),
            ("line|column|eval", None),
            ("to_?number", Some(Op::ToNumber)),
            ("map_?values", Some(Op::MapValues)),
            ("map", Some(Op::Map)),
            ("filter", Some(Op::Filter)),
            ("pick", Some(Op::Pick)),
            ("omit", Some(Op::Omit)),
            ("flatten", Some(Op::Flatten(-1))),
            ("format_datetime|now|tz|from_?unix|to_?unix|with_dtf", None),
            ("error", Some(Op::Fail)),
            ("shuffle", None),
            ("sortKeys|sort_?keys", Some(Op::SortKeys)),
            (
                "array_?to_?map",
                Some(Op::Sugar("(.[] | select(. != null) ) as $i ireduce({}; .[$i | key] = $i)")),
            ),
            ("root", Some(Op::Sugar("parent(-1)"))),
        ],
    )
}

/// Documents as texts, and files.
fn documents(text: &str) -> Found {
    for (word, format) in [("to_?yaml", Text::Yaml), ("to_?json", Text::Json)] {
        if let Some(length) = pattern::call(text, word, false) {
            let indent = pattern::argument(text.get(..length).unwrap_or_default());
            let indent = usize::try_from(indent).unwrap_or(2).min(16);
            return op(text, length, Op::Encode { format, indent });
        }
    }
    let encode = |format, indent| Some(Op::Encode { format, indent });
    find(
        text,
        [
            ("from_?yaml|@yamld|from_?json|@jsond", Some(Op::Decode)),
            ("to_?yaml|@yaml", encode(Text::Yaml, 2)),
            ("to_?json", encode(Text::Json, 2)),
            ("@json", encode(Text::Json, 0)),
            ("from_?props|@propsd|to_?props|@props|from_?xml|@xmld|to_?xml|@xml", None),
            ("from_?csv|@csvd|to_?csv|@csv|from_?tsv|@tsvd|to_?tsv|@tsv", None),
            ("@base64d|@base64|@urid|@uri|@sh", None),
            ("load_?xml|xml_?load|load_?base64|load_?props|load_?str|str_?load|load|system", None),
        ],
    )
}

fn more_names(text: &str) -> Found {
    let before = find(
        text,
        [
            ("splitDoc|split_?doc", Some(Op::SplitDocument)),
            ("select", Some(Op::Select)),
            ("has", Some(Op::Has)),
            ("unique_?by", Some(Op::UniqueBy)),
            ("unique", Some(Op::Unique)),
            ("group_?by", Some(Op::GroupBy)),
            ("explode", Some(Op::Explode)),
            ("or", Some(Op::Or)),
            ("and", Some(Op::And)),
            ("not", Some(Op::Not)),
            ("ireduce", Some(Op::Reduce)),
            ("join", Some(Op::Join)),
            ("sub", Some(Op::Substitute)),
            ("match", Some(Op::Match)),
            ("capture", Some(Op::Capture)),
            ("test", Some(Op::Test)),
            ("sort_?by", Some(Op::SortBy)),
            ("sort", Some(Op::Sort)),
            ("first", Some(Op::First)),
            ("reverse", Some(Op::Reverse)),
            ("any_c", Some(Op::AnyCondition)),
            ("any", Some(Op::Any)),
            ("all_c", Some(Op::AllCondition)),
            ("all", Some(Op::All)),
            ("contains", Some(Op::Contains)),
            ("split", Some(Op::Split)),
            ("parents", Some(Op::Parents)),
        ],
    )?;
    if before.is_some() {
        return Ok(before);
    }
    let call = pattern::call(text, "parent", true);
    if let Some(length) = call.or_else(|| pattern::word(text, "parent")) {
        let name = text.get(..length).unwrap_or_default();
        let level = if call.is_some() { pattern::argument(name) } else { 1 };
        let op = Op::Parent(level);
        let token = Token::Op { op, assign: None, may_be_traversed: true, text: name.into() };
        return Ok(Some((length, Some(token))));
    }
    find(
        text,
        [
            ("keys", Some(Op::Keys)),
            ("key", Some(Op::Key)),
            ("is_?key", Some(Op::IsKey)),
            ("file_?name|fileName|file_?index|fileIndex|fi", None),
            ("path", Some(Op::Path)),
            ("set_?path", Some(Op::SetPath)),
            ("del_?paths", Some(Op::DeletePaths)),
            ("to_?entries|toEntries", Some(Op::ToEntries)),
            ("from_?entries|fromEntries", Some(Op::FromEntries)),
            ("with_?entries|withEntries", Some(Op::WithEntries)),
            ("with", Some(Op::With)),
            ("collect", Some(Op::Collect)),
            ("del", Some(Op::Delete)),
        ],
    )
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
                return op(text, length, get);
            }
            return with_assign(text, length, get, assign);
        }
    }
    for (sign, updates) in [("=", false), ("|=", true)] {
        let after = text.strip_prefix("comments").unwrap_or_default();
        let blanks = after.len() - after.trim_start().len();
        if after.get(blanks..).is_some_and(|rest| rest.starts_with(sign)) {
            let assign = Op::AssignComment { kind: CommentKind::All, updates };
            return op(text, "comments".len() + blanks + sign.len(), assign);
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

fn scalar(text: &str, length: usize, tag: &str) -> Found {
    let value = text.get(..length).unwrap_or_default();
    let is_number = match tag {
        "!!int" if value.starts_with("0x") || value.starts_with("0X") => {
            i64::from_str_radix(value.get(2..).unwrap_or_default(), 16).is_ok()
        }
        "!!int" => value.parse::<i64>().is_ok(),
        "!!float" => value.parse::<f64>().is_ok_and(f64::is_finite),
        _ => true,
    };
    if !is_number {
        return Err(Error::expression(format!("`{value}` does not fit into 64 bits")));
    }
    let node = Node::new(crate::tree::Kind::Scalar, tag, value);
    op(text, length, Op::Value(node.into()))
}

fn values(text: &str) -> Found {
    let numbers: [(fn(&str) -> Option<usize>, &str); 4] = [
        (pattern::hex, "!!int"),
        (pattern::scientific, "!!float"),
        (pattern::float, "!!float"),
        (pattern::integer, "!!int"),
    ];
    for (pattern, tag) in numbers {
        if let Some(length) = pattern(text) {
            return scalar(text, length, tag);
        }
    }
    for (name, tag) in
        [("true", "!!bool"), ("false", "!!bool"), ("null", "!!null"), ("~", "!!null")]
    {
        if let Some(length) = pattern::any_case(text, name) {
            return scalar(text, length, tag);
        }
    }
    if let Some(length) = pattern::quoted(text) {
        let inside = text.get(1..length - 1).unwrap_or_default();
        return op(text, length, Op::Interpolate(super::implied::unescape(inside).into()));
    }
    for (name, is_text) in [("strenv", true), ("env", false)] {
        if let Some(length) = pattern::named_call(text, name) {
            let name = text.get(name.len() + 1..length - 1).unwrap_or_default();
            return op(text, length, Op::Env { name: name.into(), is_text });
        }
    }
    find(text, [("envsubst", None)])
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
            return op(text, length, found);
        }
    }
    let found = find(text, [("min", Some(Op::Min)), ("max", Some(Op::Max))])?;
    if found.is_some() {
        return Ok(found);
    }
    for (sign, updates) in [("|=", true), ("=", false)] {
        if let Some(length) = pattern::with_letters(text, sign, "c") {
            let flags = AssignFlags {
                keeps_anchor: true,
                clobbers_tags: length > sign.len(),
                ..AssignFlags::default()
            };
            return op(text, length, Op::Assign { flags, updates });
        }
    }
    if let Some(length) = pattern::white_space(text) {
        return Ok(Some((length, None)));
    }
    paths_and_rest(text)
}

fn paths_and_rest(text: &str) -> Found {
    let wrapped = pattern::wrapped_key(text);
    if let Some(length) = wrapped.or_else(|| pattern::key(text)) {
        return Ok(Some((length, Some(key(text.get(..length).unwrap_or(""), wrapped.is_some())))));
    }
    for (sign, assigns) in [("*=", true), ("*", false)] {
        if let Some(length) = pattern::with_letters(text, sign, "+|?cdn") {
            let flags = merge_flags(text.get(..length).unwrap_or_default());
            let found = if assigns { Op::MultiplyAssign(flags) } else { Op::Multiply(flags) };
            return op(text, length, found);
        }
    }
    if let Some(length) = pattern::comment(text) {
        return Ok(Some((length, None)));
    }
    if text.starts_with('|') {
        return op(text, 1, Op::Pipe);
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
