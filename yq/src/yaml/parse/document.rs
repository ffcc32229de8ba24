//! The stream and its documents.

use super::{Event, EventKind, Parser, Place, State};
use crate::Error;
use crate::yaml::fault;
use crate::yaml::scan::TokenKind;

impl Parser<'_> {
    pub(super) fn stream_start(&mut self) -> Result<Event, Error> {
        self.peek()?;
        self.scanner.take();
        self.state = State::ImplicitDocumentStart;
        self.next()
    }

    pub(super) fn document_start(&mut self, is_implicit: bool) -> Result<Event, Error> {
        let (mut kind, mut start) = self.peek()?;
        while !is_implicit && kind == TokenKind::DocumentEnd {
            self.scanner.take();
            (kind, start) = self.peek()?;
        }
        let mut event =
            Event { kind: EventKind::DocumentStart, line: start.line, ..Event::default() };
        match kind {
            TokenKind::StreamEnd => {
                self.state = State::End;
                event.kind = EventKind::StreamEnd;
                self.scanner.take();
            }
            TokenKind::DocumentStart => {
                self.states.push(State::DocumentEnd);
                self.state = State::DocumentContent;
                self.scanner.take();
            }
            _ if is_implicit => {
                self.states.push(State::DocumentEnd);
                self.state = State::BlockNode;
                event.comments.head = self.split_head();
            }
            _ => return Err(fault(start.line, "a document must start with `---` here")),
        }
        Ok(event)
    }

    /// What stands above the last empty line of the first comment is the head of the document.
    fn split_head(&mut self) -> String {
        let head = &self.comments.head;
        let bytes = head.as_bytes();
        for at in (1..bytes.len()).rev() {
            if bytes.get(at) != Some(&b'\n') {
                continue;
            }
            let end = if at + 1 == bytes.len() {
                at
            } else if bytes.get(at - 1) == Some(&b'\n') {
                at - 1
            } else {
                continue;
            };
            let above = head.get(..end).unwrap_or_default().to_owned();
            self.comments.head = head.get(at + 1..).unwrap_or_default().to_owned();
            return above;
        }
        String::new()
    }

    pub(super) fn document_content(&mut self) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if matches!(kind, TokenKind::DocumentStart | TokenKind::DocumentEnd | TokenKind::StreamEnd)
        {
            self.pop_state();
            return Ok(Self::empty_scalar(start));
        }
        self.node(Place::Block)
    }

    pub(super) fn document_end(&mut self) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if kind == TokenKind::DocumentEnd {
            self.scanner.take();
        }
        self.state = State::DocumentStart;
        let event = Event { kind: EventKind::DocumentEnd, line: start.line, ..Event::default() };
        let mut event = self.commented(event);
        if event.comments.foot.is_empty() {
            event.comments.foot = std::mem::take(&mut event.comments.head);
        }
        Ok(event)
    }
}
