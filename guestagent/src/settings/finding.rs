//! Something in the settings file that its author should know, with its place.

use std::path::{Path, PathBuf};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Ignored; nothing that was understood is lost.
    Warning,
    /// A value that cannot be used. The others are.
    Error,
}

/// One remark about a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// The file.
    pub file: PathBuf,
    /// Line from 1.
    pub line: usize,
    /// Path of the key, as `tunnel.owner`; empty if there is none.
    pub key: String,
    /// What is the matter.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { level, file, line, key, message, hint } = self;
        let level = if *level == Level::Error { "error" } else { "warning" };
        write!(f, "{}:{line}: {level}: ", file.display())?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        write!(f, "{message}; {hint}")
    }
}

/// Collects the remarks about one text.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    file: &'a Path,
    text: &'a str,
    pub found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub fn about(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    /// Adds one about what begins at this byte of the text.
    pub fn add(&mut self, level: Level, at: usize, key: &str, message: String, hint: &str) {
        let line = self.text.get(..at).unwrap_or(self.text).split('\n').count();
        let (file, key, hint) = (self.file.to_owned(), key.to_owned(), hint.to_owned());
        self.found.push(Finding { level, file, line, key, message, hint });
    }
}
