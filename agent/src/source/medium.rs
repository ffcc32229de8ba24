//! [`Medium`]: what a seed is read from, and what is read from it.

use std::collections::BTreeMap;
use std::fmt;

use super::Unreadable;

/// The largest file that is read from a medium, in bytes.
pub const FILE_LIMIT: u64 = 16 << 20;
/// What all files together may take, in bytes.
const TOTAL_LIMIT: u64 = 64 << 20;
/// The most files below the `provision.*` folders.
const COUNT_LIMIT: usize = 4096;

/// Files that mean something to the agent. Anything else on a medium, such as Lima's own boot
/// scripts, its guest agent and archives of 200 MB, is never read.
const FILES: [&str; 8] = [
    "meta-data",
    "user-data",
    "vendor-data",
    "network-config",
    "lima.env",
    "param.env",
    "etc_environment",
    "ssh_authorized_keys",
];

/// Folders of which every file is read.
const FOLDERS: [&str; 5] = [
    "provision.system",
    "provision.user",
    "provision.dependency",
    "provision.data",
    "provision.yq",
];

/// A file system, an image or a folder with a seed. Paths are relative, parts divided by `/`.
pub trait Medium {
    /// Names in a folder; `""` is the root. `None` if there is no such folder.
    fn list(&self, dir: &str) -> Result<Option<Vec<String>>, MediumError>;

    /// A whole file of at most `limit` bytes. `None` if there is no such file, or if it is a folder.
    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, MediumError>;

    /// The volume label; empty if there is none.
    fn label(&self) -> &str;

    /// When it was made, in seconds after 1970, if it says so.
    fn made(&self) -> Option<u64>;
}

/// Why something on a medium could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MediumError {
    /// The system reports a fault.
    #[error("reading {what}")]
    Io {
        /// What was read.
        what: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// The medium contradicts itself, or ends too early.
    #[error("reading {what}: {reason}")]
    Broken {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More bytes than allowed.
    #[error("reading {what}: larger than the allowed {limit} bytes")]
    TooLarge {
        /// What was read.
        what: String,
        /// The most bytes allowed.
        limit: u64,
    },
}

impl MediumError {
    /// Stable name of the cause, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "medium-read-failed",
            Self::Broken { .. } => "medium-broken",
            Self::TooLarge { .. } => "medium-file-too-large",
        }
    }

    /// The message with its cause, in one line.
    pub fn reason(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

/// What was read from one medium.
#[derive(Clone, Default)]
pub struct Contents {
    /// Files by relative path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Files that are there and could not be read.
    pub unreadable: Vec<Unreadable>,
    /// When the medium was made.
    pub made: Option<u64>,
    /// User id of who made the medium, on the host, where the medium says.
    pub owner: Option<u32>,
}

impl fmt::Debug for Contents {
    /// Shows names only: what is in the files may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.files.keys().collect();
        let mut shown = f.debug_struct("Contents");
        shown.field("files", &names).field("lost", &self.unreadable).field("made", &self.made);
        shown.field("owner", &self.owner).finish()
    }
}

impl Contents {
    /// Which of meta-data and user-data are not there, neither readable nor unreadable.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let lost = |file: &str| self.unreadable.iter().any(|lost| lost.file == file);
        let absent = |file: &&str| !self.files.contains_key(*file) && !lost(file);
        ["user-data", "meta-data"].into_iter().filter(absent).collect()
    }

    fn lose(&mut self, file: &str, reason: String) {
        self.unreadable.push(Unreadable { file: file.to_owned(), reason });
    }

    fn total(&self) -> u64 {
        self.files.values().map(|bytes| bytes.len() as u64).sum()
    }
}

/// Reads all that matters. An unreadable file or folder loses itself only; an error means that not
/// even the root folder can be read.
pub(super) fn gather(medium: &dyn Medium) -> Result<Contents, MediumError> {
    let mut contents = Contents { made: medium.made(), ..Contents::default() };
    let names = medium.list("")?.unwrap_or_default();
    // FAT does not tell capitals from small letters; the other media do when they are read.
    let has = |wanted: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    for file in FILES.into_iter().filter(has) {
        take(medium, file, &mut contents);
    }
    for folder in FOLDERS.into_iter().filter(has) {
        self::folder(medium, folder, &mut contents);
    }
    Ok(contents)
}

/// The folders of scripts are flat. Nothing below them is looked at, so that a folder that contains
/// itself costs nothing.
fn folder(medium: &dyn Medium, folder: &str, contents: &mut Contents) {
    let names = match medium.list(folder) {
        Ok(names) => names,
        Err(error) => return contents.lose(folder, error.reason()),
    };
    for (count, name) in names.unwrap_or_default().into_iter().enumerate() {
        let path = format!("{folder}/{name}");
        if count >= COUNT_LIMIT {
            return contents.lose(&path, format!("there are more than {COUNT_LIMIT} files"));
        }
        take(medium, &path, contents);
    }
}

/// Reads one file; `false` if there is none of this name.
fn take(medium: &dyn Medium, path: &str, contents: &mut Contents) -> bool {
    let left = TOTAL_LIMIT.saturating_sub(contents.total());
    match medium.read(path, FILE_LIMIT.min(left)) {
        Ok(None) => return false,
        Ok(Some(bytes)) => {
            contents.files.insert(path.to_owned(), bytes);
        }
        Err(error) => contents.lose(path, error.reason()),
    }
    true
}
