//! Shares whose files belong to somebody else by number, shown as somebody's own (id-mapped mounts,
//! Linux 5.12 and later; `mount_setattr(2)`). The file system has to allow it: few shares do.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, UnmountFlags, move_mount, open_tree, unmount};

use super::options::Bind;
use super::{attributes, userns};
use crate::tree::Tree;
use crate::{GuestPath, Links, Owner};

/// Puts a mapped copy of the mount in its place. If the kernel refuses the mapping, nothing changes.
pub(in crate::host) fn exchange(
    tree: &Tree,
    target: &GuestPath,
    one: Owner,
    other: Owner,
) -> io::Result<()> {
    let old = tree.mount_point(target, Links::Follow)?;
    let path = crate::tree::descriptor(&old);
    let copy = open_tree(CWD, &path, Bind::Folder.flags())?;
    let namespace = userns::exchanging(one, other)?;
    attributes::map_ids(copy.as_fd(), namespace.as_fd())?;
    unmount(&path, UnmountFlags::DETACH)?;
    drop(old);
    let place = tree.mount_point(target, Links::Follow)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(&copy, c"", &place, c"", flags)?)
}
