//! Replaces a file by a new one, whole or not at all.
//!
//! A symbolic link stays a link: what it points to is replaced. yq writes through the link instead,
//! byte by byte; the outcome is the same, but never half of it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid, fchown};

use crate::Error;

/// Names that are tried for the temporary file.
const ATTEMPTS: u32 = 100;

pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), Error> {
    try_replace(path, contents).map_err(|source| Error::File {
        action: "replacing",
        path: path.display().to_string(),
        source,
    })
}

fn try_replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let target = path.canonicalize()?;
    let before = target.metadata()?;
    if !before.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let folder = target.parent().unwrap_or(Path::new("/"));
    let (mut file, temporary) = create(folder, &target)?;
    let mut complete = || -> io::Result<()> {
        file.write_all(contents)?;
        // The owner first: a change of it takes away special bits of the mode.
        fchown(&file, Some(Uid::from_raw(before.uid())), Some(Gid::from_raw(before.gid())))?;
        file.set_permissions(std::fs::Permissions::from_mode(before.mode() & 0o7777))?;
        file.sync_all()?;
        std::fs::rename(&temporary, &target)
    };
    if let Err(error) = complete() {
        // The first fault is the one to tell.
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

/// A new file beside the target, which only the owner can read.
fn create(folder: &Path, target: &Path) -> io::Result<(File, PathBuf)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().take(40).collect();
    let mut last = io::Error::other("no name is free for a temporary file");
    for attempt in 0..ATTEMPTS {
        let path = folder.join(format!(".{name}.{}-{attempt}.yq-new", std::process::id()));
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}
