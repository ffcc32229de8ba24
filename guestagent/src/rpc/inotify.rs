//! `PostInotify`: a file changed on the host, so give it the host's time.
//!
//! Setting the time makes the kernel notify whoever watches the file in the
//! guest. Only files below a mount that is shared with the host are touched,
//! and the path is resolved beneath that mount, so no link leads out of it.

use crate::proto::Inotify;
use rustix::fs::{self, AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const SHARED: [&[u8]; 3] = [b"9p", b"virtiofs", b"fuse.sshfs"];

/// Messages that wait for a slow share.
const QUEUE: usize = 1024;

/// The way to the one who sets the times.
#[derive(Debug, Clone)]
pub struct FileEvents(mpsc::Sender<Inotify>);

impl FileEvents {
    /// Starts to take messages.
    pub fn start(tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let (sender, mut messages) = mpsc::channel::<Inotify>(QUEUE);
        let stop = stop.clone();
        tasks.spawn(async move {
            while let Some(Some(message)) = stop.run_until_cancelled(messages.recv()).await {
                // A share can be slow or hang: nothing else may wait for it.
                let touched = tokio::task::spawn_blocking(move || touch(&message));
                match stop.run_until_cancelled(touched).await {
                    Some(Ok(Err(error))) => tracing::warn!(%error, "file time not set"),
                    Some(Err(error)) => tracing::warn!(%error, "file time not set"),
                    Some(Ok(Ok(()))) | None => {}
                }
            }
        });
        Self(sender)
    }

    /// Hands over a message; one too many is dropped.
    pub fn push(&self, message: Inotify) {
        if self.0.try_send(message).is_err() {
            tracing::debug!("file event dropped");
        }
    }
}

fn touch(message: &Inotify) -> Result<(), TouchError> {
    let path = Path::new(&message.mount_path);
    let table = std::fs::read("/proc/self/mountinfo").map_err(TouchError::Mounts)?;
    let mount = shared_mount(&table, path)?;
    let time = message.time.ok_or_else(|| TouchError::NoTime(path.into()))?;
    let relative = path.strip_prefix(&mount).unwrap_or(path);
    set_time(&mount, relative, Timespec { tv_sec: time.seconds, tv_nsec: time.nanos.into() })
        .map_err(|source| TouchError::Touch { path: path.into(), source: source.into() })
}

fn set_time(mount: &Path, relative: &Path, time: Timespec) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = fs::open(mount, flags | OFlags::DIRECTORY, Mode::empty())?;
    let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = fs::openat2(&root, relative, flags, Mode::empty(), beneath)?;
    let times = Timestamps { last_access: time, last_modification: time };
    fs::utimensat(&file, c"", &times, AtFlags::EMPTY_PATH)
}

/// The mount that holds the path, if it is one that is shared with the host.
fn shared_mount(table: &[u8], path: &Path) -> Result<PathBuf, TouchError> {
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    if !path.is_absolute() || !path.components().all(plain) {
        return Err(TouchError::NotAbsolute(path.into()));
    }
    let mounts = table.split(|byte| *byte == b'\n').filter_map(mount);
    // Of two mounts on one folder, the later one is seen.
    let holder = mounts
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.as_os_str().len());
    match holder {
        Some((point, kind)) if SHARED.contains(&kind) => Ok(point),
        _ => Err(TouchError::NotShared(path.into())),
    }
}

/// Mount point and type of a line of `mountinfo`: the fifth field, and the one
/// after the lone hyphen.
fn mount(line: &[u8]) -> Option<(PathBuf, &[u8])> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = unescape(fields.nth(4)?);
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some((PathBuf::from(OsStr::from_bytes(&point)), kind))
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

/// Why a file's time was not set.
#[derive(Debug, thiserror::Error)]
enum TouchError {
    #[error("reading the table of mounts: {0}")]
    Mounts(io::Error),
    #[error("{0:?} is not an absolute path without ..")]
    NotAbsolute(PathBuf),
    #[error("{0:?} is not on a mount that is shared with the host")]
    NotShared(PathBuf),
    #[error("no time for {0:?}")]
    NoTime(PathBuf),
    #[error("setting the time of {path:?}: {source}")]
    Touch { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
        20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        30 20 0:40 / /Users/me rw,relatime shared:1 - virtiofs mount0 rw\n\
        31 20 0:41 / /mnt/a\\040b rw - 9p mount1 rw\n\
        32 30 0:42 / /Users/me/tmp rw - tmpfs tmpfs rw\n\
        33 20 0:43 / /over rw - 9p x rw\n\
        34 33 0:44 / /over rw - tmpfs x rw\n";

    #[test]
    fn only_paths_on_shares_are_allowed() {
        for (path, expected) in [
            ("/Users/me/src/main.rs", Some("/Users/me")),
            ("/Users/me", Some("/Users/me")),
            ("/mnt/a b/file", Some("/mnt/a b")),
            ("/Users/meme/file", None),
            ("/Users/me/tmp/file", None),
            ("/over/file", None),
            ("/etc/shadow", None),
            ("/Users/me/../../etc/shadow", None),
            ("Users/me/file", None),
            ("", None),
        ] {
            let found = shared_mount(TABLE, Path::new(path)).ok();
            assert_eq!(found.as_deref(), expected.map(Path::new), "{path}");
        }
    }

    #[test]
    fn links_do_not_lead_out_of_the_share() {
        let folder = tempfile::tempdir().expect("folder");
        let share = folder.path().join("share");
        std::fs::create_dir(&share).expect("share");
        std::fs::write(share.join("file"), "").expect("file");
        std::fs::write(folder.path().join("outside"), "").expect("outside");
        std::os::unix::fs::symlink("file", share.join("inner")).expect("link");
        std::os::unix::fs::symlink("../outside", share.join("outer")).expect("link");

        let time = Timespec { tv_sec: 1_700_000_000, tv_nsec: 0 };
        set_time(&share, Path::new("inner"), time).expect("inner link");
        let seconds = |path: &Path| {
            let modified = std::fs::metadata(path).expect("file").modified().expect("time");
            modified.duration_since(std::time::UNIX_EPOCH).expect("since 1970").as_secs()
        };
        assert_eq!(seconds(&share.join("file")), 1_700_000_000);
        assert_eq!(set_time(&share, Path::new("outer"), time), Err(rustix::io::Errno::XDEV));
        assert_ne!(seconds(&folder.path().join("outside")), 1_700_000_000);
    }
}
