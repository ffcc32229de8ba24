//! Flow sequences and mappings.

use std::rc::Rc;

use super::{Writer, set};
use crate::Error;
use crate::tree::{Id, Node};

impl Writer<'_> {
    pub(super) fn flow_sequence(&mut self, node: &Node, keeps_foot: bool) -> Result<(), Error> {
        self.open_flow("[");
        let (mut is_first, mut has_comma) = (true, false);
        for item in &node.content {
            let mut opening = self.analyze(*item, "")?;
            self.comma_before(is_first || has_comma);
            has_comma = self.due.follows();
            self.items.push(false);
            self.enter(&mut opening, false)?;
            self.flow_comments(*item)?;
            is_first = false;
        }
        self.analyze_end(node, keeps_foot);
        self.close_flow();
        if self.column == 0 {
            self.write_indent();
        }
        self.indicator("]", false, false, false);
        self.process_line();
        self.process_foot();
        Ok(())
    }

    fn open_flow(&mut self, bracket: &str) {
        self.indicator(bracket, true, true, false);
        self.increase_indent(true);
        self.flow += 1;
    }

    fn close_flow(&mut self) {
        self.flow -= 1;
        self.decrease_indent();
    }

    fn comma_before(&mut self, is_there: bool) {
        if !is_there {
            self.indicator(",", false, false, false);
        }
        self.process_head();
        if self.column == 0 {
            self.write_indent();
        }
    }

    /// Comments behind an item come after its comma.
    fn flow_comments(&mut self, id: Id) -> Result<(), Error> {
        if self.due.follows() {
            self.indicator(",", false, false, false);
        }
        self.process_line();
        self.process_foot();
        self.body(id, None)?;
        self.items.pop();
        Ok(())
    }

    pub(super) fn flow_mapping(&mut self, node: &Node, keeps_foot: bool) -> Result<(), Error> {
        self.open_flow("{");
        let (mut is_first, mut has_comma) = (true, false);
        let mut tail: Rc<str> = "".into();
        for (key, value) in node.pairs() {
            let mut opening = self.analyze_key(key, &tail)?;
            tail = opening.node.foot.clone();
            self.comma_before(is_first || has_comma);
            let is_simple = opening.fits_as_key();
            if !is_simple {
                self.indicator("?", true, false, false);
            }
            self.items.push(false);
            self.enter(&mut opening, is_simple)?;
            self.body(key, Some(""))?;
            self.items.pop();
            has_comma = self.flow_value(value, is_simple)?;
            is_first = false;
        }
        set(&mut self.due.tail, &tail);
        self.analyze_end(node, keeps_foot);
        let due = &self.due;
        let has_comments = !(due.head.is_empty() && due.foot.is_empty() && due.tail.is_empty());
        if has_comments && !is_first && !has_comma {
            self.indicator(",", false, false, false);
        }
        self.process_head();
        self.close_flow();
        self.indicator("}", false, false, false);
        self.process_line();
        self.process_foot();
        Ok(())
    }

    fn flow_value(&mut self, value: Id, is_simple: bool) -> Result<bool, Error> {
        let mut opening = self.analyze(value, "")?;
        self.indicator(":", !is_simple, false, false);
        let has_comma = self.due.follows();
        self.items.push(false);
        self.enter(&mut opening, false)?;
        self.flow_comments(value)?;
        Ok(has_comma)
    }
}
