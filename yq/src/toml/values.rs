//! Values.

use super::lines::{Path, Reader};
use crate::Error;
use crate::number::{parse_float, parse_int};
use crate::tree::DEPTH_LIMIT;

#[derive(Debug)]
pub(super) enum Value {
    /// A tag and a text.
    Scalar(&'static str, String),
    /// Values, each with the first line of the comment above.
    Array(Vec<(Option<String>, Value)>),
    Table(Vec<(Path, Value)>),
}

impl Reader<'_> {
    pub(super) fn value(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > DEPTH_LIMIT - 50 {
            return Err(Error::TooMuch { what: "the TOML is nested too deeply" });
        }
        let rest = self.rest();
        match self.peek() {
            None => Err(self.wrong("a value is missing")),
            Some(b'"') if rest.starts_with("\"\"\"") => self.long('"').map(text),
            Some(b'"') => self.basic().map(text),
            Some(b'\'') if rest.starts_with("'''") => self.long('\'').map(text),
            Some(b'\'') => self.literal().map(text),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.table(depth),
            Some(b't' | b'f') => {
                let word = if rest.starts_with('t') { "true" } else { "false" };
                self.expect(word)?;
                Ok(Value::Scalar("!!bool", word.into()))
            }
            Some(_) => self.number(),
        }
    }

    fn table(&mut self, depth: usize) -> Result<Value, Error> {
        self.expect("{")?;
        let mut pairs = Vec::new();
        loop {
            self.skip_blanks();
            if self.takes("}") {
                return Ok(Value::Table(pairs));
            }
            if !pairs.is_empty() {
                self.expect(",")?;
                self.skip_blanks();
            }
            pairs.push(self.pair(depth + 1)?);
        }
    }

    /// White space and comments; gives the first comment.
    fn gap(&mut self) -> Result<Option<String>, Error> {
        let mut first = None;
        loop {
            self.skip_blanks();
            if self.peek() == Some(b'#') {
                let comment = self.comment()?;
                first.get_or_insert(comment);
            }
            match self.peek() {
                Some(b'\n' | b'\r') => self.line_break()?,
                _ => return Ok(first),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        self.expect("[")?;
        let mut items = Vec::new();
        let mut comments = Vec::new();
        loop {
            comments.extend(self.gap()?);
            if self.takes("]") {
                return Ok(Value::Array(items));
            }
            if !items.is_empty() {
                self.expect(",")?;
                comments.extend(self.gap()?);
                if self.takes("]") {
                    return Ok(Value::Array(items));
                }
            }
            let value = self.value(depth + 1)?;
            let above = (!comments.is_empty()).then(|| comments.join("\n"));
            comments.clear();
            items.push((above, value));
        }
    }

    fn number(&mut self) -> Result<Value, Error> {
        let rest = self.rest();
        let is_digit = |at: usize| rest.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
        let sign_at = |at: usize| rest.as_bytes().get(at).copied();
        let starts = |count: usize| (0..count).all(is_digit);
        if (starts(4) && sign_at(4) == Some(b'-')) || (starts(2) && sign_at(2) == Some(b':')) {
            return self.date();
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        let bare = text.trim_start_matches(['+', '-']);
        let has_zero = bare.len() > 1
            && bare.starts_with('0')
            && bare.as_bytes().get(1).is_some_and(|c| c.is_ascii_digit() || *c == b'_');
        let is_based = ["0x", "0o", "0b"].iter().any(|base| text.starts_with(base));
        let is_float =
            matches!(bare, "inf" | "nan") || (!is_based && text.contains(['.', 'e', 'E']));
        let is_number = if is_float { parse_float(text).is_ok() } else { parse_int(text).is_ok() };
        if text.is_empty() || has_zero || !is_number {
            return Err(self.wrong(&format!("`{text}` is no value")));
        }
        self.at += length;
        Ok(Value::Scalar(if is_float { "!!float" } else { "!!int" }, text.into()))
    }

    /// Dates with a time zone have no tag; others are refused.
    fn date(&mut self) -> Result<Value, Error> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_digit() || "-:.TtZz+".contains(c);
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        let after_date = text.get(10..).unwrap_or_default();
        let has_zone = after_date.contains(['Z', '+', '-']) && text.contains('T');
        if !has_zone || !crate::scalar::is_timestamp(text) {
            return Err(Error::unsupported("a TOML date without time zone"));
        }
        self.at += length;
        Ok(Value::Scalar("", text.into()))
    }
}

fn text(text: String) -> Value {
    Value::Scalar("!!str", text)
}
