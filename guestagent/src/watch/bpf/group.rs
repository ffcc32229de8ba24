//! The root of control groups: a program there runs for the sockets of all.

use rustix::fs::{Access, AtFlags, FsWord, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;

/// Where systemd mounts version 2, alone or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// `CGROUP2_SUPER_MAGIC`.
const VERSION_2: FsWord = 0x6367_7270;
/// Every group has it but the root.
const NOT_IN_ROOT: &str = "cgroup.events";

/// Opens it.
///
/// # Errors
/// Version 2 is not mounted where it usually is, or in a container: what is
/// seen there is not the root.
pub fn root() -> io::Result<OwnedFd> {
    let found = MOUNTS.iter().find_map(|mount| open(mount).transpose());
    let group = found.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))?;
    match rustix::fs::accessat(&group, NOT_IN_ROOT, Access::EXISTS, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(group),
        Ok(()) => Err(io::Error::other("what is mounted is not the root")),
        Err(error) => Err(error.into()),
    }
}

/// None if it is something else.
fn open(mount: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = match rustix::fs::open(mount, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        opened => opened?,
    };
    let kind = rustix::fs::fstatfs(&opened)?.f_type;
    Ok((kind == VERSION_2).then_some(opened))
}
