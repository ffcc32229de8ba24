//! A folder as a [`Medium`].

use nixvm_system::{FileError, FileKind, Files, GuestPath, PathError};

use super::medium::{Medium, MediumError};

/// A folder with a seed, such as `/var/lib/cloud/seed/nocloud`.
pub struct Folder<'a> {
    files: &'a dyn Files,
    path: &'a GuestPath,
}

impl<'a> Folder<'a> {
    /// The folder at `path`; whether it exists is not looked at.
    pub fn new(files: &'a dyn Files, path: &'a GuestPath) -> Self {
        Self { files, path }
    }

    fn below(&self, path: &str) -> Result<GuestPath, MediumError> {
        let bad = |_: PathError| MediumError::Broken {
            what: path.to_owned(),
            reason: "its name cannot be used",
        };
        if path.is_empty() { Ok(self.path.clone()) } else { self.path.join(path).map_err(bad) }
    }
}

impl Medium for Folder<'_> {
    fn list(&self, dir: &str) -> Result<Option<Vec<String>>, MediumError> {
        self.files.list(&self.below(dir)?).map_err(|error| from_file(dir, error))
    }

    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, MediumError> {
        let file = self.below(path)?;
        match self.files.stat(&file).map_err(|error| from_file(path, error))? {
            None => Ok(None),
            Some(stat) if stat.kind == FileKind::Dir => Ok(None),
            Some(_) => self.files.read(&file, limit).map_err(|error| from_file(path, error)),
        }
    }

    fn label(&self) -> &'static str {
        ""
    }

    /// A folder is changed again and again.
    fn made(&self) -> Option<u64> {
        None
    }
}

fn from_file(what: &str, error: FileError) -> MediumError {
    let what = if what.is_empty() { "the folder".to_owned() } else { what.to_owned() };
    match error {
        FileError::Read { source, .. } => MediumError::Io { what, source },
        FileError::TooLarge { limit, .. } => MediumError::TooLarge { what, limit },
    }
}
