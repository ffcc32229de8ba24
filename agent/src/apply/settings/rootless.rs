//! Ids and settings of the kernel for containers without root.

use nixvm_system::{Attrs, Change, FileKind, GuestPath, Links, System};

use super::{Fault, LOCK_LIMIT, PASSWORD_LOCK, find, write};
use crate::accounts::subordinate;
use crate::facts::rootless::{SUBORDINATE, sysctl_file};

/// Lima's name for the file, in the folder of what ends with the boot.
const SYSCTL: &str = "/run/sysctl.d/99-lima.conf";
/// Largest file of ids that is read, in bytes.
const LIMIT: u64 = 16 << 20;

/// Under the lock of shadow's tools, which change the same files.
pub fn ids(system: &mut dyn System, user: &str) -> Result<Change, Fault> {
    let account = find(system, user)?;
    let _lock = system.lock(&GuestPath::new(PASSWORD_LOCK)?, LOCK_LIMIT)?;
    let mut change = Change::Unchanged;
    for name in SUBORDINATE {
        change = change.and(add_ids(system, &GuestPath::new(name)?, user, account.uid)?);
    }
    Ok(change)
}

fn add_ids(
    system: &mut dyn System,
    file: &GuestPath,
    user: &str,
    uid: u32,
) -> Result<Change, Fault> {
    let attrs = match system.stat(file)? {
        Some(stat) if stat.kind == FileKind::Link => {
            return Err(Fault::new("not-ours", format!("{file} is a link; it is left alone")));
        }
        Some(stat) => Attrs { mode: stat.mode, owner: stat.owner },
        None => Attrs::root(0o644),
    };
    let now = system.read(file, LIMIT)?.unwrap_or_default();
    if subordinate::is_listed(&now, user, uid) {
        return Ok(Change::Unchanged);
    }
    let text = subordinate::add(&now, user, uid).ok_or_else(|| {
        Fault::new("no-free-ids", format!("{file} has no room for {user}"))
            .hint("give the ranges of others to fewer ids")
    })?;
    Ok(system.write(file, &text, attrs, Links::Follow)?)
}

/// The values at once, and a file for whoever reads all of them again.
pub fn sysctl(system: &mut dyn System, values: &[(&str, &str)]) -> Result<Change, Fault> {
    let text: String = values.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    let mut change = write(system, SYSCTL, text.as_bytes(), 0o644)?;
    for (name, value) in values {
        let file = GuestPath::new(&sysctl_file(name))?;
        // The kernel divides the numbers of a range by tabs.
        let now = system.read(&file, 256)?.unwrap_or_default();
        let now = String::from_utf8_lossy(&now);
        if !now.split_whitespace().eq(value.split_whitespace()) {
            change = change.and(system.tell(&file, value)?);
        }
    }
    Ok(change)
}
