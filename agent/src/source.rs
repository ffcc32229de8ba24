//! Where a seed comes from: its bytes, and where they were found.
//!
//! [`find`] looks at what the machine offers, [`open`] at what the caller names. Both only read.
//! A seed is never refused for one bad file: what cannot be read is listed in
//! [`Seed::unreadable`], and the rest is there.

mod block;
mod bytes;
mod cmdline;
pub mod fat;
mod folder;
pub mod iso9660;
mod machine;
mod medium;
mod merge;
pub mod nocloud;
mod seedfrom;

use std::collections::BTreeMap;
use std::fmt;

use nixvm_system::{FileKind, Files, GuestPath, ReadAt, System};

use crate::config::yaml;

pub use folder::Folder;
pub use medium::{FILE_LIMIT, Medium, MediumError};

/// All that was found for this machine.
#[derive(Clone)]
pub struct Seed {
    /// Protocol.
    pub datasource: Datasource,
    /// Where it comes from, parts divided by commas in the order of their weight: `/dev/sr0`,
    /// `cmdline,/dev/sr0`, a folder.
    pub origin: String,
    /// The medium that holds it, if there is one.
    pub medium: Option<MediumAt>,
    /// The files that mean something to the agent, by relative path. Each at most 16 MiB.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Files that are there and could not be read.
    pub unreadable: Vec<Unreadable>,
    /// The meta-data of all sources; the earlier one wins key by key. `instance-id` and `dsmode`
    /// are always there.
    pub meta_data: yaml::Map,
    /// When the seed counts.
    pub dsmode: DsMode,
    /// The URL in the network that the rest of the seed is to be fetched from.
    pub remote: Option<String>,
}

/// Protocols of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datasource {
    /// Files on a medium, in a folder or on the command line.
    NoCloud,
}

/// From when on a seed is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DsMode {
    /// Before the network is up.
    Local,
    /// When the network is up; only its network configuration and host name are applied before.
    Net,
}

/// A medium and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumAt {
    /// Block device.
    pub device: GuestPath,
    /// `iso9660` or `vfat`.
    pub fstype: &'static str,
    /// Volume label.
    pub label: String,
    /// When it was made, in seconds after 1970, if it says so.
    pub made: Option<u64>,
    /// User id of who made it, on the host.
    pub owner: Option<u32>,
}

/// A file that is there and could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its relative path.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Something about a source that the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Stable name of the cause, for reports.
    pub code: &'static str,
    /// The source.
    pub origin: String,
    /// What about it.
    pub message: String,
}

/// Why a named seed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing there.
    #[error("opening the seed {origin}: there is no such file or folder")]
    Absent {
        /// Its name.
        origin: String,
    },
    /// Neither a folder nor a file system that can be read.
    #[error("opening the seed {origin}: neither a folder nor an ISO 9660 or FAT image")]
    Unknown {
        /// Its name.
        origin: String,
    },
    /// Readable, but no seed.
    #[error("opening the seed {origin}: it holds neither meta-data nor user-data")]
    Empty {
        /// Its name.
        origin: String,
    },
    /// A fault of the medium.
    #[error("opening the seed {origin}")]
    Medium {
        /// Its name.
        origin: String,
        /// The fault.
        #[source]
        source: MediumError,
    },
    /// A fault of the system.
    #[error("opening the seed {origin}")]
    File {
        /// Its name.
        origin: String,
        /// The fault.
        #[source]
        source: nixvm_system::FileError,
    },
}

impl SourceError {
    /// Stable name of the cause, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "seed-absent",
            Self::Unknown { .. } => "seed-unknown",
            Self::Empty { .. } => "seed-empty",
            Self::Medium { source, .. } => source.code(),
            Self::File { .. } => "seed-unreadable",
        }
    }
}

/// The seed for this machine, from the SMBIOS serial number, the kernel command line, the folders
/// below `/var/lib/cloud/seed`, `/etc/cloud` and the block devices. What was found but not used, or
/// could not be read, is among the notes.
pub fn find(system: &dyn System) -> (Option<Seed>, Vec<Note>) {
    nocloud::discover(&machine::Machine::new(system))
}

/// The seed at a path: a folder, or a device or image with ISO 9660 or FAT.
pub fn open(system: &dyn System, path: &GuestPath) -> Result<(Seed, Vec<Note>), SourceError> {
    let origin = path.to_string();
    let file = |source| SourceError::File { origin: path.to_string(), source };
    let kind = match system.stat(path).map_err(file)? {
        None => return Err(SourceError::Absent { origin }),
        Some(stat) => stat.kind,
    };
    let is_folder = match kind {
        FileKind::Dir => true,
        FileKind::Link => system.list(path).is_ok_and(|names| names.is_some()),
        FileKind::File | FileKind::Block | FileKind::Other => false,
    };
    if is_folder {
        return read_folder(system, path);
    }
    let Some(device) = system.open(path).map_err(file)? else {
        return Err(SourceError::Absent { origin });
    };
    let (mut seed, notes) = from_device(&*device, &origin)?;
    seed.medium = seed.medium.filter(|_| kind == FileKind::Block);
    if let Some(medium) = &mut seed.medium {
        medium.device = path.clone();
    }
    Ok((seed, notes))
}

/// The seed in a folder.
pub fn read_folder(files: &dyn Files, path: &GuestPath) -> Result<(Seed, Vec<Note>), SourceError> {
    from_medium(&Folder::new(files, path), path.as_str())
}

/// The seed on a medium, whatever its label. `origin` is what to call it. That one of meta-data and
/// user-data is missing is a note here, since somebody asked for this very medium.
pub fn from_medium(medium: &dyn Medium, origin: &str) -> Result<(Seed, Vec<Note>), SourceError> {
    let fault = |source| SourceError::Medium { origin: origin.to_owned(), source };
    let contents = medium::gather(medium).map_err(fault)?;
    let missing = contents.missing();
    if missing.len() == 2 {
        return Err(SourceError::Empty { origin: origin.to_owned() });
    }
    let mut notes: Vec<Note> = missing
        .into_iter()
        .map(|file| Note::new("seed-incomplete", origin, format!("there is no {file}")))
        .collect();
    let seed = merge::single(contents, origin, &mut notes);
    Ok((seed, notes))
}

fn from_device(device: &dyn ReadAt, origin: &str) -> Result<(Seed, Vec<Note>), SourceError> {
    let fault = |source| SourceError::Medium { origin: origin.to_owned(), source };
    let at = |fstype, medium: &dyn Medium, owner| MediumAt {
        device: GuestPath::root(),
        fstype,
        label: medium.label().into(),
        made: medium.made(),
        owner,
    };
    if let Some(iso) = iso9660::Iso9660::open(device).map_err(fault)? {
        let (mut seed, notes) = from_medium(&iso, origin)?;
        seed.medium = Some(at("iso9660", &iso, iso.owner()));
        return Ok((seed, notes));
    }
    if let Some(fat) = fat::Fat::open(device).map_err(fault)? {
        let (mut seed, notes) = from_medium(&fat, origin)?;
        seed.medium = Some(at("vfat", &fat, None));
        return Ok((seed, notes));
    }
    Err(SourceError::Unknown { origin: origin.to_owned() })
}

impl Seed {
    /// The instance-id as its author wrote it: `0123` is these four characters.
    pub fn instance_id(&self) -> &str {
        self.meta_data.get("instance-id").and_then(yaml::Node::text).unwrap_or("nocloud")
    }

    /// The SSH keys of the meta-data, in order; what is no text is left out.
    pub fn public_keys(&self) -> Vec<String> {
        merge::public_keys(&self.meta_data)
    }
}

impl fmt::Debug for Seed {
    /// Shows names and sizes: what is in the files may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: BTreeMap<&str, usize> =
            self.files.iter().map(|(name, bytes)| (&**name, bytes.len())).collect();
        f.debug_struct("Seed")
            .field("datasource", &self.datasource)
            .field("origin", &self.origin)
            .field("medium", &self.medium)
            .field("sizes", &sizes)
            .field("unreadable", &self.unreadable)
            .field("dsmode", &self.dsmode)
            .finish_non_exhaustive()
    }
}

impl Note {
    fn new(code: &'static str, origin: &str, message: impl Into<String>) -> Self {
        Self { code, origin: origin.to_owned(), message: message.into() }
    }
}

#[cfg(test)]
mod tests;
