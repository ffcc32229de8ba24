//! Tokens to events.

mod block;
mod document;
mod flow;

use super::fault;
use super::scan::{Mark, Quote, Scanner, TokenKind};
use crate::Error;

/// Comments around a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Comments {
    pub(super) head: String,
    pub(super) line: String,
    pub(super) foot: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EventKind {
    #[default]
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias,
    Scalar,
    SequenceStart,
    SequenceEnd,
    MappingStart,
    MappingEnd,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Event {
    pub(super) kind: EventKind,
    pub(super) comments: Comments,
    pub(super) anchor: Option<String>,
    pub(super) tag: String,
    pub(super) value: String,
    pub(super) quote: Quote,
    pub(super) is_flow: bool,
    pub(super) line: usize,
}

/// What the grammar expects next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    StreamStart,
    ImplicitDocumentStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirst,
    BlockSequence,
    Indentless,
    BlockMappingFirst,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirst,
    FlowSequence,
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowMappingFirst,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingEmptyValue,
    End,
}

/// Which collections a node may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Flow,
    Block,
    /// A sequence may stand at the indentation of its key.
    BlockOrIndentless,
}

pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    state: State,
    states: Vec<State>,
    unfolded: usize,
    comments: Comments,
    /// The head of an item that is itself a collection: it belongs to the whole collection.
    stem: Option<String>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::StreamStart,
            states: Vec::new(),
            unfolded: 0,
            comments: Comments::default(),
            stem: None,
        }
    }

    pub(super) fn next(&mut self) -> Result<Event, Error> {
        match self.state {
            State::StreamStart => self.stream_start(),
            State::ImplicitDocumentStart => self.document_start(true),
            State::DocumentStart => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(Place::Block),
            State::BlockSequenceFirst => self.block_sequence(true),
            State::BlockSequence => self.block_sequence(false),
            State::Indentless => self.indentless_sequence(),
            State::BlockMappingFirst => self.block_key(true),
            State::BlockMappingKey => self.block_key(false),
            State::BlockMappingValue => self.block_value(),
            State::FlowSequenceFirst => self.flow_sequence(true),
            State::FlowSequence => self.flow_sequence(false),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_pair_value(),
            State::FlowPairEnd => self.flow_pair_end(),
            State::FlowMappingFirst => self.flow_key(true),
            State::FlowMappingKey => self.flow_key(false),
            State::FlowMappingValue => self.flow_value(false),
            State::FlowMappingEmptyValue => self.flow_value(true),
            State::End => Ok(Event::default()),
        }
    }

    /// The kind and place of the next token; its comments are taken in.
    fn peek(&mut self) -> Result<(TokenKind, Mark), Error> {
        let token = self.scanner.peek()?;
        let (kind, start) = (token.kind, token.start);
        self.unfold(kind, start);
        Ok((kind, start))
    }

    /// Comments that belong to this token or one before. Heads wait while blocks end.
    fn unfold(&mut self, kind: TokenKind, start: Mark) {
        while let Some(comment) = self.scanner.comments.get_mut(self.unfolded) {
            let is_held = kind == TokenKind::BlockEnd && !comment.head.is_empty();
            if start.index < comment.token.index || is_held {
                break;
            }
            let comment = std::mem::take(comment);
            join(&mut self.comments.head, &comment.head);
            join(&mut self.comments.foot, &comment.foot);
            join(&mut self.comments.line, &comment.line);
            self.unfolded += 1;
        }
    }

    fn pop_state(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// An event with all comments gathered so far.
    fn commented(&mut self, mut event: Event) -> Event {
        event.comments = std::mem::take(&mut self.comments);
        self.stem = None;
        event
    }

    fn empty_scalar(mark: Mark) -> Event {
        Event { kind: EventKind::Scalar, line: mark.line, ..Event::default() }
    }

    fn node(&mut self, place: Place) -> Result<Event, Error> {
        let (mut kind, start) = self.peek()?;
        let mut event = Event { line: start.line, ..Event::default() };
        if kind == TokenKind::Alias {
            self.pop_state();
            (event.kind, event.value) = (EventKind::Alias, self.scanner.take().value);
            return Ok(self.commented(event));
        }
        let mut has_tag = false;
        for _ in 0..2 {
            match kind {
                TokenKind::Anchor if event.anchor.is_none() => {
                    event.anchor = Some(self.scanner.take().value);
                }
                TokenKind::Tag if !has_tag => {
                    has_tag = true;
                    event.tag = self.scanner.take().value;
                }
                _ => break,
            }
            kind = self.peek()?.0;
        }
        self.content(kind, place, event)
    }

    fn content(&mut self, kind: TokenKind, place: Place, mut event: Event) -> Result<Event, Error> {
        let is_block = place != Place::Flow;
        match kind {
            TokenKind::BlockEntry if place == Place::BlockOrIndentless => {
                self.state = State::Indentless;
                event.kind = EventKind::SequenceStart;
            }
            TokenKind::Scalar => {
                self.pop_state();
                let token = self.scanner.take();
                (event.kind, event.value, event.quote) =
                    (EventKind::Scalar, token.value, token.quote);
                return Ok(self.commented(event));
            }
            TokenKind::FlowSequenceStart | TokenKind::FlowMappingStart => {
                let is_sequence = kind == TokenKind::FlowSequenceStart;
                (self.state, event.kind) = if is_sequence {
                    (State::FlowSequenceFirst, EventKind::SequenceStart)
                } else {
                    (State::FlowMappingFirst, EventKind::MappingStart)
                };
                event.is_flow = true;
                return Ok(self.commented(event));
            }
            TokenKind::BlockSequenceStart | TokenKind::BlockMappingStart if is_block => {
                let is_sequence = kind == TokenKind::BlockSequenceStart;
                (self.state, event.kind) = if is_sequence {
                    (State::BlockSequenceFirst, EventKind::SequenceStart)
                } else {
                    (State::BlockMappingFirst, EventKind::MappingStart)
                };
                event.comments.head = self.stem.take().unwrap_or_default();
            }
            _ if event.anchor.is_some() || !event.tag.is_empty() => {
                self.pop_state();
                event.kind = EventKind::Scalar;
            }
            _ => return Err(fault(event.line, "a node is missing")),
        }
        Ok(event)
    }
}

fn join(to: &mut String, more: &str) {
    if more.is_empty() {
        return;
    }
    if !to.is_empty() {
        to.push('\n');
    }
    to.push_str(more);
}
