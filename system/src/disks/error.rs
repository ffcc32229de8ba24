//! Faults of disks.

/// Why a disk was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A disk, or what the kernel says of it, cannot be read.
    #[error("reading {what}")]
    Read {
        /// What was read.
        what: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// It carries something.
    #[error("{device} is not blank: there is something at byte {at}")]
    NotBlank {
        /// Device.
        device: String,
        /// Place.
        at: u64,
    },
    /// It is mounted, or part of something.
    #[error("{device} is in use")]
    InUse {
        /// Device.
        device: String,
    },
    /// What the kernel says is not what was written.
    #[error("{device}: {reason}")]
    Odd {
        /// Device.
        device: String,
        /// What does not fit.
        reason: String,
    },
    /// Writing failed.
    #[error("writing {device}")]
    Write {
        /// Device.
        device: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// The program that makes the file system ended with a fault.
    #[error("{program} on {device} {how}")]
    Maker {
        /// Program.
        program: String,
        /// Device.
        device: String,
        /// How it ended, and the end of what it printed.
        how: String,
    },
    /// It could not be started.
    #[error("making a file system on {device}")]
    Start {
        /// Device.
        device: String,
        /// Why.
        #[source]
        source: crate::CommandError,
    },
}

impl DiskError {
    /// Stable name of the cause, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable",
            Self::NotBlank { .. } => "disk-not-blank",
            Self::InUse { .. } => "disk-in-use",
            Self::Odd { .. } => "disk-odd",
            Self::Write { .. } => "write-failed",
            Self::Maker { .. } => "mkfs-failed",
            Self::Start { source, .. } => source.code(),
        }
    }
}
