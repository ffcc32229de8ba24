//! Mounts that `mount(8)` makes: of a type that is to be guessed or has a helper of its own, and of
//! files.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{Access, access};

use crate::host::run;
use crate::tree::Tree;
use crate::{Command, Ended, MountError, MountSpec};

/// Whether the type is unknown or has a helper, for example `mount.nfs`.
pub(super) fn is_needed(fstype: &str) -> bool {
    if fstype == "auto" || fstype.starts_with("fuse.") {
        return true;
    }
    let is_name = !fstype.contains('/');
    let is_there =
        |folder: &str| access(format!("{folder}/mount.{fstype}"), Access::EXEC_OK).is_ok();
    is_name && Command::PATH.split(':').any(is_there)
}

pub(super) fn mount(
    tree: &Tree,
    spec: &MountSpec,
    folder: &OwnedFd,
    limit: Duration,
) -> Result<(), MountError> {
    let failed = |source: io::Error| MountError::of(spec, source);
    // The kernel's name of the folder that was checked, without links.
    let target = Tree::real_path(folder).map_err(failed)?;
    let options = if spec.options.is_empty() { "defaults" } else { &spec.options };
    let args = ["-n", "-t", &spec.fstype, "-o", options, "--", &spec.source, target.as_str()];
    let command = Command { limit, ..Command::tool("mount", &args) };
    let finished =
        run::run(tree, &command, None).map_err(|error| failed(io::Error::other(error)))?;
    match finished.ended {
        Ended::Exit(0) => Ok(()),
        Ended::TimedOut => Err(MountError::hung(spec, limit)),
        _ => Err(failed(io::Error::other(finished.tail.trim().to_owned()))),
    }
}
