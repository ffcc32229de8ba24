//! Possible keys and indentation: how block collections start and end.

use super::{LEVEL_LIMIT, Mark, Scanner, SimpleKey, Token, TokenKind};
use crate::Error;
use crate::yaml::fault;

impl Scanner<'_> {
    /// Notes that a key may start here.
    pub(super) fn save_key(&mut self) -> Result<(), Error> {
        let is_required = self.level == 0 && self.indent == self.cursor.column();
        if self.may_be_key {
            self.drop_key()?;
            self.key = Some(SimpleKey {
                is_required,
                level: self.level,
                number: self.taken + (self.tokens.len() - self.head),
                mark: self.cursor.mark,
            });
            self.required = is_required.then_some(self.cursor.mark);
        }
        Ok(())
    }

    /// What was noted is no key; where one had to be, that is an error.
    pub(super) fn drop_key(&mut self) -> Result<(), Error> {
        if let Some(mark) = self.required {
            return Err(fault(mark.line, "a key without `:`"));
        }
        self.key = None;
        Ok(())
    }

    pub(super) fn raise_level(&mut self) -> Result<(), Error> {
        self.level += 1;
        if self.level + self.indents.len() > LEVEL_LIMIT {
            return Err(Error::TooMuch { what: "the YAML is nested too deeply" });
        }
        if let Some(key) = self.key.take() {
            self.keys.push(key);
        }
        self.required = None;
        Ok(())
    }

    pub(super) fn lower_level(&mut self) {
        if self.level == 0 {
            return;
        }
        self.level -= 1;
        if self.keys.last().is_some_and(|key| key.level == self.level) {
            self.key = self.keys.pop();
            self.required = self.key.filter(|key| key.is_required).map(|key| key.mark);
        }
    }

    /// Starts a block collection if the column is deeper than the one around. `number` is the token
    /// before which it starts, if that was passed already.
    pub(super) fn roll_indent(
        &mut self,
        number: Option<usize>,
        kind: TokenKind,
        mark: Mark,
    ) -> Result<(), Error> {
        let column = isize::try_from(mark.column).unwrap_or(isize::MAX);
        if self.level > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.level + self.indents.len() > LEVEL_LIMIT {
            return Err(Error::TooMuch { what: "the YAML is nested too deeply" });
        }
        let token = Token::new(kind, mark, mark);
        match number {
            Some(number) => self.insert(number, token),
            None => self.push(token),
        }
        Ok(())
    }

    /// Puts a token before the one with this number.
    pub(super) fn insert(&mut self, number: usize, token: Token) {
        let at = (self.head + number.saturating_sub(self.taken)).min(self.tokens.len());
        self.tokens.insert(at, token);
    }

    /// Ends the block collections that are deeper than the column. An end is moved back before
    /// comments of its own depth, so that they are feet of what is around it.
    pub(super) fn unroll_indent(&mut self, column: isize, scan: Mark) {
        if self.level > 0 {
            return;
        }
        // One before the scan, so that the comments that it met come after the end.
        let mut mark = Mark { index: scan.index - 1, ..scan };
        while self.indent > column {
            mark = self.comment_at_indent(mark.index).unwrap_or(mark);
            self.push(Token::new(TokenKind::BlockEnd, mark, mark));
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    /// The first of the comments just before, without a gap, that starts at the indentation.
    fn comment_at_indent(&self, mut stop: isize) -> Option<Mark> {
        let mut found = None;
        for comment in self.comments.iter().rev() {
            if comment.end.index < stop {
                break;
            }
            if isize::try_from(comment.start.column).is_ok_and(|column| column == self.indent + 1) {
                found = Some(comment.start);
            }
            stop = comment.scan.index;
        }
        found
    }

    pub(super) fn fetch_stream_end(&mut self) -> Result<(), Error> {
        if self.cursor.mark.column != 0 {
            self.cursor.mark.column = 0;
            self.cursor.mark.line += 1;
        }
        self.unroll_indent(-1, self.cursor.mark);
        self.drop_key()?;
        self.keys.clear();
        self.may_be_key = false;
        self.push(Token::new(TokenKind::StreamEnd, self.cursor.mark, self.cursor.mark));
        self.has_ended = true;
        Ok(())
    }

    pub(super) fn fetch_document(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.unroll_indent(-1, self.cursor.mark);
        self.drop_key()?;
        self.may_be_key = false;
        let start = self.cursor.mark;
        self.cursor.skip_many(3);
        self.push(Token::new(kind, start, self.cursor.mark));
        Ok(())
    }
}
