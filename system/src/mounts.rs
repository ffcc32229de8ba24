//! [`Mounts`]: the mount table, mounting, and growing what the root lies on.

use crate::{Backing, Change, GuestPath, Links, Owner};

/// Mounts and the disks below them.
pub trait Mounts {
    /// What is mounted below the root, oldest first. Targets are without links, as
    /// [`crate::Files::resolve`] gives them.
    fn mounts(&self) -> Result<Vec<Mount>, MountError>;

    /// Mounts; the mount point must exist, and be reached without a link that `links` refuses. A
    /// share that does not answer in time is not mounted at all.
    fn mount(&mut self, spec: &MountSpec, links: Links<'_>) -> Result<(), MountError>;

    /// The block device, and the partition if it is one, below a mount point. `None` if it is no
    /// block device with a file system that can be grown here.
    fn backing(&self, mount_point: &GuestPath) -> Result<Option<Backing>, MountError>;

    /// Grows the partition to the end of its free space, and the file system to the end of the
    /// partition. Never moves a start, never shrinks.
    fn grow(&mut self, mount_point: &GuestPath, backing: &Backing) -> Result<Change, MountError>;

    /// From now on shows what belongs to the one owner as the other's, and the other way round, below
    /// this mount point. An error: the kernel or the file system cannot, and nothing changed.
    fn exchange_owners(
        &mut self,
        mount_point: &GuestPath,
        one: Owner,
        other: Owner,
    ) -> Result<(), MountError>;
}

/// One line of the mount table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mount {
    /// Device or tag.
    pub source: String,
    /// Where.
    pub target: GuestPath,
    /// File system type.
    pub fstype: String,
}

/// What to mount.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MountSpec {
    /// Device or mount tag.
    pub source: String,
    /// Mount point.
    pub target: GuestPath,
    /// File system type, for example `9p`, `virtiofs`, `iso9660`.
    pub fstype: String,
    /// Comma-separated options, as for `mount(8)`: `ro`, `nosuid`, `bind`, and the file system's own.
    pub options: String,
}

/// Why a mount failed.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The kernel refused.
    #[error("mounting {source_name} ({fstype}) on {target}")]
    Mount {
        /// Device or tag.
        source_name: String,
        /// Where.
        target: GuestPath,
        /// File system type.
        fstype: String,
        /// The kernel's word.
        #[source]
        source: std::io::Error,
    },
    /// A symbolic link stands where none may: it would lead the mount to another place.
    #[error("mounting on {target}: a symbolic link is in the way")]
    LinkInTheWay {
        /// Where.
        target: GuestPath,
    },
    /// The host, or whoever serves the files, does not answer. Nothing is mounted.
    #[error("mounting {source_name} ({fstype}) on {target}: no answer within {seconds} s")]
    Hung {
        /// Device or tag.
        source_name: String,
        /// Where.
        target: GuestPath,
        /// File system type.
        fstype: String,
        /// How long was waited.
        seconds: u64,
    },
    /// Files cannot be shown as another owner's here.
    #[error("showing the files of {target} as another owner's")]
    Owners {
        /// Where.
        target: GuestPath,
        /// The kernel's word.
        #[source]
        source: std::io::Error,
    },
    /// The mount table or a device could not be read.
    #[error("reading {what}")]
    Read {
        /// What was read.
        what: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// Growing stopped; nothing is lost, the old size is still right.
    #[error("growing {device}: {reason}")]
    Grow {
        /// Partition or file system.
        device: String,
        /// What is in the way.
        reason: String,
    },
}

impl MountError {
    /// What the kernel said about mounting `spec`.
    pub(crate) fn of(spec: &MountSpec, source: std::io::Error) -> Self {
        let target = spec.target.clone();
        if source.raw_os_error() == Some(libc::ELOOP) {
            return Self::LinkInTheWay { target };
        }
        let (source_name, fstype) = (spec.source.clone(), spec.fstype.clone());
        Self::Mount { source_name, target, fstype, source }
    }

    pub(crate) fn hung(spec: &MountSpec, limit: std::time::Duration) -> Self {
        let (source_name, fstype) = (spec.source.clone(), spec.fstype.clone());
        let (target, seconds) = (spec.target.clone(), limit.as_secs());
        Self::Hung { source_name, target, fstype, seconds }
    }

    /// Stable name of the cause, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Mount { .. } => "mount-failed",
            Self::Hung { .. } => "mount-hangs",
            Self::Owners { .. } => "owner-differs",
            Self::LinkInTheWay { .. } => "link-in-the-way",
            Self::Read { .. } => "unreadable",
            Self::Grow { .. } => "grow-failed",
        }
    }
}
