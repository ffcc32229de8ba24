//! The harness of the tests that boot guests. A boot is dear, so one scenario boots a machine once or
//! a few times and checks many things; each check is a test of its own, with a name that says what
//! must hold, and is counted.
//!
//! Standard output is for programs too: `SKIP name: reason` for what could not be tried here, `FAIL
//! name: reason`, and a last line of totals.

use std::any::Any;
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Error, Result, anyhow};

use super::{process, wait};

/// A scenario: its name and what it does.
pub type Scenario = (&'static str, fn(&mut Tally) -> Result<()>);

/// The reason why something cannot be tried here.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Skip(pub String);

/// An error that makes the scenario a skipped one.
pub fn skip(reason: impl Into<String>) -> Error {
    Error::new(Skip(reason.into()))
}

/// What came out so far.
pub struct Tally {
    scenario: String,
    out: fn(&str),
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Default for Tally {
    fn default() -> Self {
        Self { scenario: String::new(), out: say, passed: 0, failed: 0, skipped: 0 }
    }
}

impl Tally {
    /// Tries one thing. A failure is printed and counted, and the scenario goes on.
    pub fn check(&mut self, name: &str, body: impl FnOnce() -> Result<()>) {
        let name = format!("{}::{name}", self.scenario);
        let begin = Instant::now();
        let result = guarded(body);
        let took = begin.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                self.passed += 1;
                (self.out)(&format!("ok   {name} ({took:.1} s)"));
            }
            Err(error) => self.count(&name, &error),
        }
    }

    /// Counts something that cannot be tried here.
    pub fn skip(&mut self, name: &str, reason: &str) {
        let name = format!("{}::{name}", self.scenario);
        self.count(&name, &skip(reason));
    }

    /// Tells something that is neither a pass nor a failure, a time for example.
    pub fn note(&self, text: &str) {
        (self.out)(&format!("     {}: {text}", self.scenario));
    }

    fn count(&mut self, name: &str, error: &Error) {
        if error.is::<Skip>() {
            self.skipped += 1;
            (self.out)(&format!("SKIP {name}: {error}"));
        } else {
            self.failed += 1;
            (self.out)(&format!("FAIL {name}: {}", format!("{error:#}").replace('\n', "\n     ")));
        }
    }
}

/// Runs the scenarios whose names hold one of the words of the command line, or all. With `--resume
/// FILE`, those that an earlier run has passed are counted from the file and not run again.
pub fn run(scenarios: &[Scenario]) -> ExitCode {
    match run_all(scenarios) {
        Ok(tally) => {
            let Tally { passed, failed, skipped, .. } = tally;
            say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
            ExitCode::from(u8::from(failed > 0 || wait::stopped()))
        }
        Err(error) => {
            say(&format!("FAIL the suite: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run_all(scenarios: &[Scenario]) -> Result<Tally> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        for (name, _) in scenarios {
            say(name);
        }
        return Ok(Tally::default());
    }
    wait::stop_on_signals()?;
    let mut past = Past::take_from(&mut words)?;
    let mut tally = Tally::default();
    for (name, body) in scenarios {
        let wanted = words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
        if !wanted || wait::stopped() {
            say(&format!("not in this run: {name}"));
        } else if let Some(passed) = past.passed(name) {
            say(&format!("kept {name}: {passed} passed in an earlier run"));
            tally.passed += passed;
        } else {
            one(&mut tally, name, *body, &mut past)?;
        }
    }
    Ok(tally)
}

fn one(
    tally: &mut Tally,
    name: &str,
    body: fn(&mut Tally) -> Result<()>,
    past: &mut Past,
) -> Result<()> {
    say(&format!("---- {name}"));
    name.clone_into(&mut tally.scenario);
    let before = (tally.passed, tally.failed + tally.skipped);
    if let Err(error) = guarded(|| body(tally)) {
        tally.count(name, &error);
    }
    let left = process::children();
    if !left.is_empty() {
        tally.count(name, &anyhow!("processes were left on this machine: {left:?}"));
    }
    if tally.failed + tally.skipped == before.1 {
        past.remember(name, tally.passed - before.0)?;
    }
    Ok(())
}

/// Runs something; a panic is an error like any other.
fn guarded(body: impl FnOnce() -> Result<()>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(anyhow!(words_of(&*panic))))
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

/// A line for whoever reads, at once: a pipe would keep it until the end.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok(); // nobody reads any more: go on
}

/// Scenarios that passed in earlier runs: one line each, with the number of checks.
struct Past {
    file: Option<PathBuf>,
    text: String,
}

impl Past {
    fn take_from(words: &mut Vec<String>) -> Result<Self> {
        let Some(at) = words.iter().position(|word| word == "--resume") else {
            return Ok(Self { file: None, text: String::new() });
        };
        words.remove(at);
        let file = PathBuf::from(words.get(at).context("--resume needs a file")?);
        words.remove(at);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("reading {}", file.display()))?,
        };
        Ok(Self { file: Some(file), text })
    }

    fn passed(&self, scenario: &str) -> Option<u32> {
        let line = self.text.lines().find_map(|line| line.strip_prefix(scenario))?;
        line.strip_prefix(' ')?.parse().ok()
    }

    fn remember(&mut self, scenario: &str, passed: u32) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        self.text.push_str(&format!("{scenario} {passed}\n"));
        fs::write(file, &self.text).with_context(|| format!("writing {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_is_counted_as_a_skip_even_with_context() {
        let mut tally = Tally { out: |_| (), ..Tally::default() };
        tally.check("a", || Err(skip("no Go")));
        tally.check("b", || Err(anyhow!("broken")));
        tally.check("c", || panic!("on the floor"));
        tally.check("d", || Ok(()));
        assert_eq!((tally.passed, tally.failed, tally.skipped), (1, 2, 1));
    }

    #[test]
    fn what_passed_is_not_run_again() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("past");
        let words = || vec!["--resume".to_owned(), file.display().to_string(), "boot".to_owned()];
        let mut left = words();
        Past::take_from(&mut left).unwrap().remember("first_boot", 12).unwrap();
        assert_eq!(left, ["boot"]);
        let past = Past::take_from(&mut words()).unwrap();
        assert_eq!((past.passed("first_boot"), past.passed("first")), (Some(12), None));
    }
}
