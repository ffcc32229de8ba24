//! User namespaces that exchange two owners with each other: what an id-mapped mount is made with.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};

use super::child;
use crate::Owner;
use crate::host::run::is_ready;

/// How long the kernel may take to make a namespace.
const LIMIT: Duration = Duration::from_secs(5);

/// A namespace in which the one owner is called the other and the other way round, and everybody
/// else is who they are. Nobody is without a name in it, so root can still write everywhere.
pub(super) fn exchanging(one: Owner, other: Owner) -> io::Result<OwnedFd> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    // SAFETY: the child makes system calls only, and leaves by `_exit` or by a signal.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => inhabit(&writer),
        pid => {
            drop(writer);
            let made = is_ready(&reader, LIMIT).and_then(|_| described(pid, &reader, one, other));
            child::reap(pid)?;
            made
        }
    }
}

/// A namespace lives as long as a process in it, or a descriptor of it.
fn inhabit(writer: &OwnedFd) -> ! {
    // SAFETY: plain system call.
    let is_made = unsafe { libc::unshare(libc::CLONE_NEWUSER) } == 0;
    if is_made {
        // If nobody reads, the parent has given up, and its signal is on the way.
        let _ = rustix::io::write(writer, b"!");
        // SAFETY: plain system call.
        unsafe { libc::pause() };
    }
    // SAFETY: ends this process, without running anything else.
    unsafe { libc::_exit(0) }
}

fn described(pid: libc::pid_t, reader: &OwnedFd, one: Owner, other: Owner) -> io::Result<OwnedFd> {
    if rustix::io::read(reader, &mut [0; 1])? != 1 {
        return Err(io::Error::other("the kernel makes no user namespace"));
    }
    std::fs::write(format!("/proc/{pid}/uid_map"), exchange(one.uid, other.uid))?;
    std::fs::write(format!("/proc/{pid}/gid_map"), exchange(one.gid, other.gid))?;
    Ok(File::open(format!("/proc/{pid}/ns/user"))?.into())
}

/// Lines of first id inside, first id outside, how many (`user_namespaces(7)`).
fn exchange(one: u32, other: u32) -> String {
    let (low, high) = (one.min(other), one.max(other));
    let rows = [
        (0, 0, low),
        (low, high, 1),
        (low.saturating_add(1), low.saturating_add(1), high.saturating_sub(low).saturating_sub(1)),
        (high, low, u32::from(low != high)),
        (high.saturating_add(1), high.saturating_add(1), u32::MAX - high.saturating_add(1)),
    ];
    let rows = rows.iter().filter(|(_, _, count)| *count > 0);
    rows.map(|(inside, outside, count)| format!("{inside} {outside} {count}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_else_is_who_they_are() {
        let all = |one, other| exchange(one, other).replace('\n', "|");
        assert_eq!(
            all(4711, 1000),
            "0 0 1000|1000 4711 1|1001 1001 3710|4711 1000 1|4712 4712 4294962583|"
        );
        assert_eq!(all(501, 502), "0 0 501|501 502 1|502 501 1|503 503 4294966792|");
        assert_eq!(all(20, 20), "0 0 20|20 20 1|21 21 4294967274|");
    }
}
