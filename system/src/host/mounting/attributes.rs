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
    let depth = if bind == Bind::Tree { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a literal text with its end, and the structure is a live local of the
    // size that is given.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | depth,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
