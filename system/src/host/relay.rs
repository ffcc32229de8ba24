//! The output of a program on its way to the journal.
//!
//! The program writes into a pipe and the agent passes that on while it waits, keeping the end of
//! it. Daemons that the program leaves may go on writing: then the reading end goes to a `cat`, which
//! ends with the last of them, since a pipe without a reader would kill whoever writes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::Arc;

use rustix::fs::{Gid, OFlags, Uid, fchown, fcntl_setfl};

use super::run::{TAIL, find};
use crate::{Credentials, LogFile, Voice};

/// Where journald takes streams. The protocol (systemd, journald-stream.c): seven lines, which are
/// the identifier, the unit, the priority, whether lines may carry one themselves, and whether they
/// also go to syslog, the kernel's log and the console; from then on all is text.
const JOURNAL: &str = "/run/systemd/journal/stdout";
const INFO: u8 = 6;
const CHUNK: usize = 16 * 1024;

pub(super) struct Relay {
    /// `None` once all writers are gone.
    source: Option<File>,
    sink: File,
    log: Option<Arc<LogFile>>,
    tail: Vec<u8>,
}

impl Relay {
    /// The relay, and the end for the program. A user's program is given its end, or it could not
    /// open it again by the name `/dev/stderr`.
    pub(super) fn open(
        identifier: &str,
        user: Option<&Credentials>,
        log: Option<&Arc<LogFile>>,
    ) -> io::Result<(Self, File)> {
        let (reader, writer) = io::pipe()?;
        if let Some(user) = user {
            fchown(&writer, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))?;
        }
        let source = File::from(OwnedFd::from(reader));
        fcntl_setfl(&source, OFlags::NONBLOCK)?;
        // Without a journal, a container for example, the output joins the agent's own.
        let sink = match journal(identifier) {
            Ok(stream) => File::from(OwnedFd::from(stream)),
            Err(_) => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        let log = log.cloned();
        let relay = Self { source: Some(source), sink, log, tail: Vec::new() };
        Ok((relay, File::from(OwnedFd::from(writer))))
    }

    /// What to wait on.
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_ref().map(AsFd::as_fd)
    }

    /// Passes on what is there now, at most one chunk. `false` if there is nothing more.
    pub(super) fn pass_on(&mut self) -> bool {
        let Some(source) = &mut self.source else { return false };
        let mut buffer = [0; CHUNK];
        let bytes = match source.read(&mut buffer) {
            Ok(0) => {
                self.source = None;
                return false;
            }
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) => return error.kind() == io::ErrorKind::Interrupted,
        };
        // A journal that refuses must not stop the program.
        let _ = self.sink.write_all(bytes);
        if let Some(log) = &self.log {
            // Nor a log that is full.
            let _ = log.add(bytes, Voice::Program);
        }
        self.tail.extend(bytes);
        let limit = usize::try_from(TAIL).unwrap_or(usize::MAX);
        self.tail.drain(..self.tail.len().saturating_sub(limit));
        true
    }

    /// After the program: its last words; the pipe goes to whoever still holds the other end.
    pub(super) fn finish(mut self) -> String {
        let chunks = usize::try_from(TAIL).unwrap_or(usize::MAX) / CHUNK;
        // The pipe holds 64 KiB; a daemon that writes without end is left to the next reader.
        let _ = (0..=chunks).take_while(|_| self.pass_on()).count();
        let tail = String::from_utf8_lossy(&self.tail).into_owned();
        if let Some(source) = self.source
            && let Err(error) = hand_over(source, self.sink)
        {
            eprintln!("nixvm-agent: keeping the output of a daemon: {error}");
        }
        tail
    }
}

fn journal(identifier: &str) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(JOURNAL)?;
    stream.shutdown(std::net::Shutdown::Read)?;
    stream.write_all(format!("{identifier}\n\n{INFO}\n1\n0\n0\n1\n").as_bytes())?;
    Ok(stream)
}

#[allow(clippy::zombie_processes, reason = "it ends with the daemon, long after the agent")]
fn hand_over(source: File, sink: File) -> io::Result<()> {
    if is_at_end(&source)? {
        return Ok(());
    }
    fcntl_setfl(&source, OFlags::empty())?;
    let cat = find("cat").ok_or(io::ErrorKind::NotFound)?;
    let mut process = std::process::Command::new(cat);
    process.env_clear().current_dir("/").stdin(source).stdout(sink).stderr(Stdio::null());
    // SAFETY: `setsid` is one system call; nothing is allocated between fork and exec.
    unsafe { process.pre_exec(|| Ok(rustix::process::setsid().map(drop)?)) };
    process.spawn().map(drop)
}

/// Whether nobody can write any more.
fn is_at_end(source: &File) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(source, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    let [fd] = &fds;
    Ok(fd.revents().contains(PollFlags::HUP) && !fd.revents().contains(PollFlags::IN))
}
