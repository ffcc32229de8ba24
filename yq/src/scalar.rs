//! Which type a plain scalar has.
//!
//! The types are those of Go's YAML library: the core schema of YAML 1.2, but with underscores in
//! numbers, binary numbers, octal numbers by a leading zero, dates, and the merge key `<<`. `yes`
//! and `no` are texts.

mod timestamp;

use std::borrow::Cow;

use crate::number;
use crate::tree::{Node, Style};
pub(crate) use timestamp::is_timestamp;

/// The tag of a plain scalar without a tag.
pub(crate) fn resolve(text: &str) -> &'static str {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return "!!null",
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return "!!bool",
        "<<" => return "!!merge",
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" | "-0" | "-0.0" => return "!!float",
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') if is_go_float(text) => "!!float",
        Some(b'+' | b'-' | b'0'..=b'9') => resolve_number(text),
        _ => "!!str",
    }
}

fn resolve_number(text: &str) -> &'static str {
    if is_timestamp(text) {
        return "!!timestamp";
    }
    let plain = text.replace('_', "");
    if is_integer(&plain) {
        "!!int"
    } else if is_yaml_float(&plain) && number::parse_float(&plain).is_ok() {
        "!!float"
    } else {
        "!!str"
    }
}

/// Underscores between digits are no part of a float that starts with a point.
fn is_go_float(text: &str) -> bool {
    number::parse_float(text).is_ok()
}

/// An integer of 64 bits with the base in its prefix.
fn is_integer(text: &str) -> bool {
    let (is_signed, bare) = match text.as_bytes().first() {
        Some(b'+' | b'-') => (true, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let lower = bare.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if let Some(digits) = lower.strip_prefix('0').filter(|digits| !digits.is_empty()) {
        (8, digits)
    } else {
        (10, &*lower)
    };
    if digits.starts_with(['+', '-']) {
        return false;
    }
    match u64::from_str_radix(digits, radix) {
        Ok(_) if !is_signed => true,
        Ok(number) if text.starts_with('-') => number <= 1 << 63,
        Ok(number) => i64::try_from(number).is_ok(),
        Err(_) => false,
    }
}

/// Digits, a point, digits, an exponent.
fn is_yaml_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let whole = text.len() - rest.len();
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        fraction = after.len() - rest.len();
    }
    if whole == 0 && fraction == 0 {
        return false;
    }
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else { return rest.is_empty() };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The type of a value: behind a tag of the user's own stands what the text looks like.
pub(crate) fn guess_tag(node: &Node) -> Cow<'_, str> {
    if node.tag.starts_with("!!") || node.value.is_empty() {
        return Cow::Borrowed(&node.tag);
    }
    crate::yaml::tag_of_snippet(&node.value).map_or(Cow::Borrowed(&*node.tag), Cow::Owned)
}

/// The type of the text of a properties file: what it is as YAML.
pub(crate) fn is_truthy(node: &Node) -> bool {
    if node.is_null() {
        return false;
    }
    if node.kind == crate::tree::Kind::Scalar && &*node.tag == "!!bool" {
        let texts = ["y", "yes", "on", "true"];
        return texts.iter().any(|text| node.value.eq_ignore_ascii_case(text));
    }
    true
}

/// Whether the style by itself makes a scalar a text.
pub(crate) fn is_quoted(style: Style) -> bool {
    style.has(Style::SINGLE.with(Style::DOUBLE).with(Style::LITERAL).with(Style::FOLDED))
}
