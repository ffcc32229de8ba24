//! Files of sections with `key=value` lines. Values are checked types: none holds a line end.

use std::fmt;

/// Sections in order; a name may be there more than once.
#[derive(Default)]
pub(super) struct Ini(Vec<(&'static str, Vec<(String, String)>)>);

impl Ini {
    /// Adds a line to the section of this name, which is made at the end if it is not there.
    pub(super) fn put(&mut self, section: &'static str, key: &str, value: impl fmt::Display) {
        let line = (key.to_owned(), value.to_string());
        match self.0.iter_mut().rev().find(|(name, _)| *name == section) {
            Some((_, lines)) => lines.push(line),
            None => self.0.push((section, vec![line])),
        }
    }

    /// The same, if there is a value.
    pub(super) fn put_some(
        &mut self,
        section: &'static str,
        key: &str,
        value: Option<impl fmt::Display>,
    ) {
        if let Some(value) = value {
            self.put(section, key, value);
        }
    }

    /// Begins a further section of this name.
    pub(super) fn begin(&mut self, section: &'static str) {
        self.0.push((section, Vec::new()));
    }

    /// Whether there is a line.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, lines)| lines.is_empty())
    }
}

impl fmt::Display for Ini {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for (name, lines) in self.0.iter().filter(|(_, lines)| !lines.is_empty()) {
            f.write_str(if is_first { "" } else { "\n" })?;
            is_first = false;
            writeln!(f, "[{name}]")?;
            for (key, value) in lines {
                writeln!(f, "{key}={value}")?;
            }
        }
        Ok(())
    }
}

/// As networkd's files say it.
pub(super) fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
