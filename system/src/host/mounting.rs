//! The mount table and `mount(2)`.

use std::ffi::CString;
use std::os::fd::AsRawFd;

use rustix::mount::MountFlags;

use crate::tree::Tree;
use crate::{GuestPath, Links, Mount, MountError, MountSpec};

/// `/proc/self/mountinfo`, oldest first, as far as it is below the root.
pub(super) fn table(tree: &Tree) -> Result<Vec<Mount>, MountError> {
    let unreadable = |source| MountError::Read { what: "/proc/self/mountinfo".to_owned(), source };
    let text = std::fs::read("/proc/self/mountinfo").map_err(unreadable)?;
    let root = tree.real_root().map_err(unreadable)?;
    let lines = text.split(|byte| *byte == b'\n').filter_map(line);
    Ok(lines
        .filter_map(|mount| Some(Mount { target: mount.target.rebased(&root)?, ..mount }))
        .collect())
}

/// `36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/root rw`: optional fields end at a lone `-`.
fn line(line: &[u8]) -> Option<Mount> {
    let text = std::str::from_utf8(line).ok()?;
    let (before, after) = text.split_once(" - ")?;
    let target = unescape(before.split(' ').nth(4)?);
    let mut after = after.split(' ');
    let fstype = after.next()?.to_owned();
    let source = unescape(after.next()?);
    Some(Mount { source, target: GuestPath::new(&target).ok()?, fstype })
}

/// The kernel writes blank, tab, line feed and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (code, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        out = out.replace(code, plain);
    }
    out
}

pub(super) fn mount(tree: &Tree, spec: &MountSpec, links: Links<'_>) -> Result<(), MountError> {
    let (flags, data) = split(&spec.options);
    let failed = |source: std::io::Error| MountError::of(spec, source);
    let data = CString::new(data).map_err(|error| failed(error.into()))?;
    let folder = tree.mount_point(&spec.target, links).map_err(failed)?;
    // By descriptor: what was checked is what is mounted on.
    let target = format!("/proc/self/fd/{}", folder.as_raw_fd());
    let data = (!data.is_empty()).then_some(data.as_c_str());
    rustix::mount::mount(spec.source.as_str(), target, spec.fstype.as_str(), flags, data)
        .map_err(|errno| failed(errno.into()))
}

/// Divides `mount(8)` options into flags and what the file system itself reads. Options that only
/// `mount(8)` and systemd know are dropped.
fn split(options: &str) -> (MountFlags, String) {
    let mut flags = MountFlags::empty();
    let mut data = Vec::new();
    for option in options.split(',').map(str::trim) {
        match option {
            "" | "defaults" | "rw" | "exec" | "suid" | "dev" | "auto" | "noauto" | "nofail"
            | "_netdev" | "user" | "nouser" | "users" | "async" => {}
            "ro" => flags |= MountFlags::RDONLY,
            "noexec" => flags |= MountFlags::NOEXEC,
            "nosuid" => flags |= MountFlags::NOSUID,
            "nodev" => flags |= MountFlags::NODEV,
            "noatime" => flags |= MountFlags::NOATIME,
            "relatime" => flags |= MountFlags::RELATIME,
            "nodiratime" => flags |= MountFlags::NODIRATIME,
            "sync" => flags |= MountFlags::SYNCHRONOUS,
            "dirsync" => flags |= MountFlags::DIRSYNC,
            option if option.starts_with("x-") || option.starts_with("comment=") => {}
            option => data.push(option),
        }
    }
    (flags, data.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_lines() {
        let got =
            line(br"36 35 98:0 / /mnt/a\040b rw,noatime master:1 shared:2 - 9p lima-0\134 rw");
        let want = Mount {
            source: "lima-0\\".to_owned(),
            target: GuestPath::new("/mnt/a b").unwrap(),
            fstype: "9p".to_owned(),
        };
        assert_eq!(got, Some(want));
        assert_eq!(line(b""), None);
        assert_eq!(line(b"nonsense - "), None);
    }

    #[test]
    fn options_are_divided() {
        let table = [
            ("rw,nofail", MountFlags::empty(), ""),
            (
                "ro,trans=virtio,version=9p2000.L,msize=131072,cache=fscache,nofail",
                MountFlags::RDONLY,
                "trans=virtio,version=9p2000.L,msize=131072,cache=fscache",
            ),
            ("defaults,comment=cloudconfig,x-systemd.automount", MountFlags::empty(), ""),
            (
                "ro,mode=0700,dmode=0700,overriderockperm,exec,uid=0",
                MountFlags::RDONLY,
                "mode=0700,dmode=0700,overriderockperm,uid=0",
            ),
        ];
        for (options, flags, data) in table {
            assert_eq!(split(options), (flags, data.to_owned()), "{options}");
        }
    }
}
