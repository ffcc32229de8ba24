//! [`Finding`]: something in a seed that its author should know, with its place.

use serde::{Deserialize, Serialize};

use super::yaml::Mark;

/// A value and what was found on the way to it.
#[derive(Clone, Debug, Default)]
pub struct Parsed<T> {
    /// What could be used.
    pub value: T,
    /// What could not, or is worth a word.
    pub findings: Vec<Finding>,
}

/// One remark about a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// Stable name of the kind of finding, for programs.
    pub code: String,
    /// File of the seed, for example `user-data`.
    pub file: String,
    /// Line from 1; 0 if it is about the whole file.
    pub line: u32,
    /// Path of the key, for example `users[0].uid`; empty if there is none.
    pub key: String,
    /// What is the matter.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Ignored or done otherwise; the machine is as wanted all the same. Exit code stays 0.
    Warning,
    /// Something that was wanted cannot be done. Exit code 2.
    Error,
}

impl Finding {
    /// Something wanted cannot be done.
    pub fn error(code: &str, file: &str, message: impl Into<String>) -> Self {
        Self::new(Level::Error, code, file, message.into())
    }

    /// Something is ignored.
    pub fn warning(code: &str, file: &str, message: impl Into<String>) -> Self {
        Self::new(Level::Warning, code, file, message.into())
    }

    /// Something is good to know.
    pub fn info(code: &str, file: &str, message: impl Into<String>) -> Self {
        Self::new(Level::Info, code, file, message.into())
    }

    fn new(level: Level, code: &str, file: &str, message: String) -> Self {
        Self {
            level,
            code: code.to_owned(),
            file: file.to_owned(),
            line: 0,
            key: String::new(),
            message,
            hint: None,
        }
    }

    /// With its place in the file.
    #[must_use]
    pub fn at(mut self, mark: Mark, key: impl Into<String>) -> Self {
        self.line = mark.line;
        self.key = key.into();
        self
    }

    /// With its line.
    #[must_use]
    pub fn line(mut self, line: usize) -> Self {
        self.line = u32::try_from(line).unwrap_or(u32::MAX);
        self
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `user-data:12: users[0].uid`, as far as known.
    pub fn place(&self) -> String {
        let mut place = self.file.clone();
        if self.line > 0 {
            place.push_str(&format!(":{}", self.line));
        }
        if !self.key.is_empty() {
            place.push_str(&format!(": {}", self.key));
        }
        place
    }
}
