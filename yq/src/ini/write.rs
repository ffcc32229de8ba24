//! Nodes to lines. The signs `=` of a section stand below each other.

use super::{DEFAULT, Sections};
use crate::tree::{Id, Kind, Tree};
use crate::{Error, OUTPUT_LIMIT};

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
    let mut sections = Sections::default();
    sections.place(DEFAULT);
    for (key, value) in node.pairs() {
        let (name, value) = (&tree.get(key).value, tree.get(value));
        match value.kind {
            Kind::Scalar => set(&mut sections, DEFAULT, name, &value.value)?,
            Kind::Mapping => {
                if name.is_empty() {
                    return Err(wrong("a section without a name"));
                }
                sections.place(name);
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
    text(&sections)
}

fn set(sections: &mut Sections, section: &str, key: &str, value: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(wrong("a key without a name"));
    }
    sections.change(section, |keys| keys.change(key, |old| *old = value.into()));
    Ok(())
}

fn text(sections: &Sections) -> Result<String, Error> {
    let mut out = String::new();
    for (at, (name, keys)) in sections.iter().enumerate() {
        if at > 0 {
            out.push_str(&format!("[{name}]\n"));
        } else if keys.len() == 0 {
            continue;
        }
        let widest = keys.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        if widest.saturating_mul(keys.len()) > OUTPUT_LIMIT {
            return Err(Error::TooMuch { what: "the INI file is too long" });
        }
        for (name, value) in keys.iter() {
            let name = quoted_name(name);
            let padding = " ".repeat(widest.saturating_sub(name.len()));
            out.push_str(&format!("{name}{padding} = {}\n", quoted_value(value)));
        }
        if at + 1 < sections.len() {
            out.push('\n');
        }
    }
    Ok(out)
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
