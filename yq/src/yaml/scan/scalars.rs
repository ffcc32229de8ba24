//! Plain scalars, and what all scalars need.

use super::super::chars::{byte, is_blank, is_blank_or_end, is_break, is_flow_indicator};
use super::{Mark, Quote, Scanner, Token, TokenKind};
use crate::Error;
use crate::yaml::fault;

/// White space between two words, kept until it is known whether text follows.
#[derive(Default)]
pub(super) struct Gap {
    pub(super) blanks: String,
    pub(super) first_break: String,
    pub(super) breaks: String,
    pub(super) has_break: bool,
}

impl Gap {
    /// Line breaks are folded: one becomes a blank, more lose the first.
    pub(super) fn join(&mut self, text: &mut String) {
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
    pub(super) fn push_scalar(&mut self, start: Mark, end: Mark, quote: Quote, value: String) {
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
    pub(super) fn read_gap(&mut self, gap: &mut Gap, plain: Option<Mark>) -> Result<(), Error> {
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
}
