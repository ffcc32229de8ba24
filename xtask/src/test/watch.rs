//! Runs a program and hands on its output line by line, while it also goes to a log.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nixvm_e2e::rig::tool::tail;
use nixvm_e2e::rig::{wait, workspace};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a program that was stopped may take to clean up: guests and Lima's instances end then.
const TIDYING: Duration = Duration::from_secs(90);

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With 0.
    Well,
    /// Otherwise; the words say how.
    Badly(String),
}

/// Runs a program in the workspace, for at most `limit`, and hands on its lines. It has a process
/// group of its own: Ctrl-C reaches this program only, which then ends the other once and waits until
/// it has cleaned up.
pub fn run(
    program: &str,
    arguments: &[String],
    limit: Duration,
    log: &Path,
    mut line: impl FnMut(&str),
) -> Result<Ended> {
    let mut log = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root()).stdin(Stdio::null()).process_group(0);
    command.env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
    let (sender, lines) = channel();
    read(child.stdout.take(), sender.clone());
    read(child.stderr.take(), sender);
    let mut end = Instant::now() + limit;
    let mut stopped: Option<String> = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(text) => {
                writeln!(log, "{text}").context("writing the log")?;
                line(&text);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        match (&stopped, reason_to_stop(end, limit)) {
            (None, Some(reason)) => {
                signal(&child, Signal::INT);
                (stopped, end) = (Some(reason), Instant::now() + TIDYING);
            }
            (Some(_), _) if Instant::now() > end => {
                signal(&child, Signal::KILL);
                break;
            }
            _ => {}
        }
    }
    let status = child.wait().with_context(|| format!("waiting for {program}"))?;
    Ok(match stopped {
        Some(reason) => Ended::Badly(reason),
        None if status.success() => Ended::Well,
        None => Ended::Badly(status.to_string()),
    })
}

fn reason_to_stop(end: Instant, limit: Duration) -> Option<String> {
    if wait::stopped() {
        return Some("stopped".into());
    }
    (Instant::now() > end).then(|| format!("not done within {} s", limit.as_secs()))
}

/// The last lines of a log.
pub fn tail_of(log: &Path) -> String {
    tail(&String::from_utf8_lossy(&fs::read(log).unwrap_or_default()), 40)
}

fn read(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            if lines.send(line).is_err() {
                return; // nobody reads any more: the limit is over
            }
        }
    });
}

/// Signals the whole group: cargo does not hand a signal on to the tests that it runs.
fn signal(child: &Child, signal: Signal) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        kill_process_group(group, signal).ok(); // it may have ended just now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_over_its_limit_may_clean_up_and_has_failed() {
        let dir = tempfile::tempdir().unwrap();
        let script = "trap 'echo cleaned; exit 0' INT; echo begun; while :; do sleep 0.1; done";
        let arguments = ["-c".to_owned(), script.to_owned()];
        let mut lines = Vec::new();
        let begin = Instant::now();
        let limit = Duration::from_secs(1);
        let ended = run("sh", &arguments, limit, &dir.path().join("log"), |line| {
            lines.push(line.to_owned());
        });
        assert_eq!(ended.unwrap(), Ended::Badly("not done within 1 s".into()));
        assert_eq!(lines, ["begun", "cleaned"]);
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }
}
