//! `network-config`, versions 1 and 2, as one model.
//!
//! Both versions may stand below a key `network`. A bad key loses itself: an unknown section leaves
//! the others, a bad address leaves the interface. What is left is rendered by [`crate::render`].

pub mod addressing;
mod device_list;
pub mod model;
pub mod options;
mod spread;
pub mod types;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

pub use model::{Interface, Kind, Network, Renderer};
pub use types::{Id, InterfaceName, Mac};

use super::finding::Finding;
use super::reader::Reader;
use super::yaml::{self, Map, Mark, Node};

const FILE: &str = "network-config";

/// Reads the file. `None` if it says nothing: then the network is as without it.
pub fn parse(text: &[u8], findings: &mut Vec<Finding>) -> Option<Network> {
    let parsed = match yaml::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            findings.push(
                Finding::error("yaml-syntax", FILE, format!("is not valid YAML: {error}"))
                    .at(error.mark, "")
                    .hint("the network is as if the seed had none of it"),
            );
            return None;
        }
    };
    if parsed.root.is_null() {
        return None;
    }
    for (mark, key) in &parsed.duplicates {
        let message = "stands here twice; the last one counts";
        findings.push(Finding::warning("duplicate-key", FILE, message).at(*mark, key.clone()));
    }
    let Some(root) = parsed.root.as_map() else {
        let message = format!("is {}, not a mapping", parsed.root.kind());
        findings.push(bad(parsed.root.mark, String::new(), message));
        return None;
    };
    let map = root.get("network").and_then(Node::as_map).unwrap_or(root);
    (!map.is_empty()).then(|| network(map, findings))
}

fn network(map: &Map, findings: &mut Vec<Finding>) -> Network {
    if map.get("config").and_then(Node::as_str) == Some("disabled") {
        return Network { is_disabled: true, ..Network::default() };
    }
    let mut reader = Reader::new(FILE, String::new(), map, findings);
    match map.get("version").and_then(Node::text) {
        Some("1") => v1::parse(map, findings),
        Some("2") => v2::parse(map, findings),
        Some(other) => {
            let message = format!("{other:?} is neither 1 nor 2");
            reader.note("version", Finding::error("network-version", FILE, message));
            guess(map, findings)
        }
        None => {
            let message = "is missing; it is guessed from the keys";
            reader.note("version", Finding::warning("network-version", FILE, message));
            guess(map, findings)
        }
    }
}

/// Only version 1 has a list `config`.
fn guess(map: &Map, findings: &mut Vec<Finding>) -> Network {
    if map.get("config").is_some() { v1::parse(map, findings) } else { v2::parse(map, findings) }
}

fn bad(mark: Mark, path: String, message: String) -> Finding {
    Finding::error("bad-value", FILE, message).at(mark, path)
}
