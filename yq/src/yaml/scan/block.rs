//! Block texts: `|` and `>`.

use super::super::chars::{is_blank, is_break, is_break_or_end};
use super::{Mark, Quote, Scanner};
use crate::Error;
use crate::yaml::fault;

impl Scanner<'_> {
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
