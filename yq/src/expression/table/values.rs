//! Numbers, texts, words for values, variables of the environment.

use super::super::op::Op;
use super::super::patterns as pattern;
use super::{Found, Match, find, op};
use crate::Error;
use crate::tree::{Kind, Node};

fn scalar(text: &str, length: usize, tag: &str) -> Match {
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
        return Match::Wrong(Error::expression(format!("`{value}` does not fit into 64 bits")));
    }
    let node = Node::new(Kind::Scalar, tag, value);
    op(text, length, Op::Value(node.into()))
}

pub(super) fn first(text: &str) -> Found {
    for (length, tag) in [
        (pattern::hex(text), "!!int"),
        (pattern::scientific(text), "!!float"),
        (pattern::float(text), "!!float"),
        (pattern::integer(text), "!!int"),
    ] {
        if let Some(length) = length {
            return Some(scalar(text, length, tag));
        }
    }
    for (name, tag) in
        [("true", "!!bool"), ("false", "!!bool"), ("null", "!!null"), ("~", "!!null")]
    {
        if let Some(length) = pattern::any_case(text, name) {
            return Some(scalar(text, length, tag));
        }
    }
    if let Some(length) = pattern::quoted(text) {
        let inside = text.get(1..length - 1).unwrap_or_default();
        return Some(op(
            text,
            length,
            Op::Interpolate(crate::expression::implied::unescape(inside).into()),
        ));
    }
    for (name, is_text) in [("strenv", true), ("env", false)] {
        if let Some(length) = pattern::named_call(text, name) {
            let name = text.get(name.len() + 1..length - 1).unwrap_or_default();
            return Some(op(text, length, Op::Env { name: name.into(), is_text }));
        }
    }
    find(text, [("envsubst", None)])
}
