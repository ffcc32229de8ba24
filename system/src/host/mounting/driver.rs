//! Drivers of file systems. The kernel asks for one by itself where it knows how to call `modprobe`;
//! this is for where it does not, and for the half of 9p that brings it to virtio.

use std::time::Duration;

use rustix::io::Errno;

use crate::host::run;
use crate::tree::Tree;
use crate::{Command, Ended};

/// Longest time of `modprobe`.
const LIMIT: Duration = Duration::from_secs(20);

/// Whether the refusal may only mean that a driver is not there yet.
pub(super) fn is_missing(fstype: &str, errno: Errno) -> bool {
    let is_there = |path: &str| rustix::fs::access(path, rustix::fs::Access::EXISTS).is_ok();
    match (fstype, errno) {
        (_, Errno::NODEV) => true,
        // No such tag, or nobody who would know.
        ("9p", _) => !is_there("/sys/bus/virtio/drivers/9pnet_virtio"),
        ("virtiofs", _) => !is_there("/sys/bus/virtio/drivers/virtiofs"),
        _ => false,
    }
}

/// Whether something was loaded.
pub(super) fn load(tree: &Tree, fstype: &str) -> bool {
    let mut names = vec!["-q", "-a", "--", fstype];
    if fstype == "9p" {
        names.push("9pnet_virtio");
    }
    let command = Command { limit: LIMIT, ..Command::tool("modprobe", &names) };
    // The refusal of the mount itself says what is the matter; that the driver could not be
    // loaded either adds nothing.
    matches!(run::run(tree, &command, None), Ok(finished) if finished.ended == Ended::Exit(0))
}
