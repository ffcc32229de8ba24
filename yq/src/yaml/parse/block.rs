//! Block sequences and mappings.

use super::{Event, EventKind, Parser, Place, State};
use crate::Error;
use crate::yaml::fault;
use crate::yaml::scan::TokenKind;

impl Parser<'_> {
    pub(super) fn block_sequence(&mut self, is_first: bool) -> Result<Event, Error> {
        if is_first {
            self.peek()?;
            self.scanner.take();
        }
        let (kind, start) = self.peek()?;
        match kind {
            TokenKind::BlockEntry => self.entry(State::BlockSequence),
            TokenKind::BlockEnd => {
                self.pop_state();
                self.scanner.take();
                Ok(Event { kind: EventKind::SequenceEnd, line: start.line, ..Event::default() })
            }
            _ => Err(fault(start.line, "`-` is missing in a block sequence")),
        }
    }

    pub(super) fn indentless_sequence(&mut self) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if kind == TokenKind::BlockEntry {
            return self.entry(State::Indentless);
        }
        self.pop_state();
        Ok(Event { kind: EventKind::SequenceEnd, line: start.line, ..Event::default() })
    }

    fn entry(&mut self, state: State) -> Result<Event, Error> {
        let head = self.comments.head.len();
        let mark = self.scanner.take().end;
        self.split_stem(head)?;
        let (kind, _) = self.peek()?;
        let is_indentless = state == State::Indentless;
        let ends = match kind {
            TokenKind::BlockEntry | TokenKind::BlockEnd => true,
            TokenKind::Key | TokenKind::Value => is_indentless,
            _ => false,
        };
        if ends {
            self.state = state;
            return Ok(Self::empty_scalar(mark));
        }
        self.states.push(state);
        self.node(Place::Block)
    }

    /// If the item is a collection, the head above the dash belongs to it as a whole.
    fn split_stem(&mut self, head: usize) -> Result<(), Error> {
        if head == 0 {
            return Ok(());
        }
        let (kind, _) = self.peek()?;
        if matches!(kind, TokenKind::BlockSequenceStart | TokenKind::BlockMappingStart) {
            let rest = self.comments.head.get(head + 1..).unwrap_or_default().to_owned();
            let mut stem = std::mem::replace(&mut self.comments.head, rest);
            stem.truncate(head);
            self.stem = Some(stem);
        }
        Ok(())
    }

    pub(super) fn block_key(&mut self, is_first: bool) -> Result<Event, Error> {
        if is_first {
            self.peek()?;
            self.scanner.take();
        }
        let (kind, start) = self.peek()?;
        match kind {
            TokenKind::Key => self.after(State::BlockMappingValue),
            TokenKind::BlockEnd => {
                self.pop_state();
                let event =
                    Event { kind: EventKind::MappingEnd, line: start.line, ..Event::default() };
                let event = self.commented(event);
                self.scanner.take();
                Ok(event)
            }
            _ => Err(fault(start.line, "a key is missing in a block mapping")),
        }
    }

    pub(super) fn block_value(&mut self) -> Result<Event, Error> {
        let (kind, start) = self.peek()?;
        if kind == TokenKind::Value {
            return self.after(State::BlockMappingKey);
        }
        self.state = State::BlockMappingKey;
        Ok(Self::empty_scalar(start))
    }

    /// The node after `?` or `:`, which may be missing.
    fn after(&mut self, state: State) -> Result<Event, Error> {
        let mark = self.scanner.take().end;
        let (kind, _) = self.peek()?;
        if matches!(kind, TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd) {
            self.state = state;
            return Ok(Self::empty_scalar(mark));
        }
        self.states.push(state);
        self.node(Place::BlockOrIndentless)
    }
}
