//! The mount table and mounting.

mod attributes;
mod child;
mod device;
mod driver;
mod helper;
mod options;
pub(super) mod ownership;
mod recipe;
mod userns;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;

use self::child::Ended;
use self::recipe::Recipe;
use crate::tree::Tree;
use crate::{GuestPath, Links, Mount, MountError, MountSpec};

/// `/proc/self/mountinfo`, oldest first, as far as it is below the root.
pub(super) fn table(tree: &Tree) -> Result<Vec<Mount>, MountError> {
    let unreadable = |source| MountError::Read { what: "/proc/self/mountinfo".to_owned(), source };
    let text = std::fs::read("/proc/self/mountinfo").map_err(unreadable)?;
    let root = tree.real_root().map_err(unreadable)?;
    let lines = text.split(|byte| *byte == b'\n').filter_map(line);
    Ok(lines
        .filter_map(|mount| Some(Mount { target: mount.target.rebased(&root)?, ..mount }))
        .collect())
}

/// `36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/root rw`: optional fields end at a lone `-`.
fn line(line: &[u8]) -> Option<Mount> {
    let text = std::str::from_utf8(line).ok()?;
    let (before, after) = text.split_once(" - ")?;
    let target = unescape(before.split(' ').nth(4)?);
    let mut after = after.split(' ');
    let fstype = after.next()?.to_owned();
    let source = unescape(after.next()?);
    Some(Mount { source, target: GuestPath::new(&target).ok()?, fstype })
}

/// The kernel writes blank, tab, line feed, backslash and sometimes `#` as three octal digits.
fn unescape(text: &str) -> String {
    let mut pieces = text.split('\\');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let coded = piece.split_at_checked(3).and_then(|(digits, rest)| {
            Some((char::from(u8::from_str_radix(digits, 8).ok()?), rest))
        });
        match coded {
            Some((letter, rest)) => out.extend([letter.encode_utf8(&mut [0; 4]), rest]),
            None => out.extend(["\\", piece]),
        }
    }
    out
}

/// Mounts. What the kernel does not do alone is done by `mount(8)`: to guess a type, to ask the
/// network for NFS, to make a device of a file.
pub(super) fn mount(
    tree: &Tree,
    spec: &MountSpec,
    links: Links<'_>,
    limit: Duration,
) -> Result<(), MountError> {
    let failed = |source: io::Error| MountError::of(spec, source);
    let options = options::divide(&spec.options);
    let folder = tree.mount_point(&spec.target, links).map_err(failed)?;
    if options.is_for_tool || options.bind.is_none() && helper::is_needed(&spec.fstype) {
        return helper::mount(tree, spec, &folder, limit);
    }
    let source = device::path(&spec.source);
    let recipe = Recipe::new(&source, &spec.fstype, &options).map_err(|nul| failed(nul.into()))?;
    attempt(tree, spec, &recipe, &folder, limit)
}

/// A driver that is not in the kernel yet is asked for, once.
fn attempt(
    tree: &Tree,
    spec: &MountSpec,
    recipe: &Recipe,
    folder: &OwnedFd,
    limit: Duration,
) -> Result<(), MountError> {
    let failed = |source: io::Error| MountError::of(spec, source);
    let mut is_loaded = false;
    loop {
        let (errno, word) = match child::run(limit, || recipe.make(folder.as_fd())) {
            Ok(Ended::Done) => return Ok(()),
            Ok(Ended::Hung) => return Err(MountError::hung(spec, limit)),
            Ok(Ended::Refused(errno, word)) => (errno, word),
            Err(error) => return Err(failed(error)),
        };
        if is_loaded
            || !driver::is_missing(&spec.fstype, errno)
            || !driver::load(tree, &spec.fstype)
        {
            return Err(failed(refused(errno, word)));
        }
        is_loaded = true;
    }
}

fn refused(errno: Errno, word: String) -> io::Error {
    let error = io::Error::from(errno);
    if word.is_empty() { error } else { io::Error::other(Said { error, word }) }
}

/// The kernel's number with the file system's own word.
#[derive(Debug, thiserror::Error)]
#[error("{word}: {error}")]
struct Said {
    error: io::Error,
    word: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_lines() {
        let got =
            line(br"36 35 98:0 / /mnt/a\040b rw,noatime master:1 shared:2 - 9p lima-0\134 rw");
        let want = Mount {
            source: "lima-0\\".to_owned(),
            target: GuestPath::new("/mnt/a b").unwrap(),
            fstype: "9p".to_owned(),
        };
        assert_eq!(got, Some(want));
        assert_eq!(line(b""), None);
        assert_eq!(line(b"nonsense - "), None);
    }
}
