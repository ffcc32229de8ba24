//! A socket that is another user's from the moment it exists.
//!
//! Giving a file away takes `CAP_CHOWN`, the right over the owner of every file.
//! A file also belongs to whoever makes it: so the socket is bound in his name,
//! in a folder made for that, where everybody may make files and nobody may
//! touch another's, and is moved to its place. That exchanges an older socket
//! without a moment in which there is none.

use super::{bind, refuse_other_files};
use rustix::io::Errno;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Listens at `path` on a socket of `owner`.
///
/// # Errors
/// What is there is no socket, the folder cannot be written, or this process may
/// not act for others (`CAP_SETUID`).
pub fn bind_as(path: &Path, owner: u32) -> io::Result<UnixListener> {
    refuse_other_files(path)?;
    let cradle = Cradle::beside(path)?;
    let place = cradle.0.join("s");
    let listener = acting_as(owner, || bind(&place))??;
    if fs::symlink_metadata(&place)?.uid() != owner {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "the socket is another user's"));
    }
    fs::rename(&place, path)?;
    Ok(listener)
}

/// Makes files as this user, on this thread, for one call.
fn acting_as<T>(user: u32, act: impl FnOnce() -> T) -> io::Result<T> {
    let before = file_user(user);
    // It has no error to return; asking again tells whether it was allowed.
    let allowed = file_user(u32::MAX) == user;
    let done = allowed.then(act);
    file_user(before);
    done.ok_or_else(|| Errno::PERM.into())
}

/// Sets the user for access to files and gives the one before. A user that
/// there cannot be changes nothing.
fn file_user(user: u32) -> u32 {
    // SAFETY: it takes a number, and changes this thread's credentials only.
    let before = unsafe { libc::setfsuid(user) };
    before.cast_unsigned()
}

/// The folder; it goes away with the value.
struct Cradle(PathBuf);

impl Cradle {
    fn beside(path: &Path) -> io::Result<Self> {
        // Short, because the path of a socket may have 107 bytes.
        let cradle = Self(path.with_file_name(format!(".ga-{}", std::process::id())));
        // Of an earlier process with this number; there may be none.
        cradle.remove();
        fs::create_dir(&cradle.0)?;
        fs::set_permissions(&cradle.0, fs::Permissions::from_mode(0o1733))?;
        Ok(cradle)
    }

    fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::debug!(path = %self.0.display(), %error, "folder not removed");
        }
    }
}

impl Drop for Cradle {
    fn drop(&mut self) {
        self.remove();
    }
}
