//! Entries of a mapping: merge keys, and keys that are there twice.

use std::collections::HashMap;

use super::same::Same;
use super::{Map, Mark, Node, SyntaxError, Value};

/// One entry for each key: the place of the first, the value of the last.
/// What a mapping repeats of its own is added to `duplicates`.
pub(super) fn unique(
    merged: Vec<(Node, Node)>,
    own: Vec<(Node, Node)>,
    duplicates: &mut Vec<(Mark, String)>,
) -> Map {
    let mut places: HashMap<Same, (usize, bool)> = HashMap::new();
    let mut entries: Vec<(Node, Node)> = Vec::new();
    let merged = merged.into_iter().map(|entry| (entry, false));
    for ((key, value), is_own) in merged.chain(own.into_iter().map(|entry| (entry, true))) {
        let identity = Same::of(&key.value);
        let place = identity.as_ref().and_then(|identity| places.get_mut(identity));
        let Some((place, was_own)) = place else {
            if let Some(identity) = identity {
                places.insert(identity, (entries.len(), is_own));
            }
            entries.push((key, value));
            continue;
        };
        if is_own && *was_own {
            duplicates.push((key.mark, key.text().unwrap_or_default().to_owned()));
        }
        *was_own |= is_own;
        if let Some(entry) = entries.get_mut(*place) {
            entry.0.mark = key.mark;
            entry.1 = value;
        }
    }
    Map(entries)
}

/// Adds what a `<<` key brings. Of a list of mappings the earlier one wins.
pub(super) fn merge(value: Node, into: &mut Vec<(Node, Node)>) -> Result<(), SyntaxError> {
    match value.value {
        Value::Map(map) => into.extend(map.0),
        Value::Seq(items) => {
            for item in items.into_iter().rev() {
                let Value::Map(map) = item.value else {
                    return Err(not_mergeable(&item));
                };
                into.extend(map.0);
            }
        }
        _ => return Err(not_mergeable(&value)),
    }
    Ok(())
}

fn not_mergeable(node: &Node) -> SyntaxError {
    SyntaxError::new(node.mark, format!("\"<<\" merges mappings, and this is {}", node.kind()))
}
