//! The shares in the table of mounts, `mountinfo`.
//!
//! A line is `id parent major:minor root point options tags... - type source
//! super-options`. The kernel tells by poll(2) on the open file that the table
//! has changed (`POLLPRI`), so it is read only then. It is the table of this
//! thread: the process's is the same but in tests.

use super::reason::Reason;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

const TABLE: &str = "/proc/thread-self/mountinfo";
const NOT_WAITING: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A mounted share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The number of the mount.
    pub id: u64,
    /// Where it is mounted.
    pub point: PathBuf,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    share: Share,
    parent: u64,
    is_share: bool,
    read_only: bool,
}

/// The shares of a table, and the mounts below them, which are no part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(Vec<Mount>);

/// The table of now.
#[derive(Debug)]
pub struct Mounts {
    types: &'static [&'static str],
    file: Option<File>,
    table: Table,
}

impl Mounts {
    /// With shares of these types. Nothing is read yet.
    pub fn new(types: &'static [&'static str]) -> Self {
        Self { types, file: None, table: Table::default() }
    }

    /// Reads the table anew next time.
    pub fn forget(&mut self) {
        self.file = None;
    }

    /// The table, read anew if it has changed.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn table(&mut self) -> Result<&Table, Reason> {
        self.refresh().map_err(Reason::Mounts)?;
        Ok(&self.table)
    }

    fn refresh(&mut self) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) if !has_changed(&file)? => {
                self.file = Some(file);
                return Ok(());
            }
            Some(file) => file,
            None => File::open(TABLE)?,
        };
        self.table = Table::parse(&read(&file)?, self.types);
        self.file = Some(file);
        Ok(())
    }
}

impl Table {
    /// Reads a `mountinfo`. Lines that are none are passed over.
    pub fn parse(text: &[u8], types: &[&str]) -> Self {
        let lines = text.split(|byte| *byte == b'\n');
        let mut mounts: Vec<_> = lines.filter_map(|line| mount(line, types)).collect();
        let shares = mounts.iter().filter(|mount| mount.is_share);
        let points: Vec<_> = shares.map(|mount| mount.share.point.clone()).collect();
        mounts.retain(|mount| points.iter().any(|point| mount.share.point.starts_with(point)));
        Self(mounts)
    }

    /// The share that holds a path, and the path below it. `None` if the share is
    /// read-only: the host's fault, it means nothing for others.
    ///
    /// # Errors
    /// The path is not one of a file on a share.
    pub fn find(&self, path: &Path) -> Result<Option<(Share, PathBuf)>, Reason> {
        if !is_plain(path) {
            return Err(Reason::NotAbsolute);
        }
        let mount = self.holder(path).filter(|mount| mount.is_share).ok_or(Reason::NotShared)?;
        let relative = path.strip_prefix(&mount.share.point).map_err(|_| Reason::NotShared)?;
        Ok((!mount.read_only).then(|| (mount.share.clone(), relative.to_owned())))
    }

    /// The mount that holds a path: the longest, and of several on one folder the
    /// one that no other is mounted on.
    fn holder(&self, path: &Path) -> Option<&Mount> {
        let above = || self.0.iter().filter(|mount| path.starts_with(&mount.share.point));
        let longest = above().map(|mount| mount.share.point.as_os_str().len()).max()?;
        let here = || above().filter(|mount| mount.share.point.as_os_str().len() == longest);
        here().find(|mount| !here().any(|other| other.parent == mount.share.id))
    }
}

fn has_changed(file: &File) -> io::Result<bool> {
    let mut polled = [PollFd::new(file, PollFlags::PRI)];
    poll(&mut polled, Some(&NOT_WAITING))?;
    let [polled] = polled;
    Ok(polled.revents().intersects(PollFlags::PRI | PollFlags::ERR))
}

fn read(mut file: &File) -> io::Result<Vec<u8>> {
    let mut table = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut table)?;
    Ok(table)
}

/// Absolute, without `..`, and a path that the kernel takes.
fn is_plain(path: &Path) -> bool {
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    let bytes = path.as_os_str().as_bytes();
    let short = bytes.len() < libc::PATH_MAX.unsigned_abs() as usize;
    path.is_absolute() && path.components().all(plain) && short && !bytes.contains(&0)
}

fn mount(line: &[u8], types: &[&str]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (id, parent) = (number(fields.next()?)?, number(fields.next()?)?);
    let point = PathBuf::from(OsString::from_vec(unescape(fields.nth(2)?)));
    let options = fields.next()?;
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = rest.next()?;
    let super_options = rest.nth(1)?;
    point.is_absolute().then(|| Mount {
        share: Share { id, point },
        parent,
        is_share: types.iter().any(|other| other.as_bytes() == kind),
        read_only: is_read_only(options) || is_read_only(super_options),
    })
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn is_read_only(options: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|option| option == b"ro")
}

/// Blank, tab, newline and backslash are written as `\` and three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.first_chunk::<3>().filter(|_| *first == b'\\').copied().and_then(octal);
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    out
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests;
