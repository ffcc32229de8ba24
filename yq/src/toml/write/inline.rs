//! Arrays and inline tables.

use super::{Writer, behind, quoted_key, scalar, wrong};
use crate::Error;
use crate::tree::{DEPTH_LIMIT, Id, Kind, Node};

impl Writer<'_> {
    pub(super) fn inline_pair(&mut self, key: &str, node: &Node) -> Result<(), Error> {
        let table = self.inline_table(node, 0)?;
        self.out.push_str(&format!("{} = {table}\n", quoted_key(key)));
        Ok(())
    }

    /// An array on one line, or on several if there are comments in it.
    pub(super) fn array(&mut self, key: &str, node: &Node) -> Result<(), Error> {
        self.wrote_pair = true;
        self.comment(&node.head);
        let has_comments = node.content.iter().any(|id| !self.tree.get(*id).head.is_empty());
        if has_comments {
            return self.long_array(key, node);
        }
        let array = self.inline_array(node, 0)?;
        self.out.push_str(&format!("{} = {array}{}\n", quoted_key(key), behind(&node.line)));
        Ok(())
    }

    fn long_array(&mut self, key: &str, node: &Node) -> Result<(), Error> {
        self.out.push_str(&format!("{} = [\n", quoted_key(key)));
        for (at, id) in node.content.iter().enumerate() {
            if at > 0 {
                self.out.push('\n');
            }
            let head = &self.tree.get(*id).head;
            for line in head.split('\n').filter(|line| !line.trim().is_empty()) {
                let sign = if line.trim().starts_with('#') { "" } else { "# " };
                self.out.push_str(&format!("  {sign}{line}\n"));
            }
            let item = self.item(*id, 0)?;
            self.out.push_str(&format!("  {item},\n"));
        }
        self.out.push_str("]\n");
        Ok(())
    }

    fn item(&self, id: Id, depth: usize) -> Result<String, Error> {
        if depth > DEPTH_LIMIT {
            return Err(Error::TooMuch { what: "the TOML is nested too deeply" });
        }
        let node = self.tree.get(id);
        match node.kind {
            Kind::Scalar => Ok(scalar(node)),
            Kind::Sequence => self.inline_array(node, depth + 1),
            Kind::Mapping => self.inline_table(node, depth + 1),
            _ => Err(wrong("a node that TOML does not have")),
        }
    }

    fn inline_array(&self, node: &Node, depth: usize) -> Result<String, Error> {
        let items = node.content.iter().map(|id| self.item(*id, depth));
        let items: Vec<String> = items.collect::<Result<_, _>>()?;
        Ok(format!("[{}]", items.join(", ")))
    }

    fn inline_table(&self, node: &Node, depth: usize) -> Result<String, Error> {
        let mut parts = Vec::new();
        for (key, value) in node.pairs() {
            if self.tree.get(value).is_null() {
                continue;
            }
            let value = self.item(value, depth)?;
            parts.push(format!("{} = {value}", quoted_key(&self.tree.get(key).value)));
        }
        Ok(format!("{{ {} }}", parts.join(", ")))
    }
}
