//! What a person sees while a task runs: each phase says at once what it does and how long that
//! usually takes, and how long it took.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result};

/// The phases of one task.
pub struct Phases {
    total: u32,
    at: u32,
}

impl Phases {
    /// A task of so many phases.
    pub fn new(total: u32) -> Self {
        Self { total, at: 0 }
    }

    /// Runs one. `expectation` is for people: "2 min the first time".
    pub fn run<T>(
        &mut self,
        title: &str,
        expectation: &str,
        body: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.at += 1;
        say(&format!("[{}/{}] {title} ({expectation}) ...", self.at, self.total));
        let begin = Instant::now();
        let value = body().with_context(|| title.to_owned())?;
        say(&format!("      done in {:.0} s", begin.elapsed().as_secs_f64().ceil()));
        Ok(value)
    }
}

/// A line, at once, even into a pipe.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok(); // nobody reads any more: go on
}
