//! A scalar and its tag to a value.

use std::borrow::Cow;

use super::number::{float, integer};
use super::resolve::{Kind, resolve};
use super::timestamp::timestamp;
use super::{Mark, Node, SyntaxError, Value, base64};

const CORE: &str = "tag:yaml.org,2002:";

/// A scalar as the grammar sees it.
pub(super) struct Scalar<'a> {
    pub(super) text: Cow<'a, str>,
    /// Without quotes and not a block scalar, so its text decides about its type.
    pub(super) plain: bool,
    /// Long form; `!` alone asks for the type that the text has, even in quotes.
    pub(super) tag: Option<String>,
}

/// Where a scalar stands. A plain `=` is a fine key, but no value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Key,
    Value,
}

/// Whether the scalar, as a key, is the merge key.
pub(super) fn is_merge(scalar: &Scalar<'_>) -> bool {
    match scalar.tag.as_deref() {
        None => scalar.plain && scalar.text == "<<",
        Some(tag) => tag == "tag:yaml.org,2002:merge",
    }
}

/// Gives a scalar its type.
pub(super) fn scalar(scalar: Scalar<'_>, place: Place, at: Mark) -> Result<Node, SyntaxError> {
    let Scalar { text, plain, tag } = scalar;
    let value = match tag.as_deref() {
        None if !plain => Value::Str(text.clone().into_owned()),
        None | Some("!") => by_text(&text, place, at)?,
        Some(tag) => by_tag(tag, &text, at)?,
    };
    let raw = plain.then(|| text.into_owned().into_boxed_str());
    Ok(Node { value, mark: at, raw })
}

/// A list or a mapping has no tag, or the tag of what it is.
pub(super) fn expect_tag(tag: Option<String>, kind: &str, at: Mark) -> Result<(), SyntaxError> {
    match tag {
        None => Ok(()),
        Some(tag) if tag == "!" || tag.strip_prefix(CORE) == Some(kind) => Ok(()),
        Some(tag) => Err(unknown(&tag, at)),
    }
}

fn by_text(text: &str, place: Place, at: Mark) -> Result<Value, SyntaxError> {
    Ok(match resolve(text) {
        Kind::Null => Value::Null,
        Kind::Bool => boolean(text).unwrap_or(Value::Null),
        Kind::Int => integer(text).ok_or_else(|| bad("an integer", text, at))?,
        Kind::Float => float(text).ok_or_else(|| bad("a number", text, at))?,
        Kind::Timestamp => timestamp(text).map_or_else(|| Value::Str(text.to_owned()), Value::Date),
        Kind::Special if place == Place::Value => {
            return Err(bad("a value; put quotes around it", text, at));
        }
        Kind::Special | Kind::Str => Value::Str(text.to_owned()),
    })
}

fn by_tag(tag: &str, text: &str, at: Mark) -> Result<Value, SyntaxError> {
    match tag.strip_prefix(CORE) {
        Some("null") => Ok(Value::Null),
        Some("bool") => boolean(text).ok_or_else(|| bad("a boolean", text, at)),
        Some("int") => integer(text.trim()).ok_or_else(|| bad("an integer", text, at)),
        Some("float") => float(text.trim()).ok_or_else(|| bad("a number", text, at)),
        Some("str") => Ok(Value::Str(text.to_owned())),
        Some("timestamp") => {
            timestamp(text).map(Value::Date).ok_or_else(|| bad("a date", text, at))
        }
        Some("binary") => {
            base64::decode(text).map(Value::Bytes).ok_or_else(|| bad("base64", "this text", at))
        }
        _ => Err(unknown(tag, at)),
    }
}

fn boolean(text: &str) -> Option<Value> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" => Some(Value::Bool(true)),
        "no" | "false" | "off" => Some(Value::Bool(false)),
        _ => None,
    }
}

fn bad(what: &str, text: &str, at: Mark) -> SyntaxError {
    let short: String = text.chars().take(40).collect();
    SyntaxError::new(at, format!("{short:?} is not {what}"))
}

fn unknown(tag: &str, at: Mark) -> SyntaxError {
    let short: String = tag.chars().take(80).collect();
    SyntaxError::new(at, format!("the tag {short:?} is not known"))
}
