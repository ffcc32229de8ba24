//! Text to tokens.

mod block;
mod comments;
mod cursor;
mod flow;
mod keys;
mod names;
mod quoted;
mod scalars;
mod token;

use std::collections::VecDeque;

use super::chars::{byte, is_blank, is_blank_or_end, is_break};
use super::fault;
use crate::Error;
use cursor::Cursor;
pub(super) use token::{Comment, Mark, Quote, Token, TokenKind};

/// Levels of nesting.
const LEVEL_LIMIT: usize = crate::tree::DEPTH_LIMIT - 50;

/// A place that may turn out to be a key once a `:` follows.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    is_required: bool,
    level: usize,
    number: usize,
    mark: Mark,
}

pub(super) struct Scanner<'a> {
    cursor: Cursor<'a>,
    /// Tokens; up to two that were taken stay in front, since comments ask for the last ones.
    tokens: VecDeque<Token>,
    head: usize,
    taken: usize,
    is_ready: bool,
    has_started: bool,
    has_ended: bool,
    pub(super) comments: Vec<Comment>,
    level: usize,
    indent: isize,
    indents: Vec<isize>,
    may_be_key: bool,
    key: Option<SimpleKey>,
    required: Option<Mark>,
    keys: Vec<SimpleKey>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            cursor: Cursor::new(text),
            tokens: VecDeque::new(),
            head: 0,
            taken: 0,
            is_ready: false,
            has_started: false,
            has_ended: false,
            comments: Vec::new(),
            level: 0,
            indent: -1,
            indents: Vec::new(),
            may_be_key: true,
            key: None,
            required: None,
            keys: Vec::new(),
        }
    }

    /// The next token; it stays.
    pub(super) fn peek(&mut self) -> Result<&Token, Error> {
        if !self.is_ready {
            self.fetch_enough()?;
        }
        self.tokens.get(self.head).ok_or_else(|| fault(0, "the text ends too early"))
    }

    /// Takes the next token, which was looked at.
    pub(super) fn take(&mut self) -> Token {
        self.is_ready = false;
        self.taken += 1;
        let token = self.tokens.get_mut(self.head).map(std::mem::take).unwrap_or_default();
        if let Some(left) = self.tokens.get_mut(self.head) {
            (left.kind, left.start) = (token.kind, token.start);
        }
        self.head += 1;
        while self.head > 2 {
            self.tokens.pop_front();
            self.head -= 1;
        }
        token
    }

    /// Comments need to see two tokens ahead, and a possible key must be known to be one or not.
    fn fetch_enough(&mut self) -> Result<(), Error> {
        loop {
            if self.has_ended || self.head + 2 < self.tokens.len() {
                let first = self.keys.first().or(self.key.as_ref());
                if self.has_ended || first.is_none_or(|key| key.number != self.taken) {
                    break;
                }
            }
            self.fetch()?;
        }
        self.is_ready = true;
        Ok(())
    }

    fn push(&mut self, token: Token) {
        self.tokens.push_back(token);
    }

    fn last(&self, back: usize) -> Option<&Token> {
        self.tokens.len().checked_sub(back).and_then(|at| self.tokens.get(at))
    }

    fn fetch(&mut self) -> Result<(), Error> {
        if !self.has_started {
            self.has_started = true;
            self.push(Token::new(TokenKind::StreamStart, self.cursor.mark, self.cursor.mark));
            return Ok(());
        }
        let scan_mark = self.cursor.mark;
        self.skip_to_token();
        self.unroll_indent(self.cursor.column(), scan_mark);
        if byte(self.cursor.text, self.cursor.at) == 0 {
            return self.fetch_stream_end();
        }
        if self.cursor.mark.column == 0 {
            if self.cursor.looking_at(0) == b'%' {
                return Err(Error::unsupported("a YAML directive (%TAG, %YAML)"));
            }
            if let Some(kind) = self.cursor.document_indicator() {
                return self.fetch_document(kind);
            }
        }
        let comment_mark = self.mark_for_comment();
        self.fetch_content()?;
        // A dash alone has no line comment: it becomes the head of what follows.
        if self.last(1).is_some_and(|token| token.kind == TokenKind::BlockEntry) {
            return Ok(());
        }
        self.scan_line_comment(comment_mark);
        Ok(())
    }

    /// A comment after `:` or after `,` in a flow belongs to the token before.
    fn mark_for_comment(&self) -> Mark {
        let first = self.cursor.looking_at(0);
        let is_after = if self.level == 0 { first == b':' } else { first == b',' };
        match self.last(1) {
            Some(token) if is_after => token.start,
            _ => self.cursor.mark,
        }
    }

    fn fetch_content(&mut self) -> Result<(), Error> {
        let (text, at) = (self.cursor.text, self.cursor.at);
        let ends_after = is_blank_or_end(text, at + 1);
        match byte(text, at) {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if ends_after => self.fetch_block_entry(),
            b'?' if ends_after => self.fetch_key(),
            b':' if ends_after || (self.level > 0 && !self.is_after_entry()) => self.fetch_value(),
            b'*' => self.fetch_anchor(TokenKind::Alias),
            b'&' => self.fetch_anchor(TokenKind::Anchor),
            b'!' => self.fetch_tag(),
            b'|' if self.level == 0 => self.fetch_block_scalar(Quote::Literal),
            b'>' if self.level == 0 => self.fetch_block_scalar(Quote::Folded),
            b'\'' => self.fetch_quoted(Quote::Single),
            b'"' => self.fetch_quoted(Quote::Double),
            first if self.starts_plain(first) => self.fetch_plain(),
            _ => Err(fault(self.cursor.mark.line, "no token can start with this character")),
        }
    }

    /// In a flow sequence a `:` after `[` or `,` is text.
    fn is_after_entry(&self) -> bool {
        self.last(1).is_some_and(|token| {
            matches!(token.kind, TokenKind::FlowEntry | TokenKind::FlowSequenceStart)
        })
    }

    fn starts_plain(&self, first: u8) -> bool {
        let (text, at) = (self.cursor.text, self.cursor.at);
        match first {
            b'-' => !is_blank(text, at + 1),
            b'?' | b':' => !is_blank_or_end(text, at + 1),
            _ => !is_blank_or_end(text, at) && !b",[]{}#&*!|>'\"%@`".contains(&first),
        }
    }

    /// Passes over blanks, breaks and comments.
    fn skip_to_token(&mut self) {
        let scan_mark = self.cursor.mark;
        loop {
            let are_tabs_fine = self.level > 0 || !self.may_be_key;
            while matches!(self.cursor.looking_at(0), b' ')
                || (are_tabs_fine && self.cursor.looking_at(0) == b'\t')
            {
                self.cursor.skip();
            }
            self.turn_line_into_head();
            if self.cursor.looking_at(0) == b'#' {
                self.scan_comments(scan_mark);
            }
            if !is_break(self.cursor.text, self.cursor.at) {
                return;
            }
            self.cursor.skip_line();
            self.may_be_key |= self.level == 0;
        }
    }
}
