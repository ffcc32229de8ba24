//! The Unix socket: for root and its owner, from its first moment.

use rustix::fs::Mode;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// A listener whose socket file goes away with it.
#[derive(Debug)]
pub struct UnixEndpoint {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl UnixEndpoint {
    /// Makes the socket with mode 0600 and gives it to `owner`.
    ///
    /// # Errors
    /// What is there is not a socket, or the socket cannot be made.
    pub fn open(path: &Path, owner: u32) -> io::Result<Self> {
        remove_stale(path)?;
        // The mode must be right when the file appears, not a moment later;
        // the file mask is the only way to say so. One thread runs here.
        let before = rustix::process::umask(Mode::from_raw_mode(0o177));
        let bound = UnixListener::bind(path);
        rustix::process::umask(before);
        let endpoint = Self { listener: bound?, path: path.to_owned(), owner };
        std::os::unix::fs::chown(path, Some(owner), None)?;
        Ok(endpoint)
    }

    /// The next connection of root or the owner.
    ///
    /// # Errors
    /// As of `accept(2)`.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            // The mode of the file keeps others out already; this also holds
            // for whoever got hold of the socket before a change of owner.
            match stream.peer_cred() {
                Ok(peer) if peer.uid() == 0 || peer.uid() == self.owner => return Ok(stream),
                Ok(peer) => tracing::warn!(uid = peer.uid(), "connection of another user refused"),
                Err(error) => tracing::warn!(%error, "connection of an unknown user refused"),
            }
        }
    }
}

impl Drop for UnixEndpoint {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "socket not removed");
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

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
    async fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ga.sock");
        std::fs::write(&path, "precious").expect("file");
        let error = UnixEndpoint::open(&path, 0).expect_err("not a socket");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).expect("file"), "precious");
    }
}
