//! [`Dry`]: a machine on which nothing is done.
//!
//! What is read is read from the machine behind it; what would be written is kept in memory, where
//! later reads find it, and is compared with what is there. So a step that is run on it tells what it
//! would change, by the very code that changes it. Programs are not run: they count as ended well.

mod effects;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use crate::{
    Attrs, Change, FileError, FileKind, Files, GuestPath, Links, Lock, Mount, ReadAt, Stat, System,
    WriteError,
};

pub use view::{Form, Item};

/// Largest file that is compared, in bytes; no writer here makes a larger one.
const LIMIT: u64 = 64 << 20;

/// A machine that is only looked at.
pub struct Dry<'a> {
    inner: &'a dyn System,
    /// What would be there, by the kernel's name of the place. `None`: nothing.
    made: BTreeMap<GuestPath, Option<Item>>,
    /// What was there before, of all that was touched since [`Dry::differences`] was asked.
    before: BTreeMap<GuestPath, Option<Item>>,
    /// Folders that were made only for what is in them.
    implied: BTreeSet<GuestPath>,
    mounts: Vec<Mount>,
    effects: Vec<String>,
}

/// Something that would not be as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A file, a folder or a link.
    Place {
        /// Where.
        path: GuestPath,
        /// What is there. `None`: nothing.
        now: Option<Item>,
        /// What should be there.
        wanted: Option<Item>,
    },
    /// Something that the kernel would be asked for, as words.
    Effect(String),
}

impl<'a> Dry<'a> {
    /// Nothing will be done to `inner`.
    pub fn new(inner: &'a dyn System) -> Self {
        let (made, before) = (BTreeMap::new(), BTreeMap::new());
        let (implied, mounts, effects) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self { inner, made, before, implied, mounts, effects }
    }

    /// What would be different after all that was asked for since the last call. A file that was
    /// written and removed again is none, and neither is a folder that is made for what is in it.
    pub fn differences(&mut self) -> Vec<Difference> {
        let before = std::mem::take(&mut self.before);
        let is_way = |path: &GuestPath, item: &Option<Item>| {
            item.as_ref().is_some_and(|item| item.form == Form::Dir)
                && before.keys().any(|other| {
                    other.below(path).is_some() && self.made.get(other).is_some_and(Option::is_some)
                })
        };
        let mut all = Vec::new();
        for (path, now) in &before {
            let wanted = self.made.get(path).cloned().unwrap_or_default();
            if *now != wanted && !(now.is_none() && is_way(path, &wanted)) {
                all.push(Difference::Place { path: path.clone(), now: now.clone(), wanted });
            }
        }
        all.extend(std::mem::take(&mut self.effects).into_iter().map(Difference::Effect));
        all
    }

    /// Puts something in a place.
    fn put(&mut self, path: &GuestPath, wanted: Option<Item>) -> Result<Change, WriteError> {
        let key = self.key(path).map_err(|error| refused(path, error))?;
        let now = self.item(&key).map_err(|error| refused(path, error))?;
        if now == wanted {
            return Ok(Change::Unchanged);
        }
        let now = if self.implied.remove(&key) { None } else { now };
        self.before.entry(key.clone()).or_insert(now);
        self.made.insert(key, wanted);
        Ok(Change::Changed)
    }

    /// Makes folders that are missing, as every writer does. They are no difference of their own.
    fn make_parents(&mut self, path: &GuestPath, links: Links<'_>) -> Result<(), WriteError> {
        self.refuse_links(&path.parent(), links)?;
        let refuse = |error| refused(path, error);
        let mut folder = self.end(&path.parent()).map_err(refuse)?;
        while self.stat(&folder).map_err(refuse)?.is_none() {
            let item = Item { form: Form::Dir, attrs: Attrs::root(0o755) };
            self.made.insert(folder.clone(), Some(item));
            self.implied.insert(folder.clone());
            folder = folder.parent();
        }
        match self.stat(&folder).map_err(refuse)?.map(|stat| stat.kind) {
            Some(FileKind::Dir) => Ok(()),
            _ => Err(WriteError::LinkInTheWay { path: path.clone() }),
        }
    }

    fn refuse_links(&self, path: &GuestPath, links: Links<'_>) -> Result<(), WriteError> {
        let Links::RefuseBelow(base) = links else { return Ok(()) };
        let Some(rest) = path.below(base) else { return Ok(()) };
        let mut here = base.clone();
        for part in rest.split('/') {
            here = here.join(part).map_err(|error| refused(path, error))?;
            let stat = self.stat(&here).map_err(|error| refused(path, error))?;
            if stat.is_some_and(|stat| stat.kind == FileKind::Link) {
                return Err(WriteError::LinkInTheWay { path: path.clone() });
            }
        }
        Ok(())
    }
}

fn refused(path: &GuestPath, error: impl std::error::Error + Send + Sync + 'static) -> WriteError {
    WriteError::Write { path: path.clone(), source: io::Error::other(error) }
}

impl Files for Dry<'_> {
    fn read(&self, path: &GuestPath, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        let end = self.end(path)?;
        match self.made.get(&end) {
            Some(None) => Ok(None),
            Some(Some(Item { form: Form::File(bytes), .. })) => {
                if bytes.len() as u64 > limit {
                    return Err(FileError::TooLarge { path: end, limit });
                }
                Ok(Some(bytes.clone()))
            }
            Some(Some(Item { form: Form::Dir, .. })) => {
                let source = io::Error::from_raw_os_error(libc::EISDIR);
                Err(FileError::Read { path: end, source })
            }
            _ => self.inner.read(&end, limit),
        }
    }

    fn read_below(
        &self,
        path: &GuestPath,
        base: &GuestPath,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, FileError> {
        match self.made.get(&self.key(path)?) {
            Some(_) => self.read(path, limit),
            None => self.inner.read_below(path, base, limit),
        }
    }

    fn resolve(&self, path: &GuestPath) -> Result<Option<GuestPath>, FileError> {
        let end = self.end(path)?;
        Ok(self.stat(&end)?.map(|_| end))
    }

    fn open(&self, path: &GuestPath) -> Result<Option<Box<dyn ReadAt>>, FileError> {
        let end = self.end(path)?;
        match self.made.get(&end) {
            Some(None) => Ok(None),
            Some(Some(Item { form: Form::File(bytes), .. })) => {
                Ok(Some(Box::new(view::Bytes(bytes.clone()))))
            }
            _ => self.inner.open(&end),
        }
    }

    fn stat(&self, path: &GuestPath) -> Result<Option<Stat>, FileError> {
        let key = self.key(path)?;
        match self.made.get(&key) {
            Some(item) => Ok(item.as_ref().map(Item::stat)),
            None => self.inner.stat(&key),
        }
    }

    fn list(&self, dir: &GuestPath) -> Result<Option<Vec<String>>, FileError> {
        let real = self.end(dir)?;
        let known = match self.made.get(&real) {
            Some(None) => return Ok(None),
            Some(Some(_)) => self.inner.list(&real)?.or(Some(Vec::new())),
            None => self.inner.list(&real)?,
        };
        let Some(mut names) = known else { return Ok(None) };
        for (path, item) in self.made.iter().filter(|(path, _)| path.parent() == real) {
            names.retain(|name| name != path.name());
            names.extend(item.as_ref().map(|_| path.name().to_owned()));
        }
        names.sort();
        Ok(Some(names))
    }

    fn read_link(&self, path: &GuestPath) -> Result<Option<String>, FileError> {
        self.target(&self.key(path)?)
    }

    fn wait_for_change(&self, _dir: &GuestPath, _limit: Duration) -> Result<bool, FileError> {
        Ok(false)
    }

    fn lock(&mut self, path: &GuestPath, _limit: Duration) -> Result<Lock, WriteError> {
        effects::nothing_locked().map_err(|source| WriteError::Write { path: path.clone(), source })
    }

    fn write(
        &mut self,
        path: &GuestPath,
        contents: &[u8],
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        self.make_parents(path, links)?;
        self.put(path, Some(Item { form: Form::File(contents.to_vec()), attrs }))
    }

    fn make_dir(
        &mut self,
        path: &GuestPath,
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        self.refuse_links(path, links)?;
        self.make_parents(path, links)?;
        let end = self.end(path).map_err(|error| refused(path, error))?;
        self.put(&end, Some(Item { form: Form::Dir, attrs }))
    }

    fn link(&mut self, path: &GuestPath, target: &str) -> Result<Change, WriteError> {
        self.make_parents(path, Links::Follow)?;
        self.put(path, Some(Item::link(target.to_owned())))
    }

    fn remove(&mut self, path: &GuestPath) -> Result<Change, WriteError> {
        self.put(path, None)
    }

    fn tell(&mut self, path: &GuestPath, value: &str) -> Result<Change, WriteError> {
        let stat = self.stat(path).map_err(|error| refused(path, error))?;
        let attrs =
            stat.map_or(Attrs::root(0o644), |stat| Attrs { mode: stat.mode, owner: stat.owner });
        let is_readable = attrs.mode & 0o444 != 0;
        let now = if is_readable { self.read(path, LIMIT) } else { Ok(None) };
        let now = now.map_err(|error| refused(path, error))?.unwrap_or_default();
        if now.trim_ascii_end() == value.as_bytes() {
            return Ok(Change::Unchanged);
        }
        if stat.is_some() && !is_readable {
            self.effects.push(format!("write to {path}"));
            return Ok(Change::Changed);
        }
        let form = Form::File(format!("{value}\n").into_bytes());
        self.put(path, Some(Item { form, attrs }))
    }

    fn set_mode(&mut self, path: &GuestPath, mode: u32) -> Result<Change, WriteError> {
        let key = self.key(path).map_err(|error| refused(path, error))?;
        let item = self.item(&key).map_err(|error| refused(path, error))?;
        match item {
            Some(Item { form: Form::Link(_), .. }) => {
                Err(WriteError::LinkInTheWay { path: path.clone() })
            }
            Some(item) => {
                let attrs = Attrs { mode, ..item.attrs };
                self.put(path, Some(Item { attrs, ..item }))
            }
            None => Err(refused(path, io::Error::from(io::ErrorKind::NotFound))),
        }
    }
}
