//! How deep and how heavy a node is. Both recursions are bounded by the depth limit.

use super::{Node, Value};

/// Levels of lists and mappings in a node.
pub(super) fn height(node: &Node) -> usize {
    match &node.value {
        Value::Seq(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Map(map) => 1 + map.iter().map(|(_, value)| height(value)).max().unwrap_or(0),
        _ => 0,
    }
}

/// About how many bytes of memory a copy of the node takes.
pub(super) fn weight(node: &Node) -> usize {
    let own = size_of::<Node>() + node.raw.as_ref().map_or(0, |raw| raw.len());
    own + match &node.value {
        Value::Str(text) | Value::Date(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Seq(items) => items.iter().map(weight).sum(),
        Value::Map(map) => map.iter().map(|(key, value)| weight(key) + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
    }
}
