//! Names of the machine and of its interfaces.

use nixvm_system::{Change, Command, Ended, GuestPath, System};

use super::{Fault, write};
use crate::step::Rename;

pub(super) fn hostname(system: &mut dyn System, name: &str) -> Result<Change, Fault> {
    let change = system.tell(&GuestPath::new("/proc/sys/kernel/hostname")?, name)?;
    let file = GuestPath::new("/etc/hostname")?;
    // On NixOS the file is a link into the store; the running name is enough there.
    if system.read_link(&file)?.is_some() {
        return Ok(change);
    }
    Ok(change.and(write(system, file.as_str(), format!("{name}\n").as_bytes(), 0o644)?))
}

pub(super) fn configure(
    system: &mut dyn System,
    files: &[(GuestPath, String)],
    renames: &[Rename],
) -> Result<Change, Fault> {
    let mut change = Change::Unchanged;
    for (path, text) in files {
        change = change.and(write(system, path.as_str(), text.as_bytes(), 0o644)?);
    }
    // In two rounds over names that nobody wants, so that names can be exchanged. One that fails
    // keeps its old name, and the others go on.
    let mut faults = Vec::new();
    let mut moved = Vec::new();
    for (index, rename) in renames.iter().enumerate() {
        let between = format!("nixvm{index}");
        match ip_rename(system, &rename.from, &between) {
            Ok(()) => moved.push((between, rename)),
            Err(fault) => faults.push(fault),
        }
    }
    for (between, rename) in moved {
        if let Err(fault) = ip_rename(system, &between, &rename.to) {
            faults.push(fault);
            faults.extend(ip_rename(system, &between, &rename.from).err());
        }
        change = Change::Changed;
    }
    faults.into_iter().next().map_or(Ok(change), Err)
}

fn ip_rename(system: &mut dyn System, from: &str, to: &str) -> Result<(), Fault> {
    for args in
        [&["link", "set", "dev", from, "down"][..], &["link", "set", "dev", from, "name", to]]
    {
        let finished = system.run(&Command::tool("ip", args))?;
        if finished.ended != Ended::Exit(0) {
            let reason = format!("ip {}: {}", args.join(" "), finished.tail.trim());
            return Err(Fault::new("rename-failed", reason));
        }
    }
    Ok(())
}
