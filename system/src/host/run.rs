//! Running programs: a session of its own, an environment of its own, a limit.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::relay::Relay;
use crate::tree::Tree;
use crate::{Command, CommandError, Credentials, Ended, Finished, LogFile, Output};

/// How much of a program's output is kept.
pub(super) const TAIL: u64 = 64 * 1024;

/// The file of a program on [`Command::PATH`], if it is there and executable.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program));
    }
    Command::PATH
        .split(':')
        .map(|dir| Path::new(dir).join(program))
        .find(|path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok())
}

pub(super) fn run(
    tree: &Tree,
    command: &Command,
    log: Option<&Arc<LogFile>>,
) -> Result<Finished, CommandError> {
    let path = find(&command.program)
        .ok_or_else(|| CommandError::NotFound { program: command.program.clone() })?;
    let start = |source| CommandError::Start { program: command.program.clone(), source };
    let (capture, mut relay) = match &command.output {
        Output::Capture => (Some(anonymous_file().map_err(start)?), None),
        Output::Inherit => (None, None),
        Output::Journal(identifier) => {
            let (relay, end) =
                Relay::open(identifier, command.user.as_ref(), log).map_err(start)?;
            (Some(end), Some(relay))
        }
    };
    let cwd = tree.folder(&command.cwd).map_err(start)?;
    let child = spawn(&path, command, &cwd, capture.as_ref())
        .map_err(|error| explain(command, &path, error))?;
    // The program's end of the pipe is the program's alone: else its end would never be seen.
    let capture = capture.filter(|_| relay.is_none());
    let ended = wait(child, command.limit, relay.as_mut()).map_err(start)?;
    let tail = match relay {
        Some(relay) => Ok(relay.finish()),
        None => capture.map_or(Ok(String::new()), tail_of),
    };
    Ok(Finished { ended, tail: tail.map_err(start)? })
}

fn spawn(
    path: &Path,
    command: &Command,
    cwd: &OwnedFd,
    capture: Option<&File>,
) -> io::Result<Child> {
    match configure(path, command, cwd, capture)?.args(&command.args).spawn() {
        // No first line with an interpreter: every shell reads such a file as a script for sh.
        Err(error) if error.raw_os_error() == Some(libc::ENOEXEC) => {
            configure(Path::new("/bin/sh"), command, cwd, capture)?
                .arg(path)
                .args(&command.args)
                .spawn()
        }
        other => other,
    }
}

fn configure(
    path: &Path,
    command: &Command,
    cwd: &OwnedFd,
    capture: Option<&File>,
) -> io::Result<std::process::Command> {
    let mut process = std::process::Command::new(path);
    process.env_clear().env("PATH", Command::PATH).envs(command.env.iter().cloned());
    // The descriptor is still open between fork and exec, and no link can be put in its place.
    process.current_dir(format!("/proc/self/fd/{}", cwd.as_raw_fd()));
    process.stdin(Stdio::null());
    if let Some(arg0) = &command.arg0 {
        process.arg0(arg0);
    }
    if let Some(file) = capture {
        process.stdout(file.try_clone()?).stderr(file.try_clone()?);
    }
    let user = command.user.clone();
    // SAFETY: `detach` only makes system calls; it neither allocates nor takes a lock, so it may run
    // between fork and exec.
    unsafe { process.pre_exec(move || detach(user.as_ref())) };
    Ok(process)
}

/// A new session, and with it a new process group. Without the session a script of a user would
/// keep root's terminal, where there is one, and could type into it (TIOCSTI).
fn detach(user: Option<&Credentials>) -> io::Result<()> {
    rustix::process::setsid()?;
    user.map_or(Ok(()), become_user)
}

/// Drops root for good: groups first, user last.
fn become_user(user: &Credentials) -> io::Result<()> {
    let check = |done: libc::c_int| {
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: the pointer and the length are those of one live slice of gid_t.
    check(unsafe { libc::setgroups(user.groups.len() as _, user.groups.as_ptr()) })?;
    // SAFETY: plain system call.
    check(unsafe { libc::setgid(user.gid) })?;
    // SAFETY: plain system call.
    check(unsafe { libc::setuid(user.uid) })
}

/// Waits for the process, not for the end of its output: daemons that it leaves may hold that open.
fn wait(mut child: Child, limit: Duration, mut relay: Option<&mut Relay>) -> io::Result<Ended> {
    let pid = Pid::from_child(&child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let deadline = Instant::now().checked_add(limit);
    loop {
        let left = deadline.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
        let output = relay.as_deref().and_then(Relay::source);
        match poll_both(&pidfd, output, left)? {
            Ready::Nothing => {
                // ESRCH: it ended this very moment.
                let _ = kill_process_group(pid, Signal::KILL);
                child.wait()?;
                return Ok(Ended::TimedOut);
            }
            Ready::End => return child.wait().map(ended),
            Ready::Output => {
                if let Some(relay) = relay.as_deref_mut() {
                    relay.pass_on();
                }
            }
            Ready::Again => {}
        }
    }
}

/// Whether a descriptor becomes readable within the limit; that of a process does when it ends.
pub(super) fn is_ready(fd: impl AsFd, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now().checked_add(limit);
    loop {
        let left = deadline.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

/// What happened first.
enum Ready {
    Nothing,
    End,
    Output,
    Again,
}

fn poll_both(end: &OwnedFd, output: Option<BorrowedFd<'_>>, left: Duration) -> io::Result<Ready> {
    let timeout = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    let mut fds = vec![PollFd::new(end, PollFlags::IN)];
    fds.extend(output.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    match poll(&mut fds, Some(&timeout)) {
        Err(rustix::io::Errno::INTR) => Ok(Ready::Again),
        Err(error) => Err(error.into()),
        Ok(_) if fds.first().is_some_and(|fd| !fd.revents().is_empty()) => Ok(Ready::End),
        // A program that writes without end must not hide that its time is over.
        Ok(_) if left.is_zero() => Ok(Ready::Nothing),
        Ok(0) => Ok(Ready::Again),
        Ok(_) => Ok(Ready::Output),
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, signal) => Ended::Signal(signal.unwrap_or(0)),
    }
}

/// A file without a name for the output: never blocks a writer, unlike a pipe.
fn anonymous_file() -> io::Result<File> {
    let fd = rustix::fs::memfd_create("nixvm-output", rustix::fs::MemfdFlags::CLOEXEC)?;
    // Both streams append, so neither writes over the other.
    rustix::fs::fcntl_setfl(&fd, rustix::fs::OFlags::APPEND)?;
    Ok(File::from(fd))
}

fn tail_of(mut file: File) -> io::Result<String> {
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// "No such file" for a file that is there means that its interpreter is not.
fn explain(command: &Command, path: &Path, source: io::Error) -> CommandError {
    let program = command.program.clone();
    if source.kind() != io::ErrorKind::NotFound {
        return CommandError::Start { program, source };
    }
    let interpreter = File::open(path).ok().and_then(|file| {
        let mut line = Vec::new();
        file.take(256).read_to_end(&mut line).ok()?;
        let line = line.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned)
    });
    match interpreter {
        Some(interpreter) => CommandError::NoInterpreter { program, interpreter },
        None => CommandError::NotFound { program },
    }
}

/// User and system CPU time of this process or of its waited-for children.
pub(super) fn cpu_of(who: libc::c_int) -> Duration {
    // SAFETY: `rusage` is plain data for which all zeroes is a valid value, and the pointer is to
    // a live local of that type.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &raw mut usage);
        usage
    };
    let time = |value: libc::timeval| {
        Duration::new(u64::try_from(value.tv_sec).unwrap_or(0), 0)
            + Duration::from_micros(u64::try_from(value.tv_usec).unwrap_or(0))
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}
