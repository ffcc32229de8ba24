//! Texts in quotes.

use super::super::chars::{is_blank_or_end, is_break};
use super::scalars::Gap;
use super::{Quote, Scanner};
use crate::Error;
use crate::yaml::fault;

impl Scanner<'_> {
    pub(super) fn fetch_quoted(&mut self, quote: Quote) -> Result<(), Error> {
        self.save_key()?;
        self.may_be_key = false;
        let start = self.cursor.mark;
        let mark = if quote == Quote::Single { b'\'' } else { b'"' };
        self.cursor.skip();
        let mut text = String::new();
        loop {
            if self.cursor.document_indicator().is_some() || self.cursor.looking_at(0) == 0 {
                return Err(fault(start.line, "a quoted text does not end"));
            }
            let mut gap = Gap { has_break: self.read_words(quote, &mut text)?, ..Gap::default() };
            if self.cursor.looking_at(0) == mark {
                break;
            }
            if gap.has_break {
                // After an escaped break, the next one is not the first.
                self.read_gap(&mut gap, None)?;
                text.push_str(&gap.breaks);
            } else {
                self.read_gap(&mut gap, None)?;
                gap.join(&mut text);
            }
        }
        self.cursor.skip();
        self.push_scalar(start, self.cursor.mark, quote, text);
        Ok(())
    }

    /// Reads up to a blank, a break or the closing quote; true after an escaped break.
    fn read_words(&mut self, quote: Quote, text: &mut String) -> Result<bool, Error> {
        while !is_blank_or_end(self.cursor.text, self.cursor.at) {
            match (quote, self.cursor.looking_at(0)) {
                (Quote::Single, b'\'') if self.cursor.looking_at(1) == b'\'' => {
                    text.push('\'');
                    self.cursor.skip_many(2);
                }
                (Quote::Single, b'\'') | (Quote::Double, b'"') => return Ok(false),
                (Quote::Double, b'\\') if is_break(self.cursor.text, self.cursor.at + 1) => {
                    self.cursor.skip();
                    self.cursor.skip_line();
                    return Ok(true);
                }
                (Quote::Double, b'\\') => self.read_escape(text)?,
                _ => self.cursor.read(text),
            }
        }
        Ok(false)
    }

    fn read_escape(&mut self, text: &mut String) -> Result<(), Error> {
        let line = self.cursor.mark.line;
        let (plain, digits) = match self.cursor.looking_at(1) {
            b'0' => ('\0', 0),
            b'a' => ('\x07', 0),
            b'b' => ('\x08', 0),
            b't' | b'\t' => ('\t', 0),
            b'n' => ('\n', 0),
            b'v' => ('\x0B', 0),
            b'f' => ('\x0C', 0),
            b'r' => ('\r', 0),
            b'e' => ('\x1B', 0),
            byte @ (b' ' | b'"' | b'\'' | b'\\') => (char::from(byte), 0),
            b'N' => ('\u{85}', 0),
            b'_' => ('\u{A0}', 0),
            b'L' => ('\u{2028}', 0),
            b'P' => ('\u{2029}', 0),
            b'x' => ('\0', 2),
            b'u' => ('\0', 4),
            b'U' => ('\0', 8),
            _ => return Err(fault(line, "an unknown escape in a quoted text")),
        };
        self.cursor.skip_many(2);
        text.push(if digits == 0 { plain } else { self.read_code(digits)? });
        Ok(())
    }

    fn read_code(&mut self, digits: usize) -> Result<char, Error> {
        let wrong = || fault(self.cursor.mark.line, "a bad character code in a quoted text");
        let mut code = 0;
        for at in 0..digits {
            let digit = char::from(self.cursor.looking_at(at)).to_digit(16).ok_or_else(wrong)?;
            code = code << 4 | digit;
        }
        let character = char::from_u32(code).ok_or_else(wrong)?;
        self.cursor.skip_many(digits);
        Ok(character)
    }
}
