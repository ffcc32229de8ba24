//! Nodes to lines.

use std::collections::HashMap;

use crate::ordered::Ordered;
use crate::tree::{DEPTH_LIMIT, Id, Kind, Tree};
use crate::{Error, OUTPUT_LIMIT};

#[derive(Default)]
struct Lines {
    /// Keys and values.
    values: Ordered<String>,
    comments: HashMap<String, Vec<String>>,
    size: usize,
}

/// The lines of a document. With `unwraps` off, values with blanks are quoted.
pub(crate) fn write(tree: &Tree, id: Id, unwraps: bool) -> Result<String, Error> {
    let node = tree.get(id);
    if node.kind == Kind::Scalar {
        return Ok(format!("{}\n", node.value));
    }
    let mut lines = Lines::default();
    add(&mut lines, tree, id, String::new(), None, unwraps, 0)?;
    let mut out = String::new();
    for (key, value) in lines.values.iter() {
        if let Some(comments) = lines.comments.get(key) {
            if !out.is_empty() {
                out.push('\n');
            }
            for comment in comments {
                out.push_str(&format!("#{comment}\n"));
            }
        }
        out.push_str(&format!("{} = {}\n", escape(key, " :"), escape(value, "")));
    }
    Ok(out)
}

fn add(
    lines: &mut Lines,
    tree: &Tree,
    id: Id,
    path: String,
    key: Option<Id>,
    unwraps: bool,
    depth: usize,
) -> Result<(), Error> {
    lines.size += path.len();
    if depth > 2 * DEPTH_LIMIT || lines.size > OUTPUT_LIMIT {
        return Err(Error::TooMuch { what: "the properties are nested too deeply, or too long" });
    }
    set_comments(lines, tree, &path, key.into_iter().chain([id]));
    let node = tree.get(id);
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match node.kind {
        Kind::Scalar => {
            let value = if unwraps || !node.value.contains(' ') {
                node.value.to_string()
            } else {
                crate::toml::quoted(&node.value)
            };
            if !path.is_empty() {
                lines.values.change(&path, |old| *old = value);
            }
        }
        Kind::Sequence => {
            for (number, item) in node.content.iter().enumerate() {
                add(lines, tree, *item, at(&number.to_string()), None, unwraps, depth + 1)?;
            }
        }
        Kind::Mapping => {
            for (key, value) in node.pairs() {
                let path = at(&tree.get(key).value);
                add(lines, tree, value, path, Some(key), unwraps, depth + 1)?;
            }
        }
        Kind::Alias => {
            let target = node.alias.unwrap_or(id);
            add(lines, tree, target, path, None, unwraps, depth + 1)?;
        }
        Kind::Unset => {
            let reason = format!("a node without a kind at `{path}`");
            return Err(Error::Output { format: "properties", reason });
        }
    }
    Ok(())
}

/// Head and line comments of the key and the value; each line loses its first `#`.
fn set_comments(lines: &mut Lines, tree: &Tree, path: &str, nodes: impl Iterator<Item = Id>) {
    let mut text = String::new();
    for id in nodes {
        let node = tree.get(id);
        text.push_str(&node.head.replacen('#', "", 1));
        text.push_str(&node.line.replacen('#', "", 1));
    }
    let comments: Vec<String> = text.replace('\n', "\n ").split('\n').map(String::from).collect();
    if comments.iter().any(|comment| !comment.is_empty()) {
        lines.comments.insert(path.to_owned(), comments);
    } else {
        lines.comments.remove(path);
    }
}

fn escape(text: &str, special: &str) -> String {
    let mut out = String::new();
    for (at, character) in text.char_indices() {
        match character {
            '\x0C' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ => {
                if special.contains(character) || (at == 0 && character == ' ') {
                    out.push('\\');
                }
                out.push(character);
            }
        }
    }
    out
}

/// Leading comments of YAML, without the separators.
pub(crate) fn write_leading(out: &mut String, leading: &str) {
    let lines = leading.split_inclusive('\n');
    let lines = lines.filter(|line| !line.contains(crate::yaml::SEPARATOR));
    out.extend(lines);
    if !leading.is_empty() && !leading.ends_with('\n') {
        out.push('\n');
    }
}
