//! Why a file's time was not set.

use rustix::io::Errno;
use std::io;

/// The reason; the path is said beside it.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The table of mounts.
    #[error("reading the table of mounts: {0}")]
    Mounts(#[source] io::Error),
    /// The path cannot be a file's in the guest.
    #[error("not an absolute path without ..")]
    NotAbsolute,
    /// It is the guest's own.
    #[error("not on a mount that is shared with the host")]
    NotShared,
    /// The message has no time.
    #[error("no time")]
    NoTime,
    /// The time is none.
    #[error("the time's nanoseconds are not within a second")]
    BadTime,
    /// The share is slower than the host, or hangs.
    #[error("the share is slow or hangs, and too many files wait for it")]
    Full,
    /// Many shares are.
    #[error("too many shares are slow or hang")]
    Busy,
    /// No thread.
    #[error("starting a thread: {0}")]
    Thread(#[source] io::Error),
    /// Another mount is there by now.
    #[error("the share is not mounted there any more")]
    Moved,
    /// A link leads out, or another file system is mounted there.
    #[error("the path leads out of the share")]
    Outside,
    /// The kernel or the host refused.
    #[error("setting the time: {0}")]
    Touch(#[source] Errno),
}

impl Reason {
    /// Its name, which does not change.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Mounts(_) => "mounts-unreadable",
            Self::NotAbsolute => "path-not-absolute",
            Self::NotShared => "path-not-shared",
            Self::NoTime => "time-missing",
            Self::BadTime => "time-unusable",
            Self::Full => "share-slow",
            Self::Busy => "shares-slow",
            Self::Thread(_) => "no-thread",
            Self::Moved => "share-moved",
            Self::Outside => "path-outside-share",
            Self::Touch(_) => "time-not-set",
        }
    }
}
