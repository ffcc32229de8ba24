//! Lines, indentation, indicators and comments.

use super::Writer;
use crate::yaml::chars::is_break;

impl Writer<'_> {
    pub(super) fn put(&mut self, character: char) {
        self.out.push(character);
        self.column += 1;
    }

    pub(super) fn put_all(&mut self, text: &str) {
        for character in text.chars() {
            self.put(character);
        }
    }

    pub(super) fn put_break(&mut self) {
        self.break_with('\n');
    }

    /// Ends the line with a break of the text itself.
    pub(super) fn break_with(&mut self, character: char) {
        self.out.push(character);
        self.column = 0;
        self.is_indented = true;
    }

    /// Goes to the indentation, on a new line if something stands on this one. An empty line parts a
    /// foot from what follows at the same depth.
    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.max(0);
        let is_at_end = self.column == indent && !self.was_space;
        if !self.is_indented || self.column > indent || is_at_end {
            self.put_break();
        }
        if self.foot_indent == indent {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.was_space = true;
        self.foot_indent = -1;
    }

    pub(super) fn indicator(&mut self, text: &str, apart: bool, is_space: bool, indents: bool) {
        if apart && !self.was_space {
            self.put(' ');
        }
        self.put_all(text);
        self.was_space = is_space;
        self.is_indented &= indents;
    }

    /// Items of a block sequence stand two columns behind their dash; all else on the next step.
    pub(super) fn increase_indent(&mut self, is_flow: bool) {
        self.indents.push(self.indent);
        if self.indent < 0 {
            self.indent = if is_flow { self.step } else { 0 };
        } else if self.items.last() == Some(&true) {
            self.indent += 2;
        } else {
            self.indent = self.step * ((self.indent + self.step) / self.step);
        }
    }

    pub(super) fn decrease_indent(&mut self) {
        self.indent = self.indents.pop().unwrap_or(-1);
    }

    pub(super) fn process_head(&mut self) {
        let tail = std::mem::take(&mut self.due.tail);
        if !tail.is_empty() {
            self.write_indent();
            self.comment(&tail);
            self.foot_indent = self.indent.max(0);
        }
        let head = std::mem::take(&mut self.due.head);
        if !head.is_empty() {
            self.write_indent();
            self.comment(&head);
        }
    }

    pub(super) fn process_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.due.line);
        if line.is_empty() {
            return false;
        }
        if !self.was_space {
            self.put(' ');
        }
        self.comment(&line);
        true
    }

    pub(super) fn process_foot(&mut self) {
        let foot = std::mem::take(&mut self.due.foot);
        if !foot.is_empty() {
            self.write_indent();
            self.comment(&foot);
            self.foot_indent = self.indent.max(0);
        }
    }

    /// Each line of a comment gets a `#` if it has none; empty lines stay empty.
    fn comment(&mut self, comment: &str) {
        let (mut was_break, mut has_pound) = (false, false);
        for (at, character) in comment.char_indices() {
            if is_break(comment.as_bytes(), at) {
                self.break_with(character);
                (was_break, has_pound) = (true, false);
                continue;
            }
            if was_break {
                self.write_indent();
            }
            if !has_pound && character != '#' {
                self.put_all("# ");
            }
            has_pound = true;
            self.put(character);
            self.is_indented = false;
            was_break = false;
        }
        if !was_break {
            self.put_break();
        }
        self.was_space = true;
    }
}
