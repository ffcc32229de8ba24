//! Other programs: each runs with a time limit, and its error names the program, its arguments, its
//! status and what it wrote.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::process::Group;
use super::wait;

/// A program to run to its end.
pub struct Tool {
    command: Command,
    shown: String,
    limit: Duration,
    input: Vec<u8>,
}

/// What a program left.
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, bytes that are not UTF-8 replaced.
    pub stdout: String,
    /// Its standard error, likewise.
    pub stderr: String,
}

impl Tool {
    /// A program with a limit of one minute, in the C locale, with nothing to read.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        command.env("LC_ALL", "C.UTF-8").process_group(0);
        let shown = program.as_ref().to_string_lossy().into_owned();
        Self { command, shown, limit: Duration::from_mins(1), input: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(self, args: impl IntoIterator<Item = S>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// Starts it in this folder.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Gives it another limit; past it the program and its children are ended.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Gives it these bytes to read.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Runs it and gives its standard output; any other status than 0 is an error.
    pub fn run(self) -> Result<String> {
        let shown = self.shown.clone();
        let output = self.output()?;
        if !output.status.success() {
            let said = tail(&format!("{}{}", output.stdout, output.stderr), 20);
            bail!("`{shown}`: {}\n{said}", output.status);
        }
        Ok(output.stdout)
    }

    /// Runs it and gives all that it left, whatever its status.
    pub fn output(mut self) -> Result<Output> {
        let shown = self.shown;
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().with_context(|| format!("starting `{shown}`"))?;
        let group = Group::of(&child);
        let input = feed(&mut child, self.input);
        let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let what = format!("the end of `{shown}`");
        let ended = wait::until(&what, self.limit, || child.try_wait().map_err(Into::into));
        if ended.is_err() {
            group.end(&mut child);
        }
        let (stdout, stderr) = (joined(stdout), joined(stderr));
        joined(input);
        let status = ended.with_context(|| tail(&format!("{stdout}{stderr}"), 20))?;
        Ok(Output { status, stdout, stderr })
    }
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

fn feed(child: &mut Child, bytes: Vec<u8>) -> JoinHandle<Vec<u8>> {
    let stdin = child.stdin.take();
    spawn(move || {
        if let Some(mut stdin) = stdin {
            stdin.write_all(&bytes).ok(); // a program need not read what it is given
        }
        Vec::new()
    })
}

fn drain(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            stream.read_to_end(&mut bytes).ok(); // what came before the error is what there is
        }
        bytes
    })
}

fn joined(reader: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_program_its_status_and_its_words() {
        let error = Tool::new("sh").args(["-c", "echo no >&2; exit 3"]).run().unwrap_err();
        assert_eq!(error.to_string(), "`sh -c echo no >&2; exit 3`: exit status: 3\nno");
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let begin = std::time::Instant::now();
        let tool = Tool::new("sh").args(["-c", "echo begun; sleep 60 & sleep 60"]);
        let error = tool.limit(Duration::from_millis(200)).run().unwrap_err();
        assert_eq!(error.to_string(), "begun");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(Tool::new("cat").input("hello").run().unwrap(), "hello");
    }
}
