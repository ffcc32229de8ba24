//! Flow sequences and mappings.

use super::{Event, EventKind, Parser, Place, State};
use crate::Error;
use crate::yaml::fault;
use crate::yaml::scan::{Mark, TokenKind};

impl Parser<'_> {
    /// The token after the bracket or after the comma.
    fn flow_item(&mut self, is_first: bool, end: TokenKind) -> Result<(TokenKind, Mark), Error> {
        if is_first {
            self.peek()?;
            self.scanner.take();
            return self.peek();
        }
        let (kind, start) = self.peek()?;
        if kind == end {
            return Ok((kind, start));
        }
        if kind != TokenKind::FlowEntry {
            return Err(fault(start.line, "`,` or a closing bracket is missing"));
        }
        self.scanner.take();
        self.peek()
    }

    fn flow_end(&mut self, kind: EventKind, start: Mark) -> Event {
        self.pop_state();
        let event = self.commented(Event { kind, line: start.line, ..Event::default() });
        self.scanner.take();
        event
    }

    fn flow_node(&mut self, then: State) -> Result<Event, Error> {
        self.states.push(then);
        self.node(Place::Flow)
    }

    pub(super) fn flow_sequence(&mut self, is_first: bool) -> Result<Event, Error> {
        let (kind, start) = self.flow_item(is_first, TokenKind::FlowSequenceEnd)?;
        match kind {
            TokenKind::FlowSequenceEnd => Ok(self.flow_end(EventKind::SequenceEnd, start)),
            TokenKind::Key => {
                self.scanner.take();
                self.state = State::FlowPairKey;
                let (kind, line) = (EventKind::MappingStart, start.line);
                Ok(Event { kind, line, is_flow: true, ..Event::default() })
            }
            _ => self.flow_node(State::FlowSequence),
        }
    }

    /// A pair in a sequence, `[a: b]`, is a mapping by itself.
    pub(super) fn flow_pair_key(&mut self) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if !matches!(kind, TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd) {
            return self.flow_node(State::FlowPairValue);
        }
        self.scanner.take();
        self.state = State::FlowPairValue;
        Ok(Self::empty_scalar(start))
    }

    pub(super) fn flow_pair_value(&mut self) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if kind == TokenKind::Value {
            self.scanner.take();
            let (kind, _) = self.peek()?;
            if !matches!(kind, TokenKind::FlowEntry | TokenKind::FlowSequenceEnd) {
                return self.flow_node(State::FlowPairEnd);
            }
        }
        self.state = State::FlowPairEnd;
        Ok(Self::empty_scalar(start))
    }

    pub(super) fn flow_pair_end(&mut self) -> Result<Event, Error> {
        let (_, start) = self.peek()?;
        self.state = State::FlowSequence;
        Ok(Event { kind: EventKind::MappingEnd, line: start.line, ..Event::default() })
    }

    pub(super) fn flow_key(&mut self, is_first: bool) -> Result<Event, Error> {
        let (kind, start) = self.flow_item(is_first, TokenKind::FlowMappingEnd)?;
        match kind {
            TokenKind::FlowMappingEnd => Ok(self.flow_end(EventKind::MappingEnd, start)),
            TokenKind::Key => {
                self.scanner.take();
                let (kind, start) = self.peek()?;
                if ends_flow(kind) || kind == TokenKind::Value {
                    self.state = State::FlowMappingValue;
                    return Ok(Self::empty_scalar(start));
                }
                self.flow_node(State::FlowMappingValue)
            }
            _ => self.flow_node(State::FlowMappingEmptyValue),
        }
    }

    pub(super) fn flow_value(&mut self, is_empty: bool) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if !is_empty && kind == TokenKind::Value {
            self.scanner.take();
            let (kind, _) = self.peek()?;
            if !ends_flow(kind) {
                return self.flow_node(State::FlowMappingKey);
            }
        }
        self.state = State::FlowMappingKey;
        Ok(Self::empty_scalar(start))
    }
}

fn ends_flow(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::FlowEntry | TokenKind::FlowMappingEnd)
}
