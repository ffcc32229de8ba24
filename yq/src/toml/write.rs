//! Nodes to tables.

mod inline;

use std::rc::Rc;

use super::quoted;
use crate::tree::{DEPTH_LIMIT, Id, Kind, Node, TableForm, Tree};
use crate::{Error, OUTPUT_LIMIT};

struct Writer<'a> {
    tree: &'a Tree,
    out: String,
    /// Whether a header that follows needs an empty line before it.
    wrote_pair: bool,
}

type Path = Vec<Rc<str>>;

fn wrong(reason: &str) -> Error {
    Error::Output { format: "toml", reason: reason.into() }
}

pub(crate) fn write(tree: &Tree, id: Id) -> Result<String, Error> {
    let node = tree.get(id);
    match node.kind {
        Kind::Scalar => return Ok(format!("{}\n", node.value)),
        Kind::Mapping => {}
        _ => return Err(wrong("the top must be a mapping")),
    }
    let mut writer = Writer { tree, out: String::new(), wrote_pair: false };
    writer.comment(&node.head);
    for is_pair in [true, false] {
        for (key, value) in node.pairs() {
            if writer.is_pair(tree.get(value)) == is_pair {
                writer.top(tree.get(key).value.clone(), value)?;
            }
        }
    }
    Ok(writer.out)
}

impl Writer<'_> {
    fn comment(&mut self, comment: &str) {
        if comment.is_empty() {
            return;
        }
        for line in comment.split('\n') {
            let line = line.trim();
            let sign = if line.starts_with('#') { "" } else { "# " };
            self.out.push_str(&format!("{sign}{line}\n"));
        }
    }

    fn is_array_of_tables(&self, node: &Node) -> bool {
        node.kind == Kind::Sequence
            && !node.content.is_empty()
            && node.content.iter().all(|item| {
                let item = self.tree.get(*item);
                item.kind == Kind::Mapping && item.form != TableForm::Inline
            })
    }

    fn is_pair(&self, node: &Node) -> bool {
        node.kind == Kind::Scalar || (node.kind == Kind::Sequence && !self.is_array_of_tables(node))
    }

    fn top(&mut self, key: Rc<str>, id: Id) -> Result<(), Error> {
        let node = self.tree.get(id);
        let are_mappings = !node.content.is_empty()
            && node.content.iter().all(|item| self.tree.get(*item).kind == Kind::Mapping);
        match node.kind {
            Kind::Scalar => {
                self.pair(&key, node);
                Ok(())
            }
            Kind::Sequence if are_mappings => self.tables(&vec![key], node, 0),
            Kind::Sequence => self.array(&key, node),
            Kind::Mapping if node.form == TableForm::Inline => self.inline_pair(&key, node),
            Kind::Mapping => self.table(&vec![key], id, 0),
            _ => Err(wrong("a node that TOML does not have")),
        }
    }

    fn empty_line(&mut self) {
        if std::mem::take(&mut self.wrote_pair) {
            self.out.push('\n');
        }
    }

    /// `[[...]]` for each item.
    fn tables(&mut self, path: &Path, array: &Node, depth: usize) -> Result<(), Error> {
        self.empty_line();
        for item in &array.content {
            self.out.push_str(&format!("[[{}]]\n", dotted(path)));
            self.body(path, *item, depth + 1)?;
        }
        Ok(())
    }

    /// A mapping as a section, or only its sections if it has no pairs itself.
    fn table(&mut self, path: &Path, id: Id, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_LIMIT || self.out.len() > OUTPUT_LIMIT {
            return Err(Error::TooMuch { what: "the TOML is nested too deeply, or too long" });
        }
        let node = self.tree.get(id);
        let has_pairs = node.pairs().any(|(_, value)| {
            let value = self.tree.get(value);
            match value.kind {
                Kind::Scalar => !value.is_null(),
                Kind::Mapping => value.form == TableForm::Inline,
                Kind::Sequence => !self.is_array_of_tables(value),
                _ => false,
            }
        });
        if has_pairs || node.content.is_empty() {
            self.empty_line();
            self.comment(&node.head);
            self.out.push_str(&format!("[{}]\n", dotted(path)));
            return self.body(path, id, depth);
        }
        for (key, value) in node.pairs() {
            let inner = joined(path, &self.tree.get(key).value);
            let node = self.tree.get(value);
            match node.kind {
                Kind::Mapping => self.table(&inner, value, depth + 1)?,
                Kind::Sequence => self.tables(&inner, node, depth)?,
                Kind::Scalar => self.pair(&self.tree.get(key).value, node),
                _ => {}
            }
        }
        Ok(())
    }

    /// Pairs, then arrays of tables, then sections.
    fn body(&mut self, path: &Path, id: Id, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_LIMIT || self.out.len() > OUTPUT_LIMIT {
            return Err(Error::TooMuch { what: "the TOML is nested too deeply, or too long" });
        }
        let pairs: Vec<(&Rc<str>, Id)> = self
            .tree
            .get(id)
            .pairs()
            .map(|(key, value)| (&self.tree.get(key).value, value))
            .collect();
        for (key, value) in &pairs {
            let node = self.tree.get(*value);
            match node.kind {
                Kind::Scalar => self.pair(key, node),
                Kind::Mapping if node.form == TableForm::Inline => self.inline_pair(key, node)?,
                Kind::Sequence if !self.is_array_of_tables(node) => self.array(key, node)?,
                _ => {}
            }
        }
        for (key, value) in &pairs {
            let node = self.tree.get(*value);
            if self.is_array_of_tables(node) {
                let path = joined(path, key);
                for item in &node.content {
                    self.out.push_str(&format!("[[{}]]\n", dotted(&path)));
                    self.body(&path, *item, depth + 1)?;
                }
            }
        }
        for (key, value) in &pairs {
            let node = self.tree.get(*value);
            if node.kind == Kind::Mapping && node.form != TableForm::Inline {
                self.table(&joined(path, key), *value, depth + 1)?;
            }
        }
        Ok(())
    }

    fn pair(&mut self, key: &str, node: &Node) {
        if node.is_null() {
            return;
        }
        self.wrote_pair = true;
        self.comment(&node.head);
        let value = scalar(node);
        self.out.push_str(&format!("{} = {value}{}\n", quoted_key(key), behind(&node.line)));
    }
}

fn joined(path: &Path, key: &Rc<str>) -> Path {
    path.iter().chain([key]).cloned().collect()
}

fn dotted(path: &Path) -> String {
    let keys: Vec<String> = path.iter().map(|key| quoted_key(key)).collect();
    keys.join(".")
}

fn quoted_key(key: &str) -> String {
    let is_bare = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// Null is an empty text in an array.
fn scalar(node: &Node) -> String {
    match &*node.tag {
        "!!str" => quoted(&node.value),
        "!!null" => "\"\"".into(),
        _ => node.value.to_string(),
    }
}

/// A line comment.
fn behind(comment: &str) -> String {
    let comment = comment.trim();
    match comment {
        "" => String::new(),
        _ if comment.starts_with('#') => format!("  {comment}"),
        _ => format!("  # {comment}"),
    }
}
