//! The Unix socket: for root and its owner, from its first moment.

use super::Peer;
use super::fd_stream::FdStream;
use rustix::fs::Mode;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

mod birth;

/// A listener.
#[derive(Debug)]
pub struct UnixEndpoint {
    listener: UnixListener,
    owner: u32,
    /// The file that goes away with it; none if systemd made the socket.
    path: Option<PathBuf>,
}

impl UnixEndpoint {
    /// Makes the socket with mode 0600, for `owner`.
    ///
    /// # Errors
    /// What is there is not a socket, or the socket cannot be made.
    pub fn open(path: &Path, owner: u32) -> io::Result<Self> {
        let listener = if owner == rustix::process::geteuid().as_raw() {
            remove_stale(path)?;
            bind(path)
        } else {
            birth::bind_as(path, owner)
        };
        Ok(Self {
            listener: UnixListener::from_std(listener?)?,
            owner,
            path: Some(path.to_owned()),
        })
    }

    /// Takes a socket that listens already and does not block. Its file, mode
    /// and owner are whoever's made it.
    pub(super) fn inherited(socket: OwnedFd, owner: u32) -> io::Result<Self> {
        let listener = UnixListener::from_std(socket.into())?;
        Ok(Self { listener, owner, path: None })
    }

    /// Where it listens, unless that has no name in the file system.
    pub(super) fn place(&self) -> io::Result<Option<PathBuf>> {
        Ok(self.listener.local_addr()?.as_pathname().map(Path::to_owned))
    }

    /// The next connection of root or the owner.
    ///
    /// # Errors
    /// As of `accept(2)`.
    pub async fn accept(&self) -> io::Result<(FdStream, Peer)> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            // The mode of the file keeps others out already; this also holds
            // for whoever got hold of the socket before a change of owner.
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == 0 || peer.uid() == self.owner => {
                    let stream = FdStream::new(stream.into_std()?.into());
                    return Ok((stream, Peer::user(peer.uid())));
                }
                Ok(peer) => tracing::warn!(uid = peer.uid(), "connection of another user refused"),
                Err(error) => tracing::warn!(%error, "connection of an unknown user refused"),
            }
        }
    }
}

impl Drop for UnixEndpoint {
    fn drop(&mut self) {
        let Some(path) = &self.path else { return };
        if let Err(error) = std::fs::remove_file(path) {
            tracing::debug!(path = %path.display(), %error, "socket not removed");
        }
    }
}

/// The mode must be right when the file appears, not a moment later; the file
/// mask is the only way to say so. One thread runs here.
fn bind(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = std::os::unix::net::UnixListener::bind(path);
    rustix::process::umask(before);
    let bound = bound?;
    bound.set_nonblocking(true)?;
    Ok(bound)
}

fn remove_stale(path: &Path) -> io::Result<()> {
    if refuse_other_files(path)? { std::fs::remove_file(path) } else { Ok(()) }
}

/// Whether there is a socket; anything else but nothing is an error.
fn refuse_other_files(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(true),
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn stale_socket_is_replaced_and_mode_is_0600() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ga.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("stale socket"));
        let own = rustix::process::getuid().as_raw();
        let endpoint = UnixEndpoint::open(&path, own).expect("endpoint");
        let mode = std::fs::metadata(&path).expect("socket").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        drop(endpoint);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn socket_of_another_user_is_his_and_replaces_a_stale_one() {
        if !rustix::process::geteuid().is_root() {
            return println!(
                "SKIP socket_of_another_user_is_his_and_replaces_a_stale_one: not root"
            );
        }
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ga.sock");
        for _ in 0..2 {
            let endpoint = UnixEndpoint::open(&path, 54321).expect("endpoint");
            let found = std::fs::metadata(&path).expect("socket");
            assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (54321, 0, 0o600));
            assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1);
            let connecting = UnixStream::connect(&path);
            let (accepted, connected) = tokio::join!(endpoint.accept(), connecting);
            connected.expect("connected");
            assert_eq!(accepted.expect("accepted").1, Peer::user(0));
            // As after a crash: nobody removes the file.
            std::mem::forget(endpoint);
        }
    }

    #[tokio::test]
    async fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ga.sock");
        std::fs::write(&path, "precious").expect("file");
        let error = UnixEndpoint::open(&path, 0).expect_err("not a socket");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).expect("file"), "precious");
    }
}
