//! Indicators: brackets, commas, dashes, `?` and `:`.

use super::{Scanner, Token, TokenKind};
use crate::Error;
use crate::yaml::fault;

impl Scanner<'_> {
    /// One token of one character.
    fn push_indicator(&mut self, kind: TokenKind) {
        let start = self.cursor.mark;
        self.cursor.skip();
        self.push(Token::new(kind, start, self.cursor.mark));
    }

    pub(super) fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.save_key()?;
        self.raise_level()?;
        self.may_be_key = true;
        self.push_indicator(kind);
        Ok(())
    }

    pub(super) fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.drop_key()?;
        self.lower_level();
        self.may_be_key = false;
        self.push_indicator(kind);
        Ok(())
    }

    pub(super) fn fetch_flow_entry(&mut self) -> Result<(), Error> {
        self.drop_key()?;
        self.may_be_key = true;
        self.push_indicator(TokenKind::FlowEntry);
        Ok(())
    }

    pub(super) fn fetch_block_entry(&mut self) -> Result<(), Error> {
        if self.level == 0 {
            if !self.may_be_key {
                return Err(self.misplaced("an item of a block sequence"));
            }
            self.roll_indent(None, TokenKind::BlockSequenceStart, self.cursor.mark)?;
        }
        self.drop_key()?;
        self.may_be_key = true;
        self.push_indicator(TokenKind::BlockEntry);
        Ok(())
    }

    pub(super) fn fetch_key(&mut self) -> Result<(), Error> {
        if self.level == 0 {
            if !self.may_be_key {
                return Err(self.misplaced("a key of a mapping"));
            }
            self.roll_indent(None, TokenKind::BlockMappingStart, self.cursor.mark)?;
        }
        self.drop_key()?;
        self.may_be_key = self.level == 0;
        self.push_indicator(TokenKind::Key);
        Ok(())
    }

    pub(super) fn fetch_value(&mut self) -> Result<(), Error> {
        match self.key.filter(|key| key.mark.line == self.cursor.mark.line) {
            Some(key) => {
                self.insert(key.number, Token::new(TokenKind::Key, key.mark, key.mark));
                self.roll_indent(Some(key.number), TokenKind::BlockMappingStart, key.mark)?;
                self.key = None;
                self.required = None;
                self.may_be_key = false;
            }
            None => self.start_complex_value()?,
        }
        self.push_indicator(TokenKind::Value);
        Ok(())
    }

    /// The key before this `:` is none that fits on a line.
    fn start_complex_value(&mut self) -> Result<(), Error> {
        if self.level == 0 {
            if !self.may_be_key {
                return Err(self.misplaced("a value of a mapping"));
            }
            self.roll_indent(None, TokenKind::BlockMappingStart, self.cursor.mark)?;
        }
        self.may_be_key = self.level == 0;
        Ok(())
    }

    fn misplaced(&self, what: &str) -> Error {
        fault(self.cursor.mark.line, &format!("{what} is not allowed here"))
    }
}
