//! Block sequences and mappings.

use std::rc::Rc;

use super::{Opening, Writer, set};
use crate::Error;
use crate::tree::{Id, Kind, Node, Style};

impl<'a> Writer<'a> {
    pub(super) fn block_sequence(&mut self, node: &Node, keeps_foot: bool) -> Result<(), Error> {
        self.increase_indent(false);
        for item in &node.content {
            let mut opening = self.analyze(*item, "")?;
            self.process_head();
            self.write_indent();
            self.indicator("-", true, false, true);
            self.items.push(true);
            self.enter(&mut opening, false)?;
            self.process_line();
            self.process_foot();
            self.body(*item, None)?;
            self.items.pop();
        }
        self.analyze_end(node, keeps_foot);
        self.decrease_indent();
        Ok(())
    }

    pub(super) fn block_mapping(&mut self, node: &Node, keeps_foot: bool) -> Result<(), Error> {
        self.increase_indent(false);
        let mut tail: Rc<str> = "".into();
        for (key, value) in node.pairs() {
            let is_simple = self.block_key(key, &tail)?;
            tail = self.tree.get(key).foot.clone();
            self.block_value(value, is_simple)?;
        }
        set(&mut self.due.tail, &tail);
        self.analyze_end(node, keeps_foot);
        self.process_head();
        self.decrease_indent();
        Ok(())
    }

    /// A key with its own foot put aside.
    pub(super) fn analyze_key(&mut self, key: Id, tail: &str) -> Result<Opening<'a>, Error> {
        let foot = std::mem::take(&mut self.due.foot);
        let opening = self.analyze(key, tail)?;
        self.due.foot = foot;
        Ok(opening)
    }

    fn block_key(&mut self, key: Id, tail: &str) -> Result<bool, Error> {
        let mut opening = self.analyze_key(key, tail)?;
        self.process_head();
        self.write_indent();
        if !self.due.line.is_empty() {
            self.due.key_line = std::mem::take(&mut self.due.line);
        }
        let is_simple = opening.fits_as_key();
        if !is_simple {
            self.indicator("?", true, false, true);
        }
        self.items.push(false);
        self.enter(&mut opening, is_simple)?;
        if is_simple && opening.node.kind == Kind::Alias {
            self.put(' ');
        }
        self.body(key, Some(""))?;
        self.items.pop();
        Ok(is_simple)
    }

    fn block_value(&mut self, value: Id, is_simple: bool) -> Result<(), Error> {
        let mut opening = self.analyze(value, "")?;
        if is_simple {
            self.indicator(":", false, false, false);
        } else {
            self.write_indent();
            self.indicator(":", true, false, true);
        }
        self.place_key_line(opening.node);
        self.items.push(false);
        self.enter(&mut opening, false)?;
        self.process_line();
        self.process_foot();
        self.body(value, None)?;
        self.items.pop();
        Ok(())
    }

    /// The line comment of a key goes behind a scalar, or behind the `:` of a block.
    fn place_key_line(&mut self, value: &Node) {
        if self.due.key_line.is_empty() {
            return;
        }
        if value.kind == Kind::Scalar {
            if self.due.line.is_empty() {
                self.due.line = std::mem::take(&mut self.due.key_line);
            }
        } else if matches!(value.kind, Kind::Mapping | Kind::Sequence)
            && !value.style.has(Style::FLOW)
        {
            std::mem::swap(&mut self.due.line, &mut self.due.key_line);
            self.process_line();
            std::mem::swap(&mut self.due.line, &mut self.due.key_line);
        }
    }
}
