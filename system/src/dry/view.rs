//! What would be in a place.

use std::io;

use super::{Dry, LIMIT};
use crate::{Attrs, FileError, FileKind, GuestPath, Owner, ReadAt, Stat};

/// Something in a folder.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub form: Form,
    /// Mode and owner; of a link, which has none of its own, always the same.
    pub attrs: Attrs,
}

/// What something in a folder is.
#[derive(Clone, PartialEq, Eq)]
pub enum Form {
    /// A file and what is in it, which may be secret.
    File(Vec<u8>),
    /// A folder.
    Dir,
    /// A link and where it points.
    Link(String),
    /// A device or anything else.
    Other,
}

impl std::fmt::Debug for Form {
    /// Without contents: they may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(bytes) => write!(f, "File({} bytes)", bytes.len()),
            Self::Dir => f.write_str("Dir"),
            Self::Link(target) => write!(f, "Link({target})"),
            Self::Other => f.write_str("Other"),
        }
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Owner { uid, gid } = self.attrs.owner;
        write!(f, "{:?} {:04o} {uid}:{gid}", self.form, self.attrs.mode)
    }
}

impl Item {
    pub(super) fn link(target: String) -> Self {
        Self { form: Form::Link(target), attrs: Attrs::root(0o777) }
    }

    pub(super) fn stat(&self) -> Stat {
        let (kind, size) = match &self.form {
            Form::File(bytes) => (FileKind::File, bytes.len() as u64),
            Form::Dir => (FileKind::Dir, 0),
            Form::Link(target) => (FileKind::Link, target.len() as u64),
            Form::Other => (FileKind::Other, 0),
        };
        Stat { kind, mode: self.attrs.mode, owner: self.attrs.owner, size }
    }
}

/// As many links as the kernel follows.
const MOST_LINKS: u32 = 40;

/// Whether the last part of a path is followed if it is a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Kept,
    Followed,
}

/// The parts of a path, the first one last.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.rev().map(str::to_owned).collect()
}

impl Dry<'_> {
    /// The kernel's name for a place: the links on the way to it followed, its own not.
    pub(super) fn key(&self, path: &GuestPath) -> Result<GuestPath, FileError> {
        self.walk(path, Last::Kept)
    }

    /// The kernel's name for what a path leads to. What is missing is named all the same.
    pub(super) fn end(&self, path: &GuestPath) -> Result<GuestPath, FileError> {
        self.walk(path, Last::Followed)
    }

    fn walk(&self, path: &GuestPath, last: Last) -> Result<GuestPath, FileError> {
        let mut here = GuestPath::root();
        let mut ahead: Vec<String> = parts(path.relative());
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            if part == ".." {
                here = here.parent();
                continue;
            }
            let next = here.join(&part).unwrap_or_else(|_| path.clone());
            let target =
                if ahead.is_empty() && last == Last::Kept { None } else { self.target(&next)? };
            let Some(target) = target else {
                here = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                let source = io::Error::from_raw_os_error(libc::ELOOP);
                return Err(FileError::Read { path: path.clone(), source });
            }
            if target.starts_with('/') {
                here = GuestPath::root();
            }
            ahead.extend(parts(&target));
        }
        Ok(here)
    }

    /// Where a link points; nothing else points anywhere.
    pub(super) fn target(&self, place: &GuestPath) -> Result<Option<String>, FileError> {
        match self.made.get(place) {
            Some(Some(Item { form: Form::Link(target), .. })) => Ok(Some(target.clone())),
            Some(_) => Ok(None),
            None => self.inner.read_link(place),
        }
    }

    /// What is in a place, by its key.
    pub(super) fn item(&self, key: &GuestPath) -> Result<Option<Item>, FileError> {
        if let Some(made) = self.made.get(key) {
            return Ok(made.clone());
        }
        let Some(stat) = self.inner.stat(key)? else { return Ok(None) };
        let attrs = Attrs { mode: stat.mode, owner: stat.owner };
        let form = match stat.kind {
            FileKind::Link => {
                return Ok(self.inner.read_link(key)?.map(Item::link));
            }
            FileKind::File => Form::File(self.inner.read(key, LIMIT)?.unwrap_or_default()),
            FileKind::Dir => Form::Dir,
            FileKind::Block | FileKind::Other => Form::Other,
        };
        Ok(Some(Item { form, attrs }))
    }
}

/// A file in memory.
pub(super) struct Bytes(pub(super) Vec<u8>);

impl ReadAt for Bytes {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(start..).unwrap_or_default();
        Ok(rest.iter().zip(buf).map(|(from, to)| *to = *from).count())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}
