//! Running `kubectl`, with no more rights than it needs.
//!
//! It runs as the owner of the kubeconfig, since that file may name programs
//! that it starts; as root it has no capabilities. It is alone in its process
//! group, has no standard input, and ends with us however we end.

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// A short command is done by then, or killed.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a short command may print.
const LONGEST: u64 = 64 << 10;
/// What is kept of standard error: its end says what went wrong.
const TAIL: usize = 400;
/// Standard error is read this long after the end; others may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// For programs that a kubeconfig names.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin";

/// A `kubectl` and its kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubectl {
    /// The program: `kubectl`, or `k3s` with that as its first argument.
    pub program: PathBuf,
    /// `KUBECONFIG`: one file or several, with colons between.
    pub config: OsString,
    /// The file whose owner it runs as.
    pub owned: PathBuf,
}

/// A running `kubectl`.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// What it prints.
    pub output: ChildStdout,
    errors: ChildStderr,
}

impl Kubectl {
    /// Runs to the end; the answer without blanks around it.
    ///
    /// # Errors
    /// It cannot be started, takes too long or fails.
    pub async fn ask(&self, arguments: &[&str]) -> Result<String, KubectlError> {
        let mut running = self.start(arguments)?;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, async {
            let mut output = (&mut running.output).take(LONGEST);
            let (read, errors) =
                tokio::join!(output.read_to_end(&mut answer), tail(&mut running.errors));
            read.map_err(KubectlError::Read)?;
            running.child.wait().await.map(|status| (status, errors)).map_err(KubectlError::Read)
        });
        let (status, errors) = ended.await.map_err(|_| KubectlError::Slow)??;
        let answer = String::from_utf8_lossy(&answer).trim().to_owned();
        // "no" is an answer, although it is told by the exit status too.
        if status.success() || answer == "no" {
            Ok(answer)
        } else {
            Err(KubectlError::Ended { status, errors })
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// The program is not to be run, or the kubeconfig is not to be had.
    pub fn start(&self, arguments: &[&str]) -> Result<Running, KubectlError> {
        let spawned = self.command(arguments).and_then(|mut command| command.spawn());
        let mut child = spawned
            .map_err(|source| KubectlError::Start { program: self.program.clone(), source })?;
        match (child.stdout.take(), child.stderr.take()) {
            (Some(output), Some(errors)) => Ok(Running { child, output, errors }),
            _ => Err(KubectlError::Read(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn command(&self, arguments: &[&str]) -> io::Result<Command> {
        let owner = std::fs::metadata(&self.owned)?;
        let mut command = Command::new(&self.program);
        if self.program.file_name().is_some_and(|name| name == "k3s") {
            command.arg("kubectl");
        }
        command
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", home(&self.owned))
            .env("KUBECONFIG", &self.config)
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if rustix::process::geteuid().is_root() {
            command.gid(owner.gid()).uid(owner.uid());
        }
        // SAFETY: `confine` makes system calls only, and allocates nothing.
        unsafe { command.pre_exec(confine) };
        Ok(command)
    }
}

/// The home folder, for kubectl's cache: where a kubeconfig usually lies.
fn home(config: &Path) -> &Path {
    let folder = config.parent().filter(|folder| folder.ends_with(".kube"));
    folder.and_then(Path::parent).unwrap_or(Path::new("/root"))
}

/// In the child, just before it becomes `kubectl`.
fn confine() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    // A program that root starts would have them all anew, but for the line
    // above: with it nobody gains what he has not. The other way, to lock root's
    // privilege, takes CAP_SETPCAP, which the unit does not leave us.
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    Ok(set_capabilities(None, sets)?)
}

impl Running {
    /// Follows what it prints with `read` until that ends or the program does;
    /// then what it said on standard error.
    pub async fn follow<T>(mut self, read: impl AsyncFnOnce(&mut ChildStdout) -> T) -> (T, String) {
        let done = tokio_util::sync::CancellationToken::new();
        let output = async {
            let result = read(&mut self.output).await;
            done.cancel();
            result
        };
        let mut kept = Vec::new();
        let errors = async {
            let late = async {
                done.cancelled().await;
                tokio::time::sleep(LAST_WORDS).await;
            };
            tokio::select! {
                () = keep_tail(&mut self.errors, &mut kept) => {}
                () = late => {}
            }
        };
        let (result, ()) = tokio::join!(output, errors);
        (result, one_line(&kept))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its number is its own until it was waited for. Gone is as good.
        let id = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = id {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn tail(errors: &mut ChildStderr) -> String {
    let mut kept = Vec::new();
    keep_tail(errors, &mut kept).await;
    one_line(&kept)
}

/// Reads to the end and keeps the last part. What cannot be read is the end.
async fn keep_tail(source: &mut (impl AsyncRead + Unpin), kept: &mut Vec<u8>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = source.read(&mut buffer).await {
        kept.extend_from_slice(buffer.get(..length).unwrap_or_default());
        kept.drain(..kept.len().saturating_sub(TAIL));
    }
}

/// Text of others, made fit for a line of ours.
fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let plain = text.replace(|c: char| c.is_control(), " ");
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Why `kubectl` did not answer.
#[derive(Debug, thiserror::Error)]
pub enum KubectlError {
    /// It did not begin.
    #[error("starting {program:?}: {source}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It did not end.
    #[error("kubectl took more than {} s", PATIENCE.as_secs())]
    Slow,
    /// It could not be read.
    #[error("reading what kubectl says: {0}")]
    Read(#[source] io::Error),
    /// It failed.
    #[error("kubectl ended with {status}: {errors}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said.
        errors: String,
    },
}
