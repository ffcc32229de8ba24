//! Lines to nodes.

use super::{DEFAULT, Sections};
use crate::Error;
use crate::ordered::Ordered;
use crate::tree::{Id, Node, Tree};

/// How often a value may refer to others.
const EXPANSION_LIMIT: usize = 99;
/// Bytes of a value with what it refers to.
const VALUE_LIMIT: usize = 1 << 20;

fn wrong(reason: &str) -> Error {
    Error::Input { format: "ini", reason: reason.into() }
}

struct Reader<'a> {
    lines: std::str::SplitInclusive<'a, char>,
    sections: Sections,
    now: usize,
    numbered: usize,
}

/// One mapping: keys of the default section, then a mapping for each section.
pub(crate) fn read(tree: &mut Tree, text: &str) -> Result<Id, Error> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = Reader {
        lines: text.split_inclusive('\n'),
        sections: Sections::default(),
        now: 0,
        numbered: 1,
    };
    reader.now = reader.sections.place(DEFAULT);
    reader.read()?;
    let root = tree.add(Node::mapping());
    for (name, keys) in reader.sections.iter() {
        let mut target = root;
        if name != DEFAULT {
            target = tree.add(Node::mapping());
            let name = tree.add(Node::text(name));
            tree.adopt_pair(root, name, target);
        }
        for (key, value) in keys.iter() {
            let value = reader.expand(keys, key, value)?;
            let (key, value) = (tree.add(Node::text(key)), tree.add(Node::text(value)));
            tree.adopt_pair(target, key, value);
        }
    }
    tree.check()?;
    Ok(root)
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Error> {
        while let Some(line) = self.lines.next() {
            let line = line.trim_start();
            match line.chars().next() {
                None | Some('#' | ';') => {}
                Some('[') => self.section(line)?,
                Some(_) => self.key(line)?,
            }
        }
        Ok(())
    }

    fn section(&mut self, line: &str) -> Result<(), Error> {
        let end = line.rfind(']').ok_or_else(|| wrong("a section without `]`"))?;
        let name = line.get(1..end).unwrap_or_default();
        if name.is_empty() {
            return Err(wrong("a section without a name"));
        }
        self.numbered = 1;
        self.now = self.sections.place(name);
        Ok(())
    }

    fn key(&mut self, line: &str) -> Result<(), Error> {
        let (mut name, rest) = key_name(line)?;
        if name == "-" {
            name = format!("#{}", self.numbered);
            self.numbered += 1;
        }
        let value = self.value(rest)?;
        if name.is_empty() {
            return Err(wrong("a key without a name"));
        }
        if let Some(keys) = self.sections.at_mut(self.now) {
            keys.change(&name, |old| *old = value);
        }
        Ok(())
    }

    fn value(&mut self, text: &str) -> Result<String, Error> {
        let line = text.trim_start();
        for quote in ["\"\"\"", "`"] {
            let Some(inside) = line.strip_prefix(quote) else { continue };
            if quote.len() == 3 && line.len() == 3 {
                break;
            }
            return match inside.rfind(quote) {
                Some(end) => Ok(inside.get(..end).unwrap_or_default().to_owned()),
                None => self.lines_to(inside, quote),
            };
        }
        let line = line.trim_end();
        if let Some(start) = line.strip_suffix('\\') {
            return Ok(self.continued(start));
        }
        let end = line.find(['#', ';']).unwrap_or(line.len());
        let line = if end < line.len() { line.get(..end).unwrap_or_default().trim() } else { line };
        Ok(unquoted(line).to_owned())
    }

    /// A quoted value over several lines.
    fn lines_to(&mut self, start: &str, quote: &str) -> Result<String, Error> {
        let mut value = start.to_owned();
        for line in self.lines.by_ref() {
            if let Some(end) = line.rfind(quote) {
                value.push_str(line.get(..end).unwrap_or_default());
                return Ok(value);
            }
            value.push_str(line);
        }
        Err(wrong("a quoted value does not end"))
    }

    /// Lines that end with a backslash go on with the next one.
    fn continued(&mut self, start: &str) -> String {
        let mut value = start.to_owned();
        for line in self.lines.by_ref() {
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            value.push_str(line);
            if value.pop_if_backslash().is_none() {
                break;
            }
        }
        value
    }

    /// `%(key)s` stands for the value of another key, in the same section or the default one.
    fn expand(&self, keys: &Ordered<String>, key: &str, value: &str) -> Result<String, Error> {
        let mut value = value.to_owned();
        for _ in 0..EXPANSION_LIMIT {
            let Some((start, name, end)) = reference(&value) else { break };
            let own = keys.get(name).filter(|_| name != key);
            let Some(new) = own.or_else(|| self.sections.get(DEFAULT)?.get(name)) else { break };
            let whole = value.get(start..end).unwrap_or_default().to_owned();
            value = value.replace(&whole, new);
            if value.len() > VALUE_LIMIT {
                return Err(Error::TooMuch { what: "a value of the INI file grows too long" });
            }
        }
        Ok(value)
    }
}

trait PopBackslash {
    fn pop_if_backslash(&mut self) -> Option<char>;
}

impl PopBackslash for String {
    fn pop_if_backslash(&mut self) -> Option<char> {
        if self.ends_with('\\') { self.pop() } else { None }
    }
}

/// Where `%(name)s` stands.
fn reference(value: &str) -> Option<(usize, &str, usize)> {
    let mut from = 0;
    while let Some(start) = value.get(from..)?.find("%(").map(|at| from + at) {
        let inside = value.get(start + 2..)?;
        let end = inside.find(')')?;
        let after = inside.get(end + 1..)?;
        if end > 0 && after.starts_with('s') {
            return Some((start, inside.get(..end)?, start + 2 + end + 2));
        }
        from = start + 2;
    }
    None
}

/// The name of a key, and what follows `=` or `:`.
fn key_name(line: &str) -> Result<(String, &str), Error> {
    let missing = || wrong(&format!("a line without `=`: {}", line.trim_end()));
    let quote = if line.starts_with("\"\"\"") && line.len() > 6 {
        "\"\"\""
    } else if line.starts_with('"') {
        "\""
    } else if line.starts_with('`') {
        "`"
    } else {
        let end = line.find(['=', ':']).ok_or_else(missing)?;
        if end == 0 {
            return Err(wrong("a key without a name"));
        }
        let name = line.get(..end).unwrap_or_default().trim();
        return Ok((name.to_owned(), line.get(end + 1..).unwrap_or_default()));
    };
    let inside = line.get(quote.len()..).unwrap_or_default();
    let end = inside.find(quote).ok_or_else(|| wrong("a quoted key does not end"))?;
    let after = inside.get(end + quote.len()..).unwrap_or_default();
    let sign = after.find(['=', ':']).ok_or_else(missing)?;
    let name = inside.get(..end).unwrap_or_default().trim();
    Ok((name.to_owned(), after.get(sign + 1..).unwrap_or_default()))
}

/// Without quotes around it, if they are the only ones.
fn unquoted(line: &str) -> &str {
    for quote in ['\'', '"'] {
        let inside = line.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inside) = inside.filter(|inside| !inside.contains(quote)) {
            return inside;
        }
    }
    line
}
