//! Anchors and aliases: what is copied, and how much in all.

use std::collections::HashMap;

use super::measure::{height, weight};
use super::{DEPTH_LIMIT, Mark, Node, SyntaxError};

/// What aliases and anchors may copy in all, in bytes of memory: stops documents in which aliases
/// of aliases grow without end.
const COPY_LIMIT: usize = 32 << 20;

/// The nodes with an anchor, by the parser's number of it.
#[derive(Default)]
pub(super) struct Anchors {
    nodes: HashMap<usize, Node>,
    copied: usize,
}

impl Anchors {
    /// Remembers a node whose anchor is not 0.
    pub(super) fn keep(&mut self, anchor: usize, node: Node) -> Result<Node, SyntaxError> {
        if anchor > 0 {
            let copy = self.copy(&node, node.mark)?;
            self.nodes.insert(anchor, copy);
        }
        Ok(node)
    }

    /// The node that an alias at this place and depth stands for.
    pub(super) fn get(
        &mut self,
        anchor: usize,
        at: Mark,
        depth: usize,
    ) -> Result<Node, SyntaxError> {
        let Some(node) = self.nodes.remove(&anchor) else {
            return Err(SyntaxError::new(at, "a value contains itself through an alias"));
        };
        if depth + height(&node) > DEPTH_LIMIT {
            return Err(SyntaxError::too_deep(at));
        }
        let copy = self.copy(&node, at)?;
        self.nodes.insert(anchor, node);
        Ok(copy)
    }

    fn copy(&mut self, node: &Node, at: Mark) -> Result<Node, SyntaxError> {
        self.copied = self.copied.saturating_add(weight(node));
        if self.copied > COPY_LIMIT {
            return Err(SyntaxError::new(at, "aliases repeat too much"));
        }
        Ok(node.clone())
    }
}
