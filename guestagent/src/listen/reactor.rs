//! Descriptors in the event loop, by the one function that may put them there.

use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Gives a descriptor to the event loop.
///
/// # Errors
/// It cannot be waited for.
pub fn register(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned by the value, which never exchanges it,
    // so it stays open and the same until that is dropped.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(Into::into)
}
