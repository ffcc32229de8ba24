//! Taking values out of a TOML table, one by one, so that a bad one loses
//! itself only, and what is left over is named.

use super::finding::{Findings, Level};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Entry<'i> = Spanned<DeValue<'i>>;

/// A table from which known keys are taken.
pub(super) struct Table<'i> {
    name: &'static str,
    entries: DeTable<'i>,
}

impl<'i> Table<'i> {
    /// The whole text. What is no TOML in it is found and left out.
    pub fn parse(text: &'i str, findings: &mut Findings<'_>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let hint = "see https://toml.io for how values are written";
            findings.add(Level::Error, at, "", error.message().to_owned(), hint);
        }
        Self { name: "", entries: table.into_inner() }
    }

    /// A table in it; an empty one if there is none.
    pub fn table(&mut self, name: &'static str, findings: &mut Findings<'_>) -> Self {
        let Some(entry) = self.entries.remove(name) else {
            return Self { name, entries: DeTable::default() };
        };
        let at = entry.span().start;
        if let DeValue::Table(entries) = entry.into_inner() {
            return Self { name, entries };
        }
        let hint = format!("write [{name}] on a line of its own");
        findings.add(Level::Error, at, name, "it is no table".into(), &hint);
        Self { name, entries: DeTable::default() }
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A value that `read` understands; it may say why it does not.
    pub fn take<T>(
        &mut self,
        key: &'static str,
        findings: &mut Findings<'_>,
        read: impl FnOnce(&DeValue<'i>) -> Result<T, String>,
        hint: &str,
    ) -> Option<T> {
        let entry = self.entries.remove(key)?;
        let complaint = match read(entry.get_ref()) {
            Ok(value) => return Some(value),
            Err(complaint) => complaint,
        };
        findings.add(Level::Error, entry.span().start, &self.path(key), complaint, hint);
        None
    }

    /// The items of a list that `read` understands.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        findings: &mut Findings<'_>,
        read: impl Fn(&str) -> Result<T, String>,
        hint: &str,
    ) -> Vec<T> {
        let Some(entry) = self.entries.remove(key) else { return Vec::new() };
        let path = self.path(key);
        let DeValue::Array(items) = entry.get_ref() else {
            findings.add(Level::Error, entry.span().start, &path, "it is no list".into(), hint);
            return Vec::new();
        };
        let item = |(index, item): (usize, &Entry<'i>)| match text(item.get_ref())
            .and_then(|t| read(&t))
        {
            Ok(value) => Some(value),
            Err(complaint) => {
                let path = format!("{path}[{index}]");
                findings.add(Level::Error, item.span().start, &path, complaint, hint);
                None
            }
        };
        items.iter().enumerate().filter_map(item).collect()
    }

    /// Names what nobody took.
    pub fn finish(self, findings: &mut Findings<'_>) {
        for key in self.entries.keys() {
            let name = key.get_ref();
            let path = self.path(name);
            let hint = "remove it, or look for a slip of the pen";
            findings.add(Level::Warning, key.span().start, &path, "unknown key".into(), hint);
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// A text.
pub(super) fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err("it is no text in quotes".into()),
    }
}

/// A text or a whole number, as a text.
pub(super) fn text_or_number(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        _ => text(value).map_err(|_| "it is neither a number nor a text in quotes".into()),
    }
}

/// `true` or `false`.
pub(super) fn switch(value: &DeValue<'_>) -> Result<bool, String> {
    match value {
        DeValue::Boolean(switch) => Ok(*switch),
        _ => Err("it is neither true nor false".into()),
    }
}
