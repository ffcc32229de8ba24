//! Continuation lines that stand too far left for YAML 1.2.
//!
//! Inside brackets and quotes the blanks at the front of a line mean nothing, and YAML 1.1 lets such
//! a line begin anywhere; YAML 1.2, and so the parser, wants it deeper than the key it belongs to:
//!
//! ```yaml
//! runcmd:
//! - [ ls,
//! -l ]
//! ```
//!
//! Where the parser stops for that reason alone, the line gets blanks in front, which changes no
//! value, and the text is parsed again. Columns are counted as if nothing had been added.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Mark;

/// The blanks that a line gets: deeper than any real indentation.
const BLANKS: usize = 128;
/// The most bytes that are parsed again in all.
const AGAIN_LIMIT: usize = 64 << 20;
/// The most lines that one text may need this for, found one by one.
const TIMES_LIMIT: usize = 500;

/// The parser's complaint about a line in quotes. It names the place where they open.
pub(super) const IN_QUOTES: &str = "invalid indentation in quoted scalar";

/// A text with the lines that were moved.
pub(super) struct Moved<'a> {
    pub(super) text: Cow<'a, str>,
    lines: HashSet<usize>,
    parsed_again: usize,
    times: usize,
}

impl<'a> Moved<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), lines: HashSet::new(), parsed_again: 0, times: 0 }
    }

    /// The place in the text as it was given, from the parser's line (from 1) and column (from 0).
    pub(super) fn mark(&self, line: usize, column: usize) -> Mark {
        let added = if self.lines.contains(&line) { BLANKS } else { 0 };
        Mark { line: super::count(line), column: super::count(column.saturating_sub(added) + 1) }
    }

    /// Whether this line was moved.
    pub(super) fn has(&self, line: usize) -> bool {
        self.lines.contains(&line)
    }

    /// Moves what the parser complains about. `false` if its complaint, about this line and column,
    /// is another one, or if it has been heard too often.
    pub(super) fn answer(&mut self, complaint: &str, line: usize, column: usize) -> bool {
        self.parsed_again += self.text.len();
        self.times += 1;
        if self.parsed_again > AGAIN_LIMIT || self.times > TIMES_LIMIT {
            return false;
        }
        let lines = match complaint {
            "invalid indentation" | "invalid indentation in flow construct" => line..line + 1,
            IN_QUOTES => line + 1..line + 1 + quoted_breaks(&self.text, line, column),
            _ => return false,
        };
        let before = self.lines.len();
        self.move_lines(&lines);
        self.lines.len() > before
    }

    fn move_lines(&mut self, lines: &std::ops::Range<usize>) {
        let mut text = String::with_capacity(self.text.len() + lines.len() * BLANKS);
        for (at, line) in self.text.split_inclusive('\n').enumerate() {
            if lines.contains(&(at + 1)) && !line.trim().is_empty() && self.lines.insert(at + 1) {
                text.extend(std::iter::repeat_n(' ', BLANKS));
            }
            text.push_str(line);
        }
        self.text = Cow::Owned(text);
    }
}

/// How many line breaks the quoted scalar has that begins at this place.
fn quoted_breaks(text: &str, line: usize, column: usize) -> usize {
    let start =
        text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let mut rest = text.get(start..).unwrap_or_default().chars().skip(column);
    let Some(quote) = rest.next() else { return 0 };
    let mut breaks = 0;
    let mut rest = rest.peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => breaks += 1,
            '\\' if quote == '"' => breaks += usize::from(rest.next() == Some('\n')),
            '\'' if quote == '\'' && rest.peek() == Some(&'\'') => {
                rest.next();
            }
            c if c == quote => return breaks,
            _ => {}
        }
    }
    0
}
