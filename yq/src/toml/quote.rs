//! Texts in quotes.

use super::lines::Reader;
use crate::Error;

impl Reader<'_> {
    /// `'...'` on one line, as it is.
    pub(super) fn literal(&mut self) -> Result<String, Error> {
        self.expect("'")?;
        let rest = self.rest();
        let end =
            rest.find(['\'', '\n', '\r']).filter(|at| rest.as_bytes().get(*at) == Some(&b'\''));
        let end = end.ok_or_else(|| self.wrong("a text does not end"))?;
        let text = rest.get(..end).unwrap_or_default();
        self.check(text)?;
        self.at += end + 1;
        Ok(text.to_owned())
    }

    fn check(&self, text: &str) -> Result<(), Error> {
        let is_bad = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r');
        if text.contains(is_bad) {
            return Err(self.wrong("a control character in a text"));
        }
        Ok(())
    }

    /// `"..."` on one line.
    pub(super) fn basic(&mut self) -> Result<String, Error> {
        self.expect("\"")?;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find(['"', '\\', '\n', '\r']);
            let end = end.ok_or_else(|| self.wrong("a text does not end"))?;
            let part = rest.get(..end).unwrap_or_default();
            self.check(part)?;
            out.push_str(part);
            self.at += end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                _ => return Err(self.wrong("a text does not end")),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Error> {
        let sign = self.rest().as_bytes().get(1).copied().unwrap_or(0);
        self.at += 2;
        out.push(match sign {
            b'"' | b'\\' => char::from(sign),
            b'b' => '\x08',
            b'f' => '\x0C',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'e' => '\x1B',
            b'u' => self.code(4)?,
            b'U' => self.code(8)?,
            _ => return Err(self.wrong("an unknown escape in a text")),
        });
        Ok(())
    }

    fn code(&mut self, count: usize) -> Result<char, Error> {
        let digits = self.rest().get(..count).unwrap_or_default();
        let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        let code =
            code.and_then(char::from_u32).ok_or_else(|| self.wrong("a bad character code"))?;
        self.at += count;
        Ok(code)
    }

    /// Three quotes: over several lines; a line break right behind them does not count.
    pub(super) fn long(&mut self, quote: char) -> Result<String, Error> {
        let marks = String::from(quote).repeat(3);
        self.expect(&marks)?;
        if !self.takes("\n") {
            self.takes("\r\n");
        }
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find([quote, '\\']);
            let end = end.ok_or_else(|| self.wrong("a text does not end"))?;
            let part = rest.get(..end).unwrap_or_default();
            self.check(part)?;
            out.push_str(part);
            self.at += end;
            if self.rest().starts_with('\\') {
                self.long_escape(quote, &mut out)?;
            } else if self.takes(&marks) {
                // Up to two more quotes are part of the text.
                for _ in 0..2 {
                    if self.rest().starts_with(quote) {
                        out.push(quote);
                        self.at += 1;
                    }
                }
                return Ok(out);
            } else {
                out.push(quote);
                self.at += 1;
            }
        }
    }

    /// A backslash at the end of a line takes the white space that follows with it.
    fn long_escape(&mut self, quote: char, out: &mut String) -> Result<(), Error> {
        if quote == '\'' {
            out.push('\\');
            self.at += 1;
            return Ok(());
        }
        let after = self.rest().get(1..).unwrap_or_default();
        let blanks = after.trim_start_matches([' ', '\t']);
        if blanks.starts_with(['\n', '\r']) {
            let text = blanks.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += 1 + after.len() - text.len();
            return Ok(());
        }
        self.escape(out)
    }
}

/// A text in the quotes of Go's `%q`, which are nearly those of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0C' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0B' => out.push_str("\\v"),
            _ if is_printable(character) => out.push(character),
            _ => {
                let code = u32::from(character);
                out.push_str(&match code {
                    0..=0x7F => format!("\\x{code:02x}"),
                    0x80..=0xFFFF => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                });
            }
        }
    }
    out.push('"');
    out
}

/// What `Debug` shows as it is. Behind another character also marks that combine with it.
fn is_printable(character: char) -> bool {
    character == '\'' || !format!("a{character}").escape_debug().to_string().contains('\\')
}
