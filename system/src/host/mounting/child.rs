//! A process of its own for system calls that may never come back.
//!
//! A host that does not answer leaves the caller of `mount` in the kernel. A thread there would keep
//! the whole program from ending; a process can be left behind.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};

use super::recipe::Refusal;
use crate::host::run::is_ready;

/// How long a killed process may take to end. One that is stuck in the kernel for good is left to
/// PID 1.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What came of the work.
pub(super) enum Ended {
    /// It was done.
    Done,
    /// The kernel refused: its number and what the file system said.
    Refused(Errno, String),
    /// It did not end in time.
    Hung,
}

/// Runs `work` in a process of its own, for at most `limit`. `work` may only make system calls: no
/// allocation, no lock, no panic, for the fork may have happened beside other threads.
pub(super) fn run(
    limit: Duration,
    work: impl FnOnce() -> Result<(), Refusal>,
) -> io::Result<Ended> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    // SAFETY: the child makes system calls only, as this function asks of its callers, and leaves
    // by `_exit`, so it runs nothing that the parent registered.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            tell(&writer, work());
            // SAFETY: ends this process, without running anything else.
            unsafe { libc::_exit(0) }
        }
        pid => {
            drop(writer);
            let ended = hear(&reader, limit)?;
            reap(pid)?;
            Ok(ended)
        }
    }
}

/// Four bytes of number, 0 for "done", and the text. A pipe takes that much at once.
fn tell(writer: &OwnedFd, done: Result<(), Refusal>) {
    let mut message = [0; 4 + Refusal::WORD];
    let mut length = 4;
    if let Err(refusal) = done {
        for (to, from) in message.iter_mut().zip(refusal.errno.raw_os_error().to_ne_bytes()) {
            *to = from;
        }
        for (to, from) in message.iter_mut().skip(4).zip(refusal.word).take(refusal.length) {
            *to = from;
            length += 1;
        }
    }
    // Nobody is left to tell if this fails; the parent then sees the end of the pipe.
    let _ = rustix::io::write(writer, message.get(..length).unwrap_or(&message));
}

fn hear(reader: &OwnedFd, limit: Duration) -> io::Result<Ended> {
    if !is_ready(reader, limit)? {
        return Ok(Ended::Hung);
    }
    let mut message = [0; 4 + Refusal::WORD];
    let length = rustix::io::read(reader, &mut message)?;
    let (number, word) =
        message.get(..length).and_then(|it| it.split_first_chunk()).ok_or_else(|| {
            io::Error::other("the process that mounts ended before it could say what came of it")
        })?;
    Ok(match i32::from_ne_bytes(*number) {
        0 => Ended::Done,
        number => Ended::Refused(Errno::from_raw_os_error(number), plain(word)),
    })
}

/// The kernel's line without the letter that says how bad it is: `e virtio-fs: tag <x> not found`.
fn plain(word: &[u8]) -> String {
    let text = String::from_utf8_lossy(word);
    let text = text.trim();
    let kinds = ["e ", "w ", "i "];
    kinds.iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(text).to_owned()
}

pub(super) fn reap(pid: libc::pid_t) -> io::Result<()> {
    let Some(pid) = Pid::from_raw(pid) else { return Ok(()) };
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    // It has said all it had to say, or never will.
    kill_process(pid, Signal::KILL)?;
    if is_ready(&pidfd, LAST_WORDS)? {
        waitpid(Some(pid), WaitOptions::empty())?;
    }
    Ok(())
}
