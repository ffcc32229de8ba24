//! Mounts and what they need.

use nixvm_system::{Attrs, Change, GuestPath, Links, MountSpec, Owner, System};

use super::accounts::find;
use super::{Fault, write};
use crate::config::types::UserName;

pub(super) fn mount(
    system: &mut dyn System,
    spec: &MountSpec,
    owner: Option<&UserName>,
) -> Result<Change, Fault> {
    let there = system.mounts()?.into_iter().rev().find(|mount| mount.target == spec.target);
    if let Some(there) = there {
        return if (there.source, there.fstype) == (spec.source.clone(), spec.fstype.clone()) {
            Ok(Change::Unchanged)
        } else {
            Err(Fault::new(
                "mount-point-taken",
                format!("{} is a mount point already", spec.target),
            ))
        };
    }
    make_point(system, &spec.target, owner)?;
    system.mount(spec).map_err(|error| {
        Fault::from(error).hint("is the share attached, and its file system in the kernel?")
    })?;
    Ok(Change::Changed)
}

/// Makes the folder. Below a home, each missing folder on the way belongs to its user.
fn make_point(
    system: &mut dyn System,
    target: &GuestPath,
    owner: Option<&UserName>,
) -> Result<(), Fault> {
    if system.stat(target)?.is_some() {
        return Ok(());
    }
    let Some(user) = owner else {
        system.make_dir(target, Attrs::root(0o755), Links::Follow)?;
        return Ok(());
    };
    let account = find(system, user.as_str())?;
    let home = GuestPath::new(&account.home)?;
    let owner = Owner { uid: account.uid, gid: account.gid };
    let mut missing = Vec::new();
    let mut folder = target.clone();
    while folder.below(&home).is_some() && system.stat(&folder)?.is_none() {
        missing.push(folder.clone());
        folder = folder.parent();
    }
    for folder in missing.iter().rev() {
        system.make_dir(folder, Attrs { mode: 0o755, owner }, Links::RefuseBelow(&home))?;
    }
    Ok(())
}

/// Only what is left of a fault of one mount is lost: growing never stops the boot.
pub(super) fn grow_root(system: &mut dyn System) -> Result<Change, Fault> {
    let root = GuestPath::root();
    match system.backing(&root)? {
        Some(backing) if backing.can_grow() => Ok(system.grow(&root, &backing)?),
        _ => Ok(Change::Unchanged),
    }
}

pub(super) fn fuse(
    system: &mut dyn System,
    user: &str,
    points: &[GuestPath],
) -> Result<Change, Fault> {
    let account = find(system, user)?;
    let mut change = allow_other(system)?;
    for point in points {
        if system.stat(point)?.is_none() {
            let home = GuestPath::new(&account.home)?;
            let owner = Owner { uid: account.uid, gid: account.gid };
            let links = Links::RefuseBelow(&home);
            change = change.and(system.make_dir(point, Attrs { mode: 0o755, owner }, links)?);
        }
    }
    Ok(change)
}

fn allow_other(system: &mut dyn System) -> Result<Change, Fault> {
    let path = GuestPath::new("/etc/fuse.conf")?;
    let text = system.read(&path, 1 << 20)?.unwrap_or_default();
    let is_on = |line: &[u8]| line.trim_ascii() == b"user_allow_other";
    if text.split(|byte| *byte == b'\n').any(is_on) {
        return Ok(Change::Unchanged);
    }
    let mut text = text;
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend(b"user_allow_other\n");
    write(system, path.as_str(), &text, 0o644)
}
