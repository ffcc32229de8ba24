//! The process that runs cases, and the one that asks it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{compare, kinds};

/// What became of a case.
#[derive(Debug)]
pub(super) enum Answer {
    Value(Value),
    /// The input was refused, and why.
    Refused(String),
    /// It crashed or did not end, and how.
    Died(String),
    /// The kind is not implemented, or its input is in a corpus that was not named.
    NotRun,
}

/// Asks cases of child processes, one after the other.
pub(super) struct Child {
    corpus: Option<PathBuf>,
    limit: Duration,
    running: Option<Running>,
}

struct Running {
    process: process::Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Child {
    pub(super) fn new(corpus: Option<&Path>, seconds: u64) -> Self {
        let limit = Duration::from_secs(seconds);
        Self { corpus: corpus.map(Path::to_owned), limit, running: None }
    }

    pub(super) fn ask(&mut self, kind: &str, input: &Value) -> anyhow::Result<Answer> {
        if kinds::find(kind).is_none() {
            return Ok(Answer::NotRun);
        }
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        let line = json!({ "kind": kind, "in": input });
        // A child that is gone is seen by its missing answer.
        let _ = writeln!(running.input, "{line}").and_then(|()| running.input.flush());
        match running.answers.recv_timeout(self.limit) {
            Ok(line) => {
                self.running = Some(running);
                decode(&line)
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = running.process.wait().context("waiting for a case")?;
                Ok(Answer::Died(format!("the program crashed: {status}")))
            }
            Err(RecvTimeoutError::Timeout) => {
                running.process.kill().context("ending a case")?;
                running.process.wait().context("waiting for a case")?;
                Ok(Answer::Died(format!("no answer within {:?}", self.limit)))
            }
        }
    }

    fn start(&self) -> anyhow::Result<Running> {
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.args(["vectors", "--child"]);
        if let Some(corpus) = &self.corpus {
            command.arg("--corpus").arg(corpus);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("starting a child")?;
        let input = process.stdin.take().context("the child has no input")?;
        let output = process.stdout.take().context("the child has no output")?;
        let (sender, answers) = channel();
        // Ends with the child's output, or when nobody listens any more.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Running { process, input, answers })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(Running { mut process, input, .. }) = self.running.take() {
            // The end of its input ends the child.
            drop(input);
            let _ = process.wait();
        }
    }
}

/// The child's side: a line in, a line out, until the input ends.
pub(super) fn answer(corpus: Option<&Path>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let answer = match run(&line, corpus)? {
            Answer::Value(value) => json!({ "out": value }),
            Answer::Refused(why) => json!({ "err": why }),
            Answer::NotRun | Answer::Died(_) => json!({}),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn run(line: &Value, corpus: Option<&Path>) -> anyhow::Result<Answer> {
    let kind = line.get("kind").and_then(Value::as_str).unwrap_or_default();
    let input = line.get("in").cloned().unwrap_or_default();
    let Some(run) = kinds::find(kind) else { return Ok(Answer::NotRun) };
    let Some(input) = compare::resolve(input, corpus)? else { return Ok(Answer::NotRun) };
    Ok(match run(&input) {
        Ok(value) => Answer::Value(value),
        Err(error) => Answer::Refused(format!("{error:#}")),
    })
}

fn decode(line: &str) -> anyhow::Result<Answer> {
    let mut line: Value = serde_json::from_str(line).context("reading a child's answer")?;
    let object = line.as_object_mut().context("a child's answer is no object")?;
    Ok(match (object.remove("out"), object.remove("err")) {
        (Some(value), _) => Answer::Value(value),
        (None, Some(Value::String(why))) => Answer::Refused(why),
        _ => Answer::NotRun,
    })
}
