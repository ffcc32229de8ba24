//! [`Files`]: reading and replacing files below a root.

use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::GuestPath;

/// A lock that is held while this value lives.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "closing it is what it is for")] pub(crate) OwnedFd);

/// Files below the root. Only "there is no such file" is `None`; every other fault is an error,
/// because absent is not unreadable.
pub trait Files {
    /// The whole file, following links inside the root. `limit` is the most bytes that are read; a
    /// larger file is an error, so that no input can fill the memory.
    fn read(&self, path: &GuestPath, limit: u64) -> Result<Option<Vec<u8>>, FileError>;

    /// Like [`Files::read`], but refuses a file that is a link, and every link below `base`: it
    /// belongs to a user, who can put one there at any moment, also after a look with
    /// [`Files::stat`].
    fn read_below(
        &self,
        path: &GuestPath,
        base: &GuestPath,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, FileError>;

    /// The path without links: what the kernel calls the file, for example in its mount table.
    fn resolve(&self, path: &GuestPath) -> Result<Option<GuestPath>, FileError>;

    /// Opens a file or a block device for reading at any place.
    fn open(&self, path: &GuestPath) -> Result<Option<Box<dyn ReadAt>>, FileError>;

    /// What the last part of `path` is; a link is not followed.
    fn stat(&self, path: &GuestPath) -> Result<Option<Stat>, FileError>;

    /// Names in a folder, sorted, without `.` and `..`. Names that are not UTF-8 are left out.
    fn list(&self, dir: &GuestPath) -> Result<Option<Vec<String>>, FileError>;

    /// Where a link points, as it is written in it.
    fn read_link(&self, path: &GuestPath) -> Result<Option<String>, FileError>;

    /// Waits until an entry of `dir` is made, written, renamed or removed, for at most `limit`. Of a
    /// folder that is not there yet the nearest one above it is watched. Returns whether something changed.
    fn wait_for_change(&self, dir: &GuestPath, limit: Duration) -> Result<bool, FileError>;

    /// Takes the lock of a file for this process (`fcntl` write lock, as shadow's tools do with
    /// `/etc/.pwd.lock`), waiting at most `limit`. It is free again when the value is dropped.
    fn lock(&mut self, path: &GuestPath, limit: Duration) -> Result<Lock, WriteError>;

    /// Replaces the file atomically: temporary file beside it, owner and mode first, fsync, rename,
    /// fsync of the folder. Missing folders are made (root, 0755). A link at `path` is replaced, not
    /// followed. `Unchanged` if contents, mode and owner are already so.
    fn write(
        &mut self,
        path: &GuestPath,
        contents: &[u8],
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError>;

    /// Makes the folder, and missing ones above it (root, 0755). An existing folder keeps its
    /// contents and gets the mode and the owner.
    fn make_dir(
        &mut self,
        path: &GuestPath,
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError>;

    /// Makes `path` a symbolic link to `target`, in place of a file or link that is there.
    fn link(&mut self, path: &GuestPath, target: &str) -> Result<Change, WriteError>;

    /// Removes a file, link or empty folder.
    fn remove(&mut self, path: &GuestPath) -> Result<Change, WriteError>;

    /// Writes to a file of the kernel (`/proc/sys`, `/sys`), which can be neither replaced nor made.
    /// One that cannot be read is written each time.
    fn tell(&mut self, path: &GuestPath, value: &str) -> Result<Change, WriteError>;

    /// Gives what is there, a device for example, other permission bits. A link is not followed.
    fn set_mode(&mut self, path: &GuestPath, mode: u32) -> Result<Change, WriteError>;
}

/// Bytes that can be read at any place: a block device, an image, a file.
pub trait ReadAt {
    /// Reads at most `buf.len()` bytes at `offset`; 0 at and behind the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize>;

    /// Size in bytes.
    fn size(&self) -> std::io::Result<u64>;
}

/// What [`Files::stat`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner and group.
    pub owner: Owner,
    /// Size in bytes; of a device 0.
    pub size: u64,
}

/// Kind of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Regular file.
    File,
    /// Folder.
    Dir,
    /// Symbolic link.
    Link,
    /// Block device.
    Block,
    /// Anything else.
    Other,
}

/// Numeric owner of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Owner {
    /// root:root.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// Mode and owner that a written file gets before its name appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attrs {
    /// Permission bits, 0 to 0o7777.
    pub mode: u32,
    /// Owner and group.
    pub owner: Owner,
}

impl Attrs {
    /// A file or folder of root's with these permission bits.
    pub const fn root(mode: u32) -> Self {
        Self { mode, owner: Owner::ROOT }
    }
}

/// What to do about symbolic links on the way to a file that is written or mounted on.
#[derive(Clone, Copy, Debug)]
pub enum Links<'a> {
    /// Follow them inside the root: the folders belong to root.
    Follow,
    /// Refuse every link below this folder: it belongs to a user, who may have planted one.
    RefuseBelow(&'a GuestPath),
}

/// Whether an action changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something is different now.
    Changed,
    /// All was so already.
    Unchanged,
}

impl Change {
    /// `Changed` if either is.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == Self::Changed { self } else { other }
    }
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused, or the medium is broken.
    #[error("reading {path}")]
    Read {
        /// What was read.
        path: GuestPath,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// More bytes than the reader allows.
    #[error("reading {path}: larger than the allowed {limit} bytes")]
    TooLarge {
        /// What was read.
        path: GuestPath,
        /// The most bytes allowed.
        limit: u64,
    },
}

/// Why something could not be written. The file is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refused.
    #[error("writing {path}")]
    Write {
        /// What was written.
        path: GuestPath,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// A symbolic link stands where none may, or a part of the path is no folder.
    #[error("writing {path}: a symbolic link is in the way")]
    LinkInTheWay {
        /// What was written.
        path: GuestPath,
    },
    /// Somebody else holds the lock.
    #[error("locking {path}: held by another program for too long")]
    Locked {
        /// What was to be locked.
        path: GuestPath,
    },
    /// The folder is a store or another read-only file system.
    #[error("writing {path}: the file system is read-only")]
    ReadOnly {
        /// What was written.
        path: GuestPath,
    },
}

impl WriteError {
    /// Stable name of the cause, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write-failed",
            Self::LinkInTheWay { .. } => "link-in-the-way",
            Self::Locked { .. } => "locked",
            Self::ReadOnly { .. } => "read-only",
        }
    }
}
