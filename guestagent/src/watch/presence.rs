//! Which of some paths exist, told by inotify and never polled.
//!
//! A path is walked as the kernel would walk it. At each step three things can
//! change what it leads to, and each has its watch:
//!
//! - the folder that has the last part, or misses a part, is watched for
//!   entries that come and go; so is a folder whose entry is a symbolic link;
//! - a folder that is only passed is watched for itself being moved or removed,
//!   so a busy one (`/run`) wakes nobody by its entries;
//! - a file that is there is watched for being written anew.
//!
//! Entries of other names are left out here, since the kernel cannot. When
//! anything of ours changes, all watches are made anew: that is rare, and
//! leaves no stale ones. What is mounted over a folder is not noticed.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod steps;

use steps::{Identity, Steps};

/// Changes come in rows: an installation, a link that is replaced.
const SETTLED: Duration = Duration::from_millis(10);
/// How often paths that change while they are walked are walked again at once.
const TRIES: usize = 8;
/// Room for some hundred events.
const BUFFER: usize = 8 * 1024;

/// The paths that exist, and what told each apart from another of this name.
pub type Present = BTreeMap<PathBuf, Identity>;

/// Follows absolute paths until `stop`.
///
/// # Errors
/// No inotify, or no watches left (`fs.inotify.max_user_watches`).
pub fn start(
    paths: Vec<PathBuf>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> io::Result<watch::Receiver<Present>> {
    let (watches, present) = Watches::new(&paths)?;
    let (sender, receiver) = watch::channel(present);
    tasks.spawn(stop.clone().run_until_cancelled_owned(follow(paths, watches, sender)));
    Ok(receiver)
}

async fn follow(paths: Vec<PathBuf>, mut watches: Watches, sender: watch::Sender<Present>) {
    while watches.changed().await {
        tokio::time::sleep(SETTLED).await;
        let present = match Watches::new(&paths) {
            Ok((fresh, present)) => {
                watches = fresh;
                present
            }
            Err(error) => {
                tracing::warn!(%error, "changes of files are not noticed any more");
                return;
            }
        };
        sender.send_if_modified(|known| {
            let changed = *known != present;
            *known = present;
            changed
        });
    }
}

/// An inotify instance with all watches that the paths need now.
#[derive(Debug)]
struct Watches {
    inotify: AsyncFd<OwnedFd>,
    /// The entries that matter, by watch; none if every event does.
    names: BTreeMap<i32, BTreeSet<OsString>>,
}

impl Watches {
    fn new(paths: &[PathBuf]) -> io::Result<(Self, Present)> {
        let mut steps = Steps::walk(paths);
        let mut tries = 0;
        loop {
            tries += 1;
            let watches = Self::set(&steps)?;
            // What changed before its watch was there shows itself now.
            let again = Steps::walk(paths);
            if again == steps || tries == TRIES {
                return Ok((watches, again.present));
            }
            steps = again;
        }
    }

    fn set(steps: &Steps) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut names = BTreeMap::<i32, BTreeSet<OsString>>::new();
        let gone = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::MASK_ADD;
        let entries = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::ONLYDIR;
        for folder in &steps.passed {
            add(&inotify, folder, gone | WatchFlags::ONLYDIR)?;
        }
        for file in &steps.files {
            add(&inotify, file, WatchFlags::CLOSE_WRITE | WatchFlags::MASK_ADD)?;
        }
        for (folder, wanted) in &steps.entries {
            if let Some(watch) = add(&inotify, folder, entries | gone)? {
                names.entry(watch).or_default().extend(wanted.iter().cloned());
            }
        }
        // SAFETY: an `OwnedFd` keeps the one descriptor it names until it is dropped.
        let inotify = unsafe { AsyncFd::register_with_interest(inotify, Interest::READABLE) }?;
        Ok(Self { inotify, names })
    }

    /// Waits for an event that matters; `false` if there are no more events.
    async fn changed(&self) -> bool {
        loop {
            let Ok(mut ready) = self.inotify.readable().await else { return false };
            match ready.try_io(|inotify| self.read(inotify.get_ref())) {
                Ok(Ok(true)) => return true,
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "changes of files are not noticed any more");
                    return false;
                }
            }
        }
    }

    /// Reads what is there; whether something of it matters.
    fn read(&self, inotify: &OwnedFd) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(inotify, &mut buffer);
        loop {
            let event = reader.next().map_err(io::Error::from)?;
            let name = event.file_name().map(|name| std::ffi::OsStr::from_bytes(name.to_bytes()));
            let entry = name.zip(self.names.get(&event.wd()));
            let ours = entry.is_none_or(|(name, names)| names.contains(name));
            // The kernel takes a watch away after it has said why.
            if ours && event.events() != ReadFlags::IGNORED {
                return Ok(true);
            }
            if reader.is_buffer_empty() {
                return Ok(false);
            }
        }
    }
}

/// Nothing if the path has gone: the walk that follows finds out.
fn add(inotify: &OwnedFd, path: &Path, flags: WatchFlags) -> io::Result<Option<i32>> {
    match inotify::add_watch(inotify, path, flags) {
        Ok(watch) => Ok(Some(watch)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
