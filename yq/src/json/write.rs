//! Nodes to JSON.

use super::wrong;
use crate::Error;
use crate::number::{parse_float, parse_int};
use crate::scalar::{guess_tag, is_truthy};
use crate::tree::{DEPTH_LIMIT, Id, Kind, Node, Tree};

struct Writer<'a> {
    tree: &'a Tree,
    out: String,
    indent: usize,
}

/// A document and a line break. With `unwraps`, a scalar is written without quotes.
pub(crate) fn write(tree: &Tree, id: Id, indent: usize, unwraps: bool) -> Result<String, Error> {
    let node = tree.get(id);
    if unwraps && node.kind == Kind::Scalar {
        return Ok(format!("{}\n", node.value));
    }
    let mut writer = Writer { tree, out: String::new(), indent };
    writer.value(id, 0)?;
    writer.out.push('\n');
    Ok(writer.out)
}

impl Writer<'_> {
    fn value(&mut self, id: Id, depth: usize) -> Result<(), Error> {
        if depth > 2 * DEPTH_LIMIT || self.out.len() > 64 << 20 {
            return Err(Error::TooMuch { what: "the JSON is too deep or too long" });
        }
        let node = self.tree.get(id);
        match (node.kind, node.alias) {
            (Kind::Alias, Some(target)) => self.value(target, depth + 1),
            (Kind::Scalar, _) => self.scalar(node),
            (Kind::Mapping, _) => self.mapping(node, depth),
            (Kind::Sequence, _) => self.sequence(node, depth),
            (Kind::Alias, None) | (Kind::Unset, _) => {
                self.out.push_str("null");
                Ok(())
            }
        }
    }

    fn line(&mut self, depth: usize) {
        if self.indent > 0 {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', self.indent * depth));
        }
    }

    fn mapping(&mut self, node: &Node, depth: usize) -> Result<(), Error> {
        self.out.push('{');
        for (at, (key, value)) in node.pairs().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            quote(&mut self.out, &self.tree.get(key).value);
            self.out.push_str(if self.indent > 0 { ": " } else { ":" });
            self.value(value, depth + 1)?;
        }
        if !node.content.is_empty() {
            self.line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    fn sequence(&mut self, node: &Node, depth: usize) -> Result<(), Error> {
        self.out.push('[');
        for (at, item) in node.content.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            self.value(*item, depth + 1)?;
        }
        if !node.content.is_empty() {
            self.line(depth);
        }
        self.out.push(']');
        Ok(())
    }

    fn scalar(&mut self, node: &Node) -> Result<(), Error> {
        match &*guess_tag(node) {
            "!!int" => {
                let number = parse_int(&node.value).map_err(wrong)?;
                self.out.push_str(&number.to_string());
            }
            "!!float" => self.float(&node.value)?,
            "!!bool" => self.out.push_str(if is_truthy(node) { "true" } else { "false" }),
            "!!null" => self.out.push_str("null"),
            _ => quote(&mut self.out, &node.value),
        }
        Ok(())
    }

    /// As it was written, if that is JSON.
    fn float(&mut self, text: &str) -> Result<(), Error> {
        let number = parse_float(text).map_err(wrong)?;
        if !number.is_finite() {
            return Err(wrong(format!("`{text}` is no number of JSON")));
        }
        if is_fraction(text) {
            self.out.push_str(text);
            return Ok(());
        }
        let plain = format!("{number}");
        self.out.push_str(&plain);
        if !plain.contains('.') {
            self.out.push_str(".0");
        }
        Ok(())
    }
}

/// A number of JSON with a fraction or an exponent.
fn is_fraction(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let bare = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = match bare.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (bare, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let has_zero = whole.len() > 1 && whole.starts_with('0');
    let sign = |text: &str| digits(text.strip_prefix(['+', '-']).unwrap_or(text));
    digits(whole)
        && !has_zero
        && fraction.is_none_or(digits)
        && exponent.is_none_or(sign)
        && (fraction.is_some() || exponent.is_some())
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\x1F' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
