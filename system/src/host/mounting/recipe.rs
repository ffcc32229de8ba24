//! The system calls of one mount, prepared so that they can be made after a fork: every text is
//! ready, nothing allocates.
//!
//! The file system is made and mounted nowhere at first. Only when its root has answered is it put
//! in its place: a share whose host does not answer would stop everybody who looks at the folder
//! above it, and there would be no way back.

use std::ffi::{CStr, CString, NulError};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use super::options::{Bind, Divided};

/// One mount, ready to be made.
pub(super) enum Recipe {
    /// A file system.
    Filesystem {
        /// Its type.
        fstype: CString,
        /// Its options, the source among them.
        parameters: Vec<(CString, Option<CString>)>,
        /// What holds for this mount.
        attrs: MountAttrFlags,
    },
    /// A folder at a second place.
    Bind {
        /// The folder.
        source: CString,
        /// How much of it.
        bind: Bind,
        /// What holds for this mount.
        attrs: MountAttrFlags,
    },
}

/// What the kernel said about a failed call: its number, and a text if the file system gave one.
pub(super) struct Refusal {
    pub(super) errno: Errno,
    pub(super) word: [u8; Self::WORD],
    pub(super) length: usize,
}

impl Refusal {
    /// Longest text that is kept.
    pub(super) const WORD: usize = 96;
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self { errno, word: [0; Self::WORD], length: 0 }
    }
}

impl Recipe {
    pub(super) fn new(source: &str, fstype: &str, options: &Divided<'_>) -> Result<Self, NulError> {
        let attrs = MountAttrFlags::from_bits_retain(options.attrs);
        let source = CString::new(source)?;
        if let Some(bind) = options.bind {
            return Ok(Self::Bind { source, bind, attrs });
        }
        let mut parameters = vec![(CString::new("source")?, Some(source))];
        for (name, value) in &options.parameters {
            parameters.push((CString::new(*name)?, value.map(CString::new).transpose()?));
        }
        Ok(Self::Filesystem { fstype: CString::new(fstype)?, parameters, attrs })
    }

    /// Mounts it on an open folder.
    pub(super) fn make(&self, folder: BorrowedFd<'_>) -> Result<(), Refusal> {
        let made = match self {
            Self::Filesystem { fstype, parameters, attrs } => {
                filesystem(fstype, parameters, *attrs)?
            }
            Self::Bind { source, bind, attrs } => bound(source, *bind, *attrs)?,
        };
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC;
        statx(&made, c"", flags, StatxFlags::BASIC_STATS)?;
        let flags =
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        Ok(move_mount(&made, c"", folder, c"", flags)?)
    }
}

fn filesystem(
    fstype: &CStr,
    parameters: &[(CString, Option<CString>)],
    attrs: MountAttrFlags,
) -> Result<OwnedFd, Refusal> {
    let context = fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC)?;
    let configure = || {
        for (name, value) in parameters {
            match value {
                Some(value) => {
                    fsconfig_set_string(context.as_fd(), name.as_c_str(), value.as_c_str())?;
                }
                None => fsconfig_set_flag(context.as_fd(), name.as_c_str())?,
            }
        }
        fsconfig_create(context.as_fd())?;
        fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attrs)
    };
    configure().map_err(|errno| explained(errno, &context))
}

/// What the file system itself says is in the context, a line for each reading.
fn explained(errno: Errno, context: &OwnedFd) -> Refusal {
    let mut refusal = Refusal::from(errno);
    // No text: then the number has to do.
    refusal.length = rustix::io::read(context, &mut refusal.word).unwrap_or(0);
    refusal
}

fn bound(source: &CStr, bind: Bind, attrs: MountAttrFlags) -> Result<OwnedFd, Refusal> {
    let tree = open_tree(CWD, source, bind.flags())?;
    if !attrs.is_empty() {
        super::attributes::set(tree.as_fd(), bind, attrs)?;
    }
    Ok(tree)
}
