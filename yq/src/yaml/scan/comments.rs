//! Comments and the tokens that they belong to.
//!
//! Runs of comment lines are split where the indentation falls below that of the block, and after the
//! first run if an empty line follows it and the run stands right under content: then that run is the
//! foot of what is above. What is left is the head of the token that comes next.

use super::super::chars::{byte, is_blank, is_break, is_break_or_end};
use super::{Comment, Mark, Scanner, Token, TokenKind};

/// How far a comment is looked for behind blanks and empty lines, in bytes.
const LOOKAHEAD: usize = 512;

/// A run of comment lines that is being gathered.
struct Run {
    text: String,
    start: Mark,
    scan: Mark,
    token: Mark,
}

impl Run {
    /// Ends as the foot of what is above; the next run starts at `end`.
    fn end_as_foot(&mut self, end: Mark) -> Comment {
        let foot = std::mem::take(&mut self.text);
        let (scan, token) = (self.scan, self.token);
        (self.scan, self.token) = (end, end);
        Comment { scan, token, start: self.start, end, foot, ..Comment::default() }
    }
}

impl Scanner<'_> {
    /// `- # comment` above a nested collection: the comment is its head.
    pub(super) fn turn_line_into_head(&mut self) {
        let (Some(first), Some(second)) = (self.last(2), self.last(1)) else { return };
        let is_entry = first.kind == TokenKind::BlockSequenceStart
            && second.kind == TokenKind::BlockEntry
            && !is_break(self.cursor.text, self.cursor.at);
        let mark = self.cursor.mark;
        if let Some(comment) = self.comments.last_mut().filter(|_| is_entry)
            && !comment.line.is_empty()
        {
            comment.head = std::mem::take(&mut comment.line);
            if comment.start.line + 1 == mark.line {
                comment.token = mark;
            }
        }
    }

    /// A comment on the line of the token that was just read.
    pub(super) fn scan_line_comment(&mut self, token: Mark) {
        if self.cursor.newlines > 0 {
            return;
        }
        let mut ahead = 0;
        while ahead < LOOKAHEAD && is_blank(self.cursor.text, self.cursor.at + ahead) {
            ahead += 1;
        }
        if ahead == LOOKAHEAD || self.cursor.looking_at(ahead) != b'#' {
            return;
        }
        self.cursor.skip_many(ahead);
        let start = self.cursor.mark;
        let mut line = String::new();
        self.read_to_break(&mut line);
        let end = self.cursor.mark;
        self.comments.push(Comment { scan: token, token, start, end, line, ..Comment::default() });
    }

    fn read_to_break(&mut self, to: &mut String) {
        while !is_break_or_end(self.cursor.text, self.cursor.at) {
            self.cursor.read(to);
        }
    }

    fn depth(&self) -> usize {
        usize::try_from(self.indent).unwrap_or(0)
    }

    /// The token before: a comma stands for what is before it.
    fn token_before(&self) -> Option<&Token> {
        match self.last(1) {
            Some(token) if token.kind == TokenKind::FlowEntry => self.last(2).or(Some(token)),
            token => token,
        }
    }

    /// Where a comment must start to be a foot of the content before it.
    fn foot_line(&self, scan: Mark) -> Option<usize> {
        if scan.line == 0 {
            return None;
        }
        let newlines = self.cursor.newlines;
        let is_behind = newlines == 0 && self.cursor.mark.column > 1;
        Some((self.cursor.mark.line + 1 + usize::from(is_behind)).saturating_sub(newlines))
    }

    pub(super) fn scan_comments(&mut self, scan: Mark) {
        let Some(before) = self.token_before() else { return };
        let (token, is_value) = (before.start, before.kind == TokenKind::Value);
        let mut run = Run { text: String::new(), start: Mark::default(), scan, token };
        let foot_line = self.foot_line(scan);
        let (mut was_empty, mut is_first) = (false, self.cursor.newlines <= 1);
        let (mut line, mut column) = (self.cursor.mark.line, self.cursor.mark.column);
        let mut peek = 0;
        while peek < LOOKAHEAD {
            column += 1;
            let (text, at) = (self.cursor.text, self.cursor.at + peek);
            if is_blank(text, at) {
                peek += 1;
                continue;
            }
            let here = Mark { index: self.cursor.index_after(peek), line, column };
            let depth = self.depth();
            let closes = self.level > 0 && matches!(byte(text, at), b']' | b'}');
            if closes || is_break_or_end(text, at) {
                if closes || !was_empty {
                    let is_dedented =
                        run.start.column.saturating_sub(1) < depth || run.start.column == 0;
                    let is_foot = (Some(run.start.line) == foot_line && !is_value) || is_dedented;
                    if closes || (is_first && is_foot) {
                        if !run.text.is_empty() {
                            if is_dedented {
                                run.token = run.start;
                            }
                            let foot = run.end_as_foot(here);
                            self.comments.push(foot);
                        }
                    } else if !run.text.is_empty() && byte(text, at) != 0 {
                        run.text.push('\n');
                    }
                }
                if !is_break(text, at) {
                    break;
                }
                (is_first, was_empty) = (false, true);
                column = 0;
                line += 1;
                peek += 1;
                continue;
            }
            let is_dedented = column - 1 < depth && column != run.start.column;
            if !run.text.is_empty() && (closes || is_dedented) {
                let foot = run.end_as_foot(here);
                self.comments.push(foot);
            }
            if byte(text, at) != b'#' {
                break;
            }
            if run.text.is_empty() {
                run.start = here;
            } else {
                run.text.push('\n');
            }
            was_empty = false;
            self.skip_until(here.index);
            self.read_to_break(&mut run.text);
            // The break that ends the line is passed over unseen.
            (peek, column, line) = (1, 0, self.cursor.mark.line);
        }
        self.end_as_head(run, peek, line, column);
    }

    /// Goes over blanks and breaks up to the comment.
    fn skip_until(&mut self, index: isize) {
        while self.cursor.mark.index < index {
            if is_break(self.cursor.text, self.cursor.at) {
                self.cursor.skip_line();
            } else {
                self.cursor.skip();
            }
        }
    }

    fn end_as_head(&mut self, run: Run, peek: usize, line: usize, column: usize) {
        if run.text.is_empty() {
            return;
        }
        let index = self.cursor.index_after(peek) - 1;
        self.comments.push(Comment {
            scan: run.scan,
            token: run.start,
            start: run.start,
            end: Mark { index, line, column },
            head: run.text,
            ..Comment::default()
        });
    }
}
