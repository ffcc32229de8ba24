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
    // In two rounds over names that nobody wants, so that names can be exchanged.
    for (index, rename) in renames.iter().enumerate() {
        ip_rename(system, &rename.from, &format!("nixvm{index}"))?;
        change = Change::Changed;
    }
    for (index, rename) in renames.iter().enumerate() {
        ip_rename(system, &format!("nixvm{index}"), &rename.to)?;
    }
    Ok(change)
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
