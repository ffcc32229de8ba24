//! Waiting for the device: udev may name it later than this program begins, the
//! hypervisor may plug it in at any time, another program may have it open.

use super::port::Port;
use crate::listen::reactor;
use rustix::fs::inotify;
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

const FIRST: Duration = Duration::from_secs(1);
/// Between two looks at a device that another program has open.
const LONGEST: Duration = Duration::from_mins(1);

/// Opens the port as soon as that is possible. Each new hindrance is logged.
///
/// # Errors
/// The event loop does not take the device.
pub async fn open(path: &Path) -> io::Result<Port> {
    let mut pause = FIRST;
    let mut said = None;
    loop {
        // Watch before the attempt: what appears in between is then a change.
        let watch = Watch::above(path);
        let error = match Port::open(path) {
            Ok(port) => return Ok(port),
            Err(error) => error,
        };
        if said != Some(error.kind()) {
            tracing::warn!(path = %path.display(), %error, "{}", explain(&error));
            said = Some(error.kind());
        }
        match watch {
            Ok(watch) if is_absent(&error) => watch.changed().await?,
            _ => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    error.kind() == ErrorKind::NotFound
        || errno.is_some_and(|errno| [Errno::NODEV, Errno::NXIO].contains(&errno))
}

fn explain(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ResourceBusy => {
            "virtio port is open in another program: waiting until it is not"
        }
        ErrorKind::PermissionDenied => {
            "virtio port not opened: does DeviceAllow= of the service hold char-virtio-portsdev?"
        }
        _ if is_absent(error) => "no such virtio port yet: waiting for it",
        _ => "virtio port not opened: trying again",
    }
}

/// Changes in the nearest folder above a path.
struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    fn above(path: &Path) -> io::Result<Self> {
        let events = inotify::WatchFlags::CREATE
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::DELETE_SELF
            | inotify::WatchFlags::ONLYDIR;
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let watch = inotify::init(flags)?;
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
        inotify::add_watch(&watch, folder.unwrap_or(Path::new("/")), events)?;
        reactor::register(watch, Interest::READABLE).map(Self)
    }

    async fn changed(self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        // All of them: one attempt answers them together.
        let mut buffer = [MaybeUninit::uninit(); 4096];
        while inotify::Reader::new(self.0.get_ref(), &mut buffer).next().is_ok() {}
        ready.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_that_appears_later_is_opened() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ports/name");
        let opening = tokio::spawn({
            let path = path.clone();
            async move { open(&path).await.is_ok() }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        std::fs::create_dir(path.parent().expect("folder")).expect("folder");
        tokio::time::sleep(Duration::from_millis(50)).await;
        // epoll takes no ordinary file; a pipe is a device as good as any.
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("pipe");
        let opened = tokio::time::timeout(Duration::from_secs(5), opening).await;
        assert!(opened.expect("in time").expect("no panic"));
    }
}
