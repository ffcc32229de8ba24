//! Waiting: for a change in a folder, and for a lock.

use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::Tree;
use crate::{FileError, GuestPath, Links, Lock, WriteError};

impl Tree {
    pub(crate) fn wait_for_change(
        &self,
        dir: &GuestPath,
        limit: Duration,
    ) -> Result<bool, FileError> {
        let wait = || -> io::Result<bool> {
            let folder = self.nearest_folder(dir)?;
            let watch = inotify::init(CreateFlags::CLOEXEC)?;
            let flags = WatchFlags::CREATE
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE;
            inotify::add_watch(&watch, format!("/proc/self/fd/{}", folder.as_raw_fd()), flags)?;
            let timeout = Timespec {
                tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(limit.subsec_nanos()),
            };
            match poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&timeout)) {
                Ok(ready) => Ok(ready > 0),
                Err(Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            }
        };
        wait().map_err(|source| FileError::Read { path: dir.clone(), source })
    }

    /// The folder, or the nearest one above it that is there.
    fn nearest_folder(&self, dir: &GuestPath) -> io::Result<std::os::fd::OwnedFd> {
        match self.folder(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && *dir != GuestPath::root() => {
                self.nearest_folder(&dir.parent())
            }
            other => other,
        }
    }

    pub(crate) fn lock(&mut self, path: &GuestPath, limit: Duration) -> Result<Lock, WriteError> {
        let failed = |source: io::Error| WriteError::Write { path: path.clone(), source };
        let folder = self.make_folder(&path.parent(), Links::Follow).map_err(failed)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&folder, path.name(), flags, Mode::from_raw_mode(0o600))
            .map_err(|error| failed(error.into()))?;
        let end = Instant::now() + limit;
        loop {
            match fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock(file)),
                Err(Errno::AGAIN | Errno::ACCESS) if Instant::now() < end => {
                    // The kernel offers no wait with a limit for this kind of lock.
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(Errno::AGAIN | Errno::ACCESS) => {
                    return Err(WriteError::Locked { path: path.clone() });
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
    }
}
