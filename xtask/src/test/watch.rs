//! Runs a program and hands on its output line by line, while it also goes to a log.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nixvm_e2e::rig::tool::tail;
use nixvm_e2e::rig::workspace;

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With 0.
    Well,
    /// Otherwise; the words say how.
    Badly(String),
}

/// Runs a program in the workspace, for at most `limit`. It stays in this program's process group, so
/// that Ctrl-C reaches it too.
pub fn run(
    program: &str,
    arguments: &[String],
    limit: Duration,
    log: &Path,
    mut line: impl FnMut(&str),
) -> Result<Ended> {
    let mut log = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace::root()).stdin(Stdio::null());
    command.env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {program}"))?;
    let (sender, lines) = channel();
    read(child.stdout.take(), sender.clone());
    read(child.stderr.take(), sender);
    let end = Instant::now() + limit;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(text) => {
                writeln!(log, "{text}").context("writing the log")?;
                line(&text);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                stop(&mut child)?;
                return Ok(Ended::Badly(format!("not done within {} min", limit.as_secs() / 60)));
            }
        }
    }
    let status = child.wait().with_context(|| format!("waiting for {program}"))?;
    Ok(if status.success() { Ended::Well } else { Ended::Badly(status.to_string()) })
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

/// Ends it as Ctrl-C would, so that guests are cleaned up, and kills it if that does not help.
fn stop(child: &mut Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        rustix::process::kill_process(pid, rustix::process::Signal::INT).context("stopping")?;
    }
    for _ in 0..300 {
        if child.try_wait().context("stopping")?.is_some() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().context("killing")?;
    child.wait().context("killing").map(drop)
}
