//! Scalars: plain, quoted and block.

use super::super::chars::{
    byte, is_blank, is_blank_or_end, is_break, is_break_or_end, is_flow_indicator,
};
use super::{Mark, Quote, Scanner, Token, TokenKind};
use crate::Error;
use crate::yaml::fault;

/// White space between two words, kept until it is known whether text follows.
#[derive(Default)]
struct Gap {
    blanks: String,
    first_break: String,
    breaks: String,
    has_break: bool,
}

impl Gap {
    /// Line breaks are folded: one becomes a blank, more lose the first.
    fn join(&mut self, text: &mut String) {
        let gap = std::mem::take(self);
        if !gap.has_break {
            text.push_str(&gap.blanks);
        } else if gap.first_break.starts_with('\n') {
            text.push_str(if gap.breaks.is_empty() { " " } else { &gap.breaks });
        } else {
            text.push_str(&gap.first_break);
            text.push_str(&gap.breaks);
        }
    }
}

impl Scanner<'_> {
    fn push_scalar(&mut self, start: Mark, end: Mark, quote: Quote, value: String) {
        self.push(Token { value, quote, ..Token::new(TokenKind::Scalar, start, end) });
    }

    pub(super) fn fetch_plain(&mut self) -> Result<(), Error> {
        self.save_key()?;
        self.may_be_key = false;
        let (start, mut end) = (self.cursor.mark, self.cursor.mark);
        let (mut text, mut gap) = (String::new(), Gap::default());
        loop {
            if self.cursor.document_indicator().is_some() || self.cursor.looking_at(0) == b'#' {
                break;
            }
            while !is_blank_or_end(self.cursor.text, self.cursor.at) && !self.ends_plain() {
                gap.join(&mut text);
                self.cursor.read(&mut text);
                end = self.cursor.mark;
            }
            let (source, at) = (self.cursor.text, self.cursor.at);
            if !is_blank(source, at) && !is_break(source, at) {
                break;
            }
            self.read_gap(&mut gap, Some(start))?;
            if self.level == 0 && self.cursor.column() <= self.indent {
                break;
            }
        }
        self.may_be_key |= gap.has_break;
        self.push_scalar(start, end, Quote::Plain, text);
        Ok(())
    }

    fn ends_plain(&self) -> bool {
        let (text, at) = (self.cursor.text, self.cursor.at);
        let first = byte(text, at);
        let ends_after = is_blank_or_end(text, at + 1);
        (first == b':' && ends_after)
            || (self.level > 0 && (is_flow_indicator(first) || (first == b'?' && ends_after)))
    }

    /// Reads blanks and breaks. In a plain scalar, a tab must not stand for indentation.
    fn read_gap(&mut self, gap: &mut Gap, plain: Option<Mark>) -> Result<(), Error> {
        loop {
            let (text, at) = (self.cursor.text, self.cursor.at);
            if is_break(text, at) {
                gap.blanks.clear();
                let to = if gap.has_break { &mut gap.breaks } else { &mut gap.first_break };
                self.cursor.read_line(to);
                gap.has_break = true;
            } else if !is_blank(text, at) {
                return Ok(());
            } else if gap.has_break {
                if let Some(start) = plain
                    && byte(text, at) == b'\t'
                    && self.cursor.column() <= self.indent
                {
                    return Err(fault(start.line, "a tab where indentation is expected"));
                }
                self.cursor.skip();
            } else {
                self.cursor.read(&mut gap.blanks);
            }
        }
    }

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

    pub(super) fn fetch_block_scalar(&mut self, quote: Quote) -> Result<(), Error> {
        self.drop_key()?;
        self.may_be_key = true;
        let start = self.cursor.mark;
        self.cursor.skip();
        let (keep, increment) = self.read_block_header(start)?;
        if self.cursor.looking_at(0) == b'#' {
            self.scan_line_comment(start);
        }
        if !is_break_or_end(self.cursor.text, self.cursor.at) {
            return Err(fault(start.line, "text after the sign of a block text"));
        }
        self.cursor.skip_line();
        let mut end = self.cursor.mark;
        let base = usize::try_from(self.indent).unwrap_or(0);
        let mut indent = if increment > 0 { base + increment } else { 0 };
        let (mut text, mut first_break, mut breaks) = (String::new(), String::new(), String::new());
        self.read_block_breaks(&mut indent, &mut breaks, start, &mut end)?;
        let mut was_blank = false;
        while self.cursor.mark.column == indent && self.cursor.looking_at(0) != 0 {
            let is_blank_line = is_blank(self.cursor.text, self.cursor.at);
            let folds = quote == Quote::Folded
                && !was_blank
                && !is_blank_line
                && first_break.starts_with('\n');
            if !folds {
                text.push_str(&first_break);
            } else if breaks.is_empty() {
                text.push(' ');
            }
            first_break.clear();
            text.push_str(&breaks);
            breaks.clear();
            was_blank = is_blank_line;
            while !is_break_or_end(self.cursor.text, self.cursor.at) {
                self.cursor.read(&mut text);
            }
            self.cursor.read_line(&mut first_break);
            self.read_block_breaks(&mut indent, &mut breaks, start, &mut end)?;
        }
        if keep >= 0 {
            text.push_str(&first_break);
        }
        if keep > 0 {
            text.push_str(&breaks);
        }
        self.push_scalar(start, end, quote, text);
        Ok(())
    }

    /// Chomping (-1, 0, 1) and the depth given by a digit, in any order.
    fn read_block_header(&mut self, start: Mark) -> Result<(i8, usize), Error> {
        let (mut keep, mut increment) = (0, 0);
        let (mut has_keep, mut has_increment) = (false, false);
        loop {
            match self.cursor.looking_at(0) {
                sign @ (b'+' | b'-') if !has_keep => {
                    has_keep = true;
                    keep = if sign == b'+' { 1 } else { -1 };
                }
                b'0' if !has_increment => {
                    return Err(fault(start.line, "a block text with an indentation of 0"));
                }
                digit @ b'1'..=b'9' if !has_increment => {
                    has_increment = true;
                    increment = usize::from(digit - b'0');
                }
                _ => break,
            }
            self.cursor.skip();
        }
        while is_blank(self.cursor.text, self.cursor.at) {
            self.cursor.skip();
        }
        Ok((keep, increment))
    }

    /// Reads indentation and empty lines; finds the depth of the block if none was given.
    fn read_block_breaks(
        &mut self,
        indent: &mut usize,
        breaks: &mut String,
        start: Mark,
        end: &mut Mark,
    ) -> Result<(), Error> {
        *end = self.cursor.mark;
        let mut deepest = 0;
        loop {
            let is_inside = |column: usize, indent: usize| indent == 0 || column < indent;
            while is_inside(self.cursor.mark.column, *indent) && self.cursor.looking_at(0) == b' ' {
                self.cursor.skip();
            }
            deepest = deepest.max(self.cursor.mark.column);
            if is_inside(self.cursor.mark.column, *indent) && self.cursor.looking_at(0) == b'\t' {
                return Err(fault(start.line, "a tab where indentation is expected"));
            }
            if !is_break(self.cursor.text, self.cursor.at) {
                break;
            }
            self.cursor.read_line(breaks);
            *end = self.cursor.mark;
        }
        if *indent == 0 {
            let least = usize::try_from(self.indent + 1).unwrap_or(0);
            *indent = deepest.max(least).max(1);
        }
        Ok(())
    }
}
