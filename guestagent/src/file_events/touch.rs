//! Sets the time of one file on a share.
//!
//! Watchers in the guest see what the kernel makes of it (`fsnotify_change`): for
//! both times `IN_ATTRIB`, for the time of modification alone `IN_MODIFY`. Lima's
//! agent sets both, so what was made for Lima waits for `IN_ATTRIB`; but many
//! programs pass over it (in Go's fsnotify it is a "chmod") and reload only on
//! `IN_MODIFY`. So both are set first, then the one again.
//!
//! The time is set even if the file has it already: on a share it nearly always
//! has, since the share shows the host's, and only a call that succeeds is told to
//! watchers. The host sees our calls as changes too; Lima's passes over those
//! whose time is not 10 ms later than the last, so equal times end the circle. If
//! the host writes again before we are here, the file has the earlier time until
//! the message about that write comes; asking for the file's time first would not
//! help, since a share may answer from a cache.

use super::mounts::Share;
use super::reason::Reason;
use rustix::fd::OwnedFd;
use rustix::fs::{
    self, AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, Timespec, Timestamps, UTIME_OMIT,
};
use rustix::io::Errno;
use std::path::Path;

/// Sets the time, and lets watchers know. A file that has gone, and a share that
/// is or became read-only, are as good.
///
/// # Errors
/// The path leads out of the share, the share is not there any more, or the file's
/// time cannot be set.
pub fn touch(share: &Share, path: &Path, time: Timespec) -> Result<(), Reason> {
    let file = match open(share, path) {
        Ok(file) => file,
        Err(Reason::Touch(error)) => return excused(error),
        Err(reason) => return Err(reason),
    };
    let kept = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    [time, kept].into_iter().try_for_each(|last_access| {
        let times = Timestamps { last_access, last_modification: time };
        fs::utimensat(&file, c"", &times, AtFlags::EMPTY_PATH).or_else(excused)
    })
}

fn excused<T: Default>(error: Errno) -> Result<T, Reason> {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::STALE | Errno::ROFS => Ok(T::default()),
        error => Err(Reason::Touch(error)),
    }
}

/// Beneath the very mount that the table told of: no link is followed on the way
/// to it, and below it none that leads out or onto another mount.
fn open(share: &Share, path: &Path) -> Result<OwnedFd, Reason> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let strict = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let root = fs::openat2(CWD, &share.point, flags | OFlags::DIRECTORY, Mode::empty(), strict);
    let root = root.map_err(|_| Reason::Moved)?;
    if mount_of(&root).map_err(Reason::Touch)? != Some(share.id) {
        return Err(Reason::Moved);
    }
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    fs::openat2(&root, path, flags, Mode::empty(), beneath).map_err(|error| match error {
        Errno::XDEV | Errno::LOOP => Reason::Outside,
        error => Reason::Touch(error),
    })
}

/// The number of the mount that a descriptor is on, without asking the share.
fn mount_of(file: &OwnedFd) -> Result<Option<u64>, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = fs::statx(file, c"", flags, StatxFlags::MNT_ID)?;
    let known = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    Ok(known.then_some(found.stx_mnt_id))
}
