//! Operators that are words.

use super::super::lexer::Token;
use super::super::op::{Op, Text};
use super::super::patterns as pattern;
use super::{Found, Match, find, op};

pub(super) fn first(text: &str) -> Found {
    if let Some(length) = pattern::call(text, "flatten", false) {
        return Some(op(
            text,
            length,
            Op::Flatten(pattern::argument(text.get(..length).unwrap_or(""))),
        ));
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
pub(super) fn documents(text: &str) -> Found {
    for (word, format) in [("to_?yaml", Text::Yaml), ("to_?json", Text::Json)] {
        if let Some(length) = pattern::call(text, word, false) {
            let indent = pattern::argument(text.get(..length).unwrap_or_default());
            let indent = usize::try_from(indent).unwrap_or(2).min(16);
            return Some(op(text, length, Op::Encode { format, indent }));
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

pub(super) fn more(text: &str) -> Found {
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
    );
    if before.is_some() {
        return before;
    }
    let call = pattern::call(text, "parent", true);
    if let Some(length) = call.or_else(|| pattern::word(text, "parent")) {
        let name = text.get(..length).unwrap_or_default();
        let level = if call.is_some() { pattern::argument(name) } else { 1 };
        let op = Op::Parent(level);
        let token = Token::Op { op, assign: None, may_be_traversed: true, text: name.into() };
        return Some(Match::Token(length, token));
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
