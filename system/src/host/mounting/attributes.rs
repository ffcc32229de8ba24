//! `mount_setattr(2)`, Linux 5.12 and later, which rustix does not have.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::options::Bind;

/// Adds attributes to a mount that is in no place yet.
pub(super) fn set(mount: BorrowedFd<'_>, bind: Bind, attrs: MountAttrFlags) -> Result<(), Errno> {
    // The times of access are a field of several bits, which has to be emptied first.
    let times = MountAttrFlags::MOUNT_ATTR__ATIME.bits();
    let is_timed = attrs.bits() & times != 0;
    let attr = libc::mount_attr {
        attr_set: u64::from(attrs.bits()),
        attr_clr: if is_timed { u64::from(times) } else { 0 },
        propagation: 0,
        userns_fd: 0,
    };
    call(mount, if bind == Bind::Tree { libc::AT_RECURSIVE } else { 0 }, &attr)
}

/// Shows the owners of files as the user namespace calls them.
pub(super) fn map_ids(mount: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    let attr = libc::mount_attr {
        attr_set: u64::from(MountAttrFlags::MOUNT_ATTR_IDMAP.bits()),
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::try_from(namespace.as_raw_fd()).map_err(|_| Errno::BADF)?,
    };
    call(mount, 0, &attr)
}

fn call(mount: BorrowedFd<'_>, flags: i32, attr: &libc::mount_attr) -> Result<(), Errno> {
    // SAFETY: the path is a literal text with its end, and the structure is a live one of the size
    // that is given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            &raw const *attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
