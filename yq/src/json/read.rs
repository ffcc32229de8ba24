//! Values, one after the other, to nodes.

use crate::Error;
use crate::number::write_float;
use crate::tree::{DEPTH_LIMIT, Id, Kind, Node, Tree};

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// All values of a text.
pub(crate) fn read(tree: &mut Tree, text: &str) -> Result<Vec<Id>, Error> {
    let mut reader = Reader { text, at: 0 };
    let mut found = Vec::new();
    while reader.next().is_some() {
        let id = reader.value(tree, 0)?;
        tree.check()?;
        found.push(id);
    }
    Ok(found)
}

impl Reader<'_> {
    fn wrong(&self, what: &str) -> Error {
        let line = self.text.get(..self.at).unwrap_or_default().matches('\n').count() + 1;
        Error::Input { format: "json", reason: format!("line {line}: {what}") }
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.at += rest.len() - trimmed.len();
        trimmed.bytes().next()
    }

    fn value(&mut self, tree: &mut Tree, depth: usize) -> Result<Id, Error> {
        if depth > DEPTH_LIMIT - 50 {
            return Err(Error::TooMuch { what: "the JSON is nested too deeply" });
        }
        match self.next() {
            Some(b'{') => self.object(tree, depth),
            Some(b'[') => self.array(tree, depth),
            Some(b'"') => {
                let text = self.string()?;
                Ok(tree.add(Node::text(text)))
            }
            Some(b'-' | b'0'..=b'9') => self.number(tree),
            _ => self.word(tree),
        }
    }

    fn word(&mut self, tree: &mut Tree) -> Result<Id, Error> {
        for (word, tag) in [("null", "!!null"), ("true", "!!bool"), ("false", "!!bool")] {
            if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
                self.at += word.len();
                return Ok(tree.add(Node::new(Kind::Scalar, tag, word)));
            }
        }
        Err(self.wrong("a value is missing"))
    }

    fn number(&mut self, tree: &mut Tree) -> Result<Id, Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let text = rest.get(..rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
        let text = text.unwrap_or_default();
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(number) = number.filter(|_| is_json_number(text)) else {
            return Err(self.wrong(&format!("`{text}` is no number")));
        };
        self.at += text.len();
        Ok(tree.add(number_node(number)))
    }

    fn array(&mut self, tree: &mut Tree, depth: usize) -> Result<Id, Error> {
        self.at += 1;
        let id = tree.add(Node::sequence());
        if self.next() == Some(b']') {
            self.at += 1;
            return Ok(id);
        }
        loop {
            let item = self.value(tree, depth + 1)?;
            tree.adopt_item(id, item);
            if self.ends(b']')? {
                return Ok(id);
            }
        }
    }

    /// After a value: a comma, or the end.
    fn ends(&mut self, end: u8) -> Result<bool, Error> {
        let next = self.next();
        self.at += 1;
        match next {
            Some(b',') => Ok(false),
            Some(byte) if byte == end => Ok(true),
            _ => Err(self.wrong("`,` or a closing bracket is missing")),
        }
    }

    fn object(&mut self, tree: &mut Tree, depth: usize) -> Result<Id, Error> {
        self.at += 1;
        let id = tree.add(Node::mapping());
        if self.next() == Some(b'}') {
            self.at += 1;
            return Ok(id);
        }
        loop {
            if self.next() != Some(b'"') {
                return Err(self.wrong("a key is missing"));
            }
            let key = self.string()?;
            let key = tree.add(Node::text(key));
            if self.next() != Some(b':') {
                return Err(self.wrong("`:` is missing"));
            }
            self.at += 1;
            let value = self.value(tree, depth + 1)?;
            tree.adopt_pair(id, key, value);
            if self.ends(b'}')? {
                return Ok(id);
            }
        }
    }

    fn string(&mut self) -> Result<String, Error> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(character) = rest.chars().next() else {
                return Err(self.wrong("a text does not end"));
            };
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(out),
                '\\' => self.escape(&mut out)?,
                '\0'..='\x1F' => return Err(self.wrong("a control character in a text")),
                _ => out.push(character),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Error> {
        let sign = self.text.as_bytes().get(self.at).copied().unwrap_or(0);
        self.at += 1;
        out.push(match sign {
            b'"' | b'\\' | b'/' => char::from(sign),
            b'b' => '\x08',
            b'f' => '\x0C',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code()?,
            _ => return Err(self.wrong("an unknown escape in a text")),
        });
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, Error> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        let is_hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let unit = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        self.at += 4;
        unit.ok_or_else(|| self.wrong("a bad character code"))
    }

    /// Two units for a character beyond 16 bits; half of one is replaced.
    fn code(&mut self) -> Result<char, Error> {
        let unit = self.unit()?;
        let is_high = (0xD800..0xDC00).contains(&unit);
        if is_high && self.text.get(self.at..self.at + 2) == Some("\\u") {
            let before = self.at;
            self.at += 2;
            let low = self.unit()?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

/// Integers come out as such if a float holds them.
#[expect(clippy::cast_possible_truncation, reason = "checked by the comparison")]
#[expect(clippy::cast_precision_loss, reason = "checked by the comparison")]
#[expect(clippy::float_cmp, reason = "exactly the same or not an integer")]
fn number_node(number: f64) -> Node {
    let integer = number as i64;
    if integer as f64 == number && integer != i64::MAX {
        return Node::new(Kind::Scalar, "!!int", integer.to_string());
    }
    Node::new(Kind::Scalar, "!!float", write_float(number))
}

fn is_json_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let has_zero = digits.len() > 1
        && digits.starts_with('0')
        && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let before_point = digits.split('.').next().unwrap_or_default();
    let has_end = digits.ends_with(|c: char| c.is_ascii_digit());
    let has_gap = digits.contains(".e") || digits.contains(".E");
    !has_zero && !has_gap && before_point.starts_with(|c: char| c.is_ascii_digit()) && has_end
}
