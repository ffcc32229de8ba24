//! The file half of both implementations: everything below one folder, opened through its
//! descriptor with `openat2(RESOLVE_IN_ROOT)`, so neither `..` nor a link leads out of it.
//!
//! The only thing in which the host and a scratch folder differ is who owns a file: without root
//! `chown` is refused, so a scratch tree writes owners down.

mod replace;
mod waiting;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::{FileError, FileKind, GuestPath, Links, Owner, ReadAt, Stat};

/// A folder that is taken for `/`.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    /// `None`: owners are set for real. Otherwise they are kept here, by path.
    pub(crate) owners: Option<BTreeMap<GuestPath, Owner>>,
}

impl Tree {
    pub(crate) fn open(root: &str, owners: Option<BTreeMap<GuestPath, Owner>>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: fs::open(root, flags, Mode::empty())?, owners })
    }

    pub(crate) fn read(&self, path: &GuestPath, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        // A FIFO in a user's folder must not stop the boot.
        let opened = self.open_in_root(path, OFlags::RDONLY | OFlags::NONBLOCK);
        read_all(path, present(opened).and_then(checked), limit)
    }

    pub(crate) fn read_below(
        &self,
        path: &GuestPath,
        base: &GuestPath,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, FileError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        let opened = self.open_under(path, Links::RefuseBelow(base), flags);
        read_all(path, present(opened).and_then(checked), limit)
    }

    pub(crate) fn resolve(&self, path: &GuestPath) -> Result<Option<GuestPath>, FileError> {
        present(self.open_in_root(path, OFlags::PATH))
            .and_then(|fd| fd.map(|fd| self.path_of(&fd)).transpose())
            .map_err(|source| read_error(path, source))
    }

    /// What the kernel calls an open file, below the root.
    pub(crate) fn path_of(&self, fd: &OwnedFd) -> io::Result<GuestPath> {
        let outside = || io::Error::other("is not below the root");
        real_path(fd)?.rebased(&self.real_root()?).ok_or_else(outside)
    }

    /// What the kernel calls an open file, from the machine's own root.
    pub(crate) fn real_path(fd: &OwnedFd) -> io::Result<GuestPath> {
        real_path(fd)
    }

    /// Where the root itself lies.
    pub(crate) fn real_root(&self) -> io::Result<GuestPath> {
        real_path(&self.root)
    }

    pub(crate) fn open_at(&self, path: &GuestPath) -> Result<Option<Box<dyn ReadAt>>, FileError> {
        let opened = self.open_in_root(path, OFlags::RDONLY | OFlags::NONBLOCK);
        let file = present(opened).and_then(checked).map_err(|source| read_error(path, source))?;
        Ok(file.map(|file| Box::new(Bytes(file)) as Box<dyn ReadAt>))
    }

    pub(crate) fn stat(&self, path: &GuestPath) -> Result<Option<Stat>, FileError> {
        match self.stat_raw(path) {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(read_error(path, source)),
        }
    }

    pub(crate) fn list(&self, dir: &GuestPath) -> Result<Option<Vec<String>>, FileError> {
        let entries = || -> io::Result<Vec<String>> {
            let folder = self.open_in_root(dir, OFlags::RDONLY | OFlags::DIRECTORY)?;
            let mut names = Vec::new();
            for entry in fs::Dir::read_from(&folder)? {
                if let Ok(name) = entry?.file_name().to_str()
                    && !matches!(name, "." | "..")
                {
                    names.push(name.to_owned());
                }
            }
            names.sort();
            Ok(names)
        };
        match entries() {
            Ok(names) => Ok(Some(names)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(read_error(dir, source)),
        }
    }

    pub(crate) fn read_link(&self, path: &GuestPath) -> Result<Option<String>, FileError> {
        let target = || -> io::Result<String> {
            let parent = self.open_in_root(&path.parent(), OFlags::PATH | OFlags::DIRECTORY)?;
            let target = fs::readlinkat(&parent, path.name(), Vec::new())?;
            target.into_string().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
        };
        match target() {
            Ok(target) => Ok(Some(target)),
            // Not a link is "no link".
            Err(error) if is_absent(&error) || error.raw_os_error() == Some(22) => Ok(None),
            Err(source) => Err(read_error(path, source)),
        }
    }

    /// Gives a file or folder another name; nothing may have that name yet.
    pub(crate) fn rename(&self, old: &GuestPath, new: &GuestPath) -> io::Result<()> {
        let folder =
            |path: &GuestPath| self.open_in_root(&path.parent(), OFlags::PATH | OFlags::DIRECTORY);
        let flags = fs::RenameFlags::NOREPLACE;
        Ok(fs::renameat_with(&folder(old)?, old.name(), &folder(new)?, new.name(), flags)?)
    }

    /// A folder's descriptor, for starting a program in it.
    pub(crate) fn folder(&self, path: &GuestPath) -> io::Result<OwnedFd> {
        self.open_in_root(path, OFlags::PATH | OFlags::DIRECTORY)
    }

    /// A folder's descriptor, for mounting on it.
    pub(crate) fn mount_point(&self, path: &GuestPath, links: Links<'_>) -> io::Result<OwnedFd> {
        self.open_under(path, links, OFlags::PATH | OFlags::DIRECTORY)
    }

    fn stat_raw(&self, path: &GuestPath) -> io::Result<Stat> {
        let parent = self.open_in_root(&path.parent(), OFlags::PATH | OFlags::DIRECTORY)?;
        let name = if path.name().is_empty() { "." } else { path.name() };
        let stat = fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let owner = match &self.owners {
            None => Owner { uid: stat.st_uid, gid: stat.st_gid },
            Some(owners) => owners.get(path).copied().unwrap_or(Owner::ROOT),
        };
        Ok(Stat {
            kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
            mode: stat.st_mode & 0o7777,
            owner,
            size: u64::try_from(stat.st_size).unwrap_or(0),
        })
    }

    fn open_in_root(&self, path: &GuestPath, flags: OFlags) -> io::Result<OwnedFd> {
        resolve(&self.root, path.relative(), flags, ResolveFlags::IN_ROOT)
    }

    fn open_folder(&self, dir: &GuestPath, links: Links<'_>) -> io::Result<OwnedFd> {
        self.open_under(dir, links, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Opens under the rule for links.
    fn open_under(&self, path: &GuestPath, links: Links<'_>, flags: OFlags) -> io::Result<OwnedFd> {
        if let Links::RefuseBelow(base) = links
            && let Some(rest) = path.below(base)
        {
            let base = self.open_in_root(base, OFlags::PATH | OFlags::DIRECTORY)?;
            let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            return resolve(&base, rest, flags, how);
        }
        self.open_in_root(path, flags)
    }
}

/// `openat2`, tried again when the kernel says that a rename raced with it.
fn resolve(at: &OwnedFd, path: &str, flags: OFlags, how: ResolveFlags) -> io::Result<OwnedFd> {
    let mut tries = 0;
    loop {
        match fs::openat2(at, path, flags | OFlags::CLOEXEC, Mode::empty(), how) {
            Err(Errno::AGAIN) if tries < 64 => tries += 1,
            other => return Ok(other?),
        }
    }
}

/// `None` if it is not there.
fn present(opened: io::Result<OwnedFd>) -> io::Result<Option<OwnedFd>> {
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What can be read to its end: neither a folder nor something that waits for a writer.
fn checked(opened: Option<OwnedFd>) -> io::Result<Option<File>> {
    let Some(file) = opened.map(File::from) else { return Ok(None) };
    match FileType::from_raw_mode(fs::fstat(&file)?.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => Ok(Some(file)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file")),
    }
}

fn read_all(
    path: &GuestPath,
    opened: io::Result<Option<File>>,
    limit: u64,
) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |source| read_error(path, source);
    let Some(file) = opened.map_err(failed)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge { path: path.clone(), limit });
    }
    Ok(Some(bytes))
}

/// The kernel's name for an open file.
fn real_path(fd: &OwnedFd) -> io::Result<GuestPath> {
    let link = fs::readlink(descriptor(fd), Vec::new())?;
    let link = link.into_string().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    GuestPath::new(&link).map_err(io::Error::other)
}

/// A path that leads to an open file, whatever its name is now.
pub(crate) fn descriptor(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn read_error(path: &GuestPath, source: io::Error) -> FileError {
    FileError::Read { path: path.clone(), source }
}

fn kind_of(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Dir,
        FileType::Symlink => FileKind::Link,
        FileType::BlockDevice => FileKind::Block,
        _ => FileKind::Other,
    }
}

/// An open file or device as bytes.
pub(crate) struct Bytes(pub(crate) File);

impl ReadAt for Bytes {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        // Seeking tells the size of files and of block devices alike.
        Ok(fs::seek(&self.0, fs::SeekFrom::End(0))?)
    }
}
