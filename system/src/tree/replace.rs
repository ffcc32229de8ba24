//! The writing half of [`Tree`]: the one place where files are replaced.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use super::Tree;
use crate::{Attrs, Change, FileKind, GuestPath, Links, Owner, WriteError};

/// The extended attribute with the label of `SELinux`, and its largest size in bytes (one page).
const LABEL: &str = "security.selinux";
const LABEL_LIMIT: usize = 4096;

impl Tree {
    pub(crate) fn write(
        &mut self,
        path: &GuestPath,
        contents: &[u8],
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        let at = |source| write_error(path, source);
        let folder = self.make_folder(&path.parent(), links).map_err(at)?;
        if self.is_same(&folder, path, contents, attrs).map_err(at)? {
            return Ok(Change::Unchanged);
        }
        self.replace(&folder, path, contents, attrs).map_err(at)?;
        Ok(Change::Changed)
    }

    pub(crate) fn make_dir(
        &mut self,
        path: &GuestPath,
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        let at = |source| write_error(path, source);
        let before = self.stat_raw(path).ok();
        let folder = self.make_folder(path, links).map_err(at)?;
        if let Some(stat) = before
            && stat.kind == FileKind::Dir
            && (stat.mode, stat.owner) == (attrs.mode, attrs.owner)
        {
            return Ok(Change::Unchanged);
        }
        self.set_owner(folder.as_fd(), path, attrs.owner).map_err(at)?;
        fs::fchmod(&folder, Mode::from_raw_mode(attrs.mode)).map_err(|e| at(e.into()))?;
        Ok(Change::Changed)
    }

    pub(crate) fn link(&mut self, path: &GuestPath, target: &str) -> Result<Change, WriteError> {
        let mut make = || -> io::Result<Change> {
            let folder = self.make_folder(&path.parent(), Links::Follow)?;
            if let Ok(now) = fs::readlinkat(&folder, path.name(), Vec::new())
                && now.as_bytes() == target.as_bytes()
            {
                return Ok(Change::Unchanged);
            }
            let temporary = temporary_name(path);
            clear(&folder, &temporary)?;
            fs::symlinkat(target, &folder, &temporary)?;
            or_clear(&folder, &temporary, finish(&folder, &temporary, path.name()))?;
            Ok(Change::Changed)
        };
        make().map_err(|source| write_error(path, source))
    }

    pub(crate) fn remove(&mut self, path: &GuestPath) -> Result<Change, WriteError> {
        let take = || -> io::Result<Change> {
            let stat = match self.stat_raw(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Change::Unchanged);
                }
                other => other?,
            };
            let folder = self.open_folder(&path.parent(), Links::Follow)?;
            let is_dir = stat.kind == FileKind::Dir;
            let flags = if is_dir { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            fs::unlinkat(&folder, path.name(), flags)?;
            fs::fsync(&folder)?;
            Ok(Change::Changed)
        };
        take().map_err(|source| write_error(path, source))
    }

    /// Writes to a kernel file that exists; it can be neither made nor replaced.
    pub(crate) fn tell(&mut self, path: &GuestPath, value: &str) -> Result<Change, WriteError> {
        let put = || -> io::Result<Change> {
            // Root may open a file that nobody may read, and is refused when it reads.
            let is_readable = self.stat_raw(path)?.mode & 0o444 != 0;
            let read = || self.read(path, 64 * 1024).map_err(io::Error::other);
            let now = if is_readable { read()? } else { None };
            if now.is_some_and(|now| now.trim_ascii_end() == value.as_bytes()) {
                return Ok(Change::Unchanged);
            }
            let mut file = File::from(self.open_in_root(path, OFlags::WRONLY)?);
            file.write_all(value.as_bytes())?;
            Ok(Change::Changed)
        };
        put().map_err(|source| write_error(path, source))
    }

    pub(crate) fn set_mode(&mut self, path: &GuestPath, mode: u32) -> Result<Change, WriteError> {
        let set = || -> io::Result<Change> {
            let flags = OFlags::PATH | OFlags::NOFOLLOW;
            let file = self.open_under(path, Links::Follow, flags)?;
            let now = fs::fstat(&file)?.st_mode;
            if FileType::from_raw_mode(now) == FileType::Symlink {
                return Err(Errno::LOOP.into());
            }
            if now & 0o7777 == mode {
                return Ok(Change::Unchanged);
            }
            let name = format!("/proc/self/fd/{}", file.as_raw_fd());
            fs::chmod(name, Mode::from_raw_mode(mode))?;
            Ok(Change::Changed)
        };
        set().map_err(|source| write_error(path, source))
    }

    /// Opens a folder, making what is missing (root, 0755).
    pub(crate) fn make_folder(&mut self, dir: &GuestPath, links: Links<'_>) -> io::Result<OwnedFd> {
        match self.open_folder(dir, links) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !dir.name().is_empty() => {
                let parent = self.make_folder(&dir.parent(), links)?;
                match fs::mkdirat(&parent, dir.name(), Mode::from_raw_mode(0o755)) {
                    Ok(()) => fs::fsync(&parent)?,
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let made = self.open_folder(dir, links)?;
                // The mode of mkdir is cut by the umask.
                fs::fchmod(&made, Mode::from_raw_mode(0o755))?;
                Ok(made)
            }
            other => other,
        }
    }

    fn is_same(
        &self,
        folder: &OwnedFd,
        path: &GuestPath,
        contents: &[u8],
        attrs: Attrs,
    ) -> io::Result<bool> {
        let stat = match self.stat_raw(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        if stat.kind != FileKind::File
            || (stat.mode, stat.owner) != (attrs.mode, attrs.owner)
            || stat.size != contents.len() as u64
        {
            return Ok(false);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(fs::openat(folder, path.name(), flags, Mode::empty())?);
        let mut now = Vec::with_capacity(contents.len());
        file.take(contents.len() as u64 + 1).read_to_end(&mut now)?;
        Ok(now == contents)
    }

    fn replace(
        &mut self,
        folder: &OwnedFd,
        path: &GuestPath,
        contents: &[u8],
        attrs: Attrs,
    ) -> io::Result<()> {
        let temporary = temporary_name(path);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        clear(folder, &temporary)?;
        let file = fs::openat(folder, &temporary, flags, Mode::from_raw_mode(0o600))?;
        let complete = |tree: &mut Self| -> io::Result<()> {
            tree.set_owner(file.as_fd(), path, attrs.owner)?;
            fs::fchmod(&file, Mode::from_raw_mode(attrs.mode))?;
            copy_label(folder, path.name(), file.as_fd())?;
            let mut file = File::from(file);
            file.write_all(contents)?;
            file.sync_all()?;
            finish(folder, &temporary, path.name())
        };
        or_clear(folder, &temporary, complete(self))
    }

    fn set_owner(&mut self, fd: BorrowedFd<'_>, path: &GuestPath, owner: Owner) -> io::Result<()> {
        match &mut self.owners {
            Some(owners) if owner == Owner::ROOT => {
                owners.remove(path);
            }
            Some(owners) => {
                owners.insert(path.clone(), owner);
            }
            None => fs::fchown(
                fd,
                Some(fs::Uid::from_raw(owner.uid)),
                Some(fs::Gid::from_raw(owner.gid)),
            )?,
        }
        Ok(())
    }
}

/// Removes what a power cut left behind under the temporary name.
fn clear(folder: &OwnedFd, temporary: &str) -> io::Result<()> {
    match fs::unlinkat(folder, temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn or_clear(folder: &OwnedFd, temporary: &str, done: io::Result<()>) -> io::Result<()> {
    if done.is_err() {
        // The first fault is the one to tell; a leftover is removed by the next write.
        let _ = clear(folder, temporary);
    }
    done
}

/// `SELinux` gives a new file the label of its folder. A file that had another one, such as
/// `/etc/shadow`, must keep it, or its readers are refused.
fn copy_label(folder: &OwnedFd, name: &str, new: BorrowedFd<'_>) -> io::Result<()> {
    let Some(label) = label_of(folder, name)? else { return Ok(()) };
    if read_label(new)?.as_ref() == Some(&label) {
        return Ok(());
    }
    Ok(fs::fsetxattr(new, LABEL, &label, XattrFlags::empty())?)
}

fn label_of(folder: &OwnedFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {}
        Ok(_) | Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => read_label(file.as_fd()),
        // Taken away since the look at it.
        Err(Errno::NOENT | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_label(file: BorrowedFd<'_>) -> io::Result<Option<Vec<u8>>> {
    let mut label = vec![0; LABEL_LIMIT];
    match fs::fgetxattr(file, LABEL, &mut label[..]) {
        Ok(length) => {
            label.truncate(length);
            Ok(Some(label))
        }
        // No label, or a file system that has none; NOTSUP is the same number.
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn finish(folder: &OwnedFd, temporary: &str, name: &str) -> io::Result<()> {
    fs::renameat(folder, temporary, folder, name)?;
    fs::fsync(folder)?;
    Ok(())
}

/// One fixed name for each target: a leftover of a power cut is found and replaced.
///
/// **Only one process may write below one root at a time**: a second one would take the half-written
/// file of the first for a leftover. The agent holds a lock for a whole run; the account files have
/// the lock of shadow's tools besides.
fn temporary_name(path: &GuestPath) -> String {
    let name: String = path.name().chars().take(40).collect();
    format!(".{name}.nixvm-new")
}

fn write_error(path: &GuestPath, source: io::Error) -> WriteError {
    let path = path.clone();
    match source.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::LOOP | Errno::NOTDIR) => WriteError::LinkInTheWay { path },
        Some(Errno::ROFS) => WriteError::ReadOnly { path },
        _ => WriteError::Write { path, source },
    }
}
