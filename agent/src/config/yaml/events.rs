//! The parser's events, each with its place in the text as it was given.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::indent::Moved;
use super::{Mark, SyntaxError};

/// Events of one text.
pub(super) struct Events<'a> {
    moved: &'a Moved<'a>,
    parser: Parser<'a, StrInput<'a>>,
    /// The last line, if no line break ends it, and the number of characters up to its end.
    unended: Option<(&'a str, usize)>,
}

/// Why there is no document.
pub(super) enum Fault {
    Grammar(ScanError),
    Meaning(SyntaxError),
}

impl From<SyntaxError> for Fault {
    fn from(error: SyntaxError) -> Self {
        Self::Meaning(error)
    }
}

impl<'a> Events<'a> {
    pub(super) fn new(moved: &'a Moved<'a>) -> Self {
        let text = &*moved.text;
        Self { moved, parser: Parser::new_from_str(text), unended: unended(text) }
    }

    /// The next event; the stream ends with [`Event::StreamEnd`].
    pub(super) fn next(&mut self) -> Result<(Event<'a>, Mark), Fault> {
        let (event, span) = match self.parser.next_event() {
            Some(Ok(found)) => found,
            Some(Err(error)) => return Err(Fault::Grammar(error)),
            None => return Err(SyntaxError::new(Mark::START, "the text ends too early").into()),
        };
        let event = match event {
            Event::Scalar(text, style, anchor, tag) => {
                Event::Scalar(self.without_added_break(text, style, span), style, anchor, tag)
            }
            event => event,
        };
        Ok((event, self.moved.mark(span.start.line(), span.start.col())))
    }

    /// A block scalar that the end of the text cuts off in its last line has no break there, but the
    /// parser adds one. A last line of blanks within the indentation is none of its lines.
    fn without_added_break(
        &self,
        text: Cow<'a, str>,
        style: ScalarStyle,
        span: Span,
    ) -> Cow<'a, str> {
        let Some((last_line, end)) = self.unended else { return text };
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let Some(body) = text.strip_suffix('\n').filter(|_| is_block && span.end.index() == end)
        else {
            return text;
        };
        let blank = |line: &str| line.trim_matches(' ').is_empty();
        let last = body.rsplit('\n').next().unwrap_or(body);
        if !blank(last_line) || blank(last) {
            return Cow::Owned(body.to_owned());
        }
        text
    }
}

fn unended(text: &str) -> Option<(&str, usize)> {
    let last_line = text.rsplit(['\n', '\r']).next().filter(|line| !line.is_empty())?;
    Some((last_line, text.chars().count()))
}
