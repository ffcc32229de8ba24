//! Nodes to lines. The signs `=` of a section stand below each other.

use super::DEFAULT;
use crate::Error;
use crate::tree::{Id, Kind, Tree};

struct Section {
    name: String,
    keys: Vec<(String, String)>,
}

fn wrong(reason: &str) -> Error {
    Error::Output { format: "ini", reason: reason.into() }
}

pub(crate) fn write(tree: &Tree, id: Id) -> Result<String, Error> {
    let node = tree.get(id);
    match node.kind {
        Kind::Scalar => return Ok(format!("{}\n", node.value)),
        Kind::Mapping => {}
        _ => return Err(wrong("the top must be a mapping")),
    }
    let mut sections = vec![Section { name: DEFAULT.into(), keys: vec![] }];
    for (key, value) in node.pairs() {
        let (name, value) = (&tree.get(key).value, tree.get(value));
        match value.kind {
            Kind::Scalar => set(&mut sections, DEFAULT, name, &value.value)?,
            Kind::Mapping => {
                open(&mut sections, name)?;
                for (key, value) in value.pairs() {
                    let (key, value) = (tree.get(key), tree.get(value));
                    // Deeper levels are left out, as in yq.
                    if value.kind == Kind::Scalar {
                        set(&mut sections, name, &key.value, &value.value)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(text(&sections))
}

fn open(sections: &mut Vec<Section>, name: &str) -> Result<(), Error> {
    if name.is_empty() {
        return Err(wrong("a section without a name"));
    }
    if !sections.iter().any(|section| section.name == name) {
        sections.push(Section { name: name.into(), keys: vec![] });
    }
    Ok(())
}

fn set(sections: &mut [Section], section: &str, key: &str, value: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(wrong("a key without a name"));
    }
    let section = sections.iter_mut().find(|candidate| candidate.name == section);
    if let Some(section) = section {
        match section.keys.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value.into(),
            None => section.keys.push((key.into(), value.into())),
        }
    }
    Ok(())
}

fn text(sections: &[Section]) -> String {
    let mut out = String::new();
    for (at, section) in sections.iter().enumerate() {
        if at > 0 {
            out.push_str(&format!("[{}]\n", section.name));
        } else if section.keys.is_empty() {
            continue;
        }
        let widths = section.keys.iter().map(|(name, _)| width(name));
        let widest = widths.max().unwrap_or(0);
        for (name, value) in &section.keys {
            let name = quoted_name(name);
            let padding = " ".repeat(widest.saturating_sub(name.len()));
            out.push_str(&format!("{name}{padding} = {}\n", quoted_value(value)));
        }
        if at + 1 < sections.len() {
            out.push('\n');
        }
    }
    out
}

/// The width of a key in bytes.
fn width(name: &str) -> usize {
    if name.contains(['"', '=', ':']) {
        name.len() + 2
    } else if name.contains('`') {
        name.len() + 6
    } else {
        name.len()
    }
}

fn quoted_name(name: &str) -> String {
    if name.contains(['"', '=', ':']) {
        format!("`{name}`")
    } else if name.contains('`') {
        format!("\"\"\"{name}\"\"\"")
    } else {
        name.to_owned()
    }
}

fn quoted_value(value: &str) -> String {
    if value.contains(['\n', '`']) {
        format!("\"\"\"{value}\"\"\"")
    } else if value.contains(['#', ';']) {
        format!("`{value}`")
    } else if value.trim().len() == value.len() {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}
