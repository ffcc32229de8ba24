//! The place in the text.

use super::super::chars::{byte, is_blank, is_blank_or_end, is_break, width};
use super::{Mark, TokenKind};

pub(super) struct Cursor<'a> {
    source: &'a str,
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) mark: Mark,
    /// Line breaks since the last character that is not blank.
    pub(super) newlines: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, text: source.as_bytes(), at: 0, mark: Mark::default(), newlines: 0 }
    }

    pub(super) fn looking_at(&self, ahead: usize) -> u8 {
        byte(self.text, self.at + ahead)
    }

    pub(super) fn column(&self) -> isize {
        isize::try_from(self.mark.column).unwrap_or(isize::MAX)
    }

    pub(super) fn index_after(&self, ahead: usize) -> isize {
        self.mark.index + isize::try_from(ahead).unwrap_or(0)
    }

    /// Passes over one character.
    pub(super) fn skip(&mut self) {
        if !is_blank(self.text, self.at) {
            self.newlines = 0;
        }
        self.at += width(self.looking_at(0));
        self.mark.index += 1;
        self.mark.column += 1;
    }

    pub(super) fn skip_many(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    /// Passes over one character and keeps it.
    pub(super) fn read(&mut self, to: &mut String) {
        let start = self.at;
        self.skip();
        to.push_str(self.source.get(start..self.at).unwrap_or_default());
    }

    pub(super) fn skip_line(&mut self) {
        self.read_line(&mut String::new());
    }

    /// Passes over a line break and keeps it: as LF, but LS and PS as they are.
    pub(super) fn read_line(&mut self, to: &mut String) {
        if !is_break(self.text, self.at) {
            return;
        }
        let length = match self.looking_at(0) {
            b'\r' if self.looking_at(1) == b'\n' => 2,
            first => width(first),
        };
        if length == 3 {
            to.push_str(self.source.get(self.at..self.at + 3).unwrap_or_default());
        } else {
            to.push('\n');
        }
        self.mark.index += if self.looking_at(0) == b'\r' && length == 2 { 2 } else { 1 };
        self.at += length;
        self.mark.column = 0;
        self.mark.line += 1;
        self.newlines += 1;
    }

    /// `---` or `...` before a blank, at the start of a line.
    pub(super) fn document_indicator(&self) -> Option<TokenKind> {
        if self.mark.column != 0 || !is_blank_or_end(self.text, self.at + 3) {
            return None;
        }
        match self.text.get(self.at..self.at + 3) {
            Some(b"---") => Some(TokenKind::DocumentStart),
            Some(b"...") => Some(TokenKind::DocumentEnd),
            _ => None,
        }
    }
}
