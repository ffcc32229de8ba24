//! Names of the machine and of its interfaces, and the files of its network service.

use nixvm_system::{Change, Command, Ended, GuestPath, System};

use super::{Fault, write};
use crate::step::Rename;
use crate::step::network::{Configuration, Resolved, Tell};

pub(super) fn hostname(system: &mut dyn System, name: &str) -> Result<Change, Fault> {
    let change = system.tell(&GuestPath::new("/proc/sys/kernel/hostname")?, name)?;
    let file = GuestPath::new("/etc/hostname")?;
    // On NixOS the file is a link into the store; the running name is enough there.
    if system.read_link(&file)?.is_some() {
        return Ok(change);
    }
    Ok(change.and(write(system, file.as_str(), format!("{name}\n").as_bytes(), 0o644)?))
}

pub(super) fn configure(system: &mut dyn System, wanted: &Configuration) -> Result<Change, Fault> {
    let mut change = Change::Unchanged;
    for path in &wanted.stale {
        change = change.and(system.remove(path)?);
    }
    for (path, text, mode) in &wanted.files {
        change = change.and(write(system, path.as_str(), text.as_bytes(), *mode)?);
    }
    let renamed = rename(system, &wanted.renames);
    let change = change.and(*renamed.as_ref().unwrap_or(&Change::Changed));
    // Also after a fault: what has its name and its files must get its address.
    tell(system, wanted.tell, change)?;
    renamed.map(|_| change)
}

/// One that fails keeps its old name, and the others go on. Names that are exchanged go by way of
/// names that nobody wants.
fn rename(system: &mut dyn System, renames: &[Rename]) -> Result<Change, Fault> {
    let is_taken = |name: &String| renames.iter().any(|other| other.from == *name);
    let mut faults = Vec::new();
    let mut waiting = Vec::new();
    for (index, rename) in renames.iter().enumerate() {
        if is_taken(&rename.to) {
            let between = format!("nixvm{index}");
            match system.rename_interface(&rename.from, &between) {
                Ok(_) => waiting.push((between, rename)),
                Err(fault) => faults.push(fault),
            }
        }
    }
    for rename in renames.iter().filter(|rename| !is_taken(&rename.to)) {
        faults.extend(system.rename_interface(&rename.from, &rename.to).err());
    }
    for (between, rename) in waiting {
        if let Err(fault) = system.rename_interface(&between, &rename.to) {
            faults.push(fault);
            faults.extend(system.rename_interface(&between, &rename.from).err());
        }
    }
    let change = if renames.is_empty() { Change::Unchanged } else { Change::Changed };
    faults.into_iter().next().map_or(Ok(change), |fault| Err(fault.into()))
}

fn tell(system: &mut dyn System, tell: Tell, change: Change) -> Result<(), Fault> {
    let (program, args): (_, &[&str]) = match (tell, change) {
        // Its jobs are begun and not waited for: this very unit stands before them in the boot.
        (Tell::StartNetworkd, _) => (
            "systemctl",
            &[
                "--no-block",
                "start",
                "systemd-networkd.service",
                "systemd-networkd-wait-online.service",
            ],
        ),
        (Tell::Nothing, _) | (_, Change::Unchanged) => return Ok(()),
        (Tell::ReloadNetworkd, _) if has_bus(system)? => ("networkctl", &["reload"]),
        (Tell::ReloadNetworkManager, _) if has_bus(system)? => ("nmcli", &["connection", "reload"]),
        (Tell::ReloadNetworkd, _) => {
            ("systemctl", &["--no-block", "try-restart", "systemd-networkd.service"])
        }
        (Tell::ReloadNetworkManager, _) => {
            ("systemctl", &["--no-block", "try-restart", "NetworkManager.service"])
        }
    };
    run(system, program, args).map_err(|fault| {
        fault.hint("the files are written: restart the network service, or the machine")
    })
}

/// Early in the boot there is no bus yet, over which a running service could be asked.
fn has_bus(system: &dyn System) -> Result<bool, Fault> {
    Ok(system.stat(&GuestPath::new("/run/dbus/system_bus_socket")?)?.is_some())
}

fn run(system: &mut dyn System, program: &str, args: &[&str]) -> Result<(), Fault> {
    let finished = system.run(&Command::tool(program, args))?;
    if finished.ended == Ended::Exit(0) {
        return Ok(());
    }
    let reason = format!("{program} {}: {}", args.join(" "), finished.tail.trim());
    Err(Fault::new("service-not-told", reason))
}

/// A resolver that runs already reads its configuration only when it starts.
pub(super) fn resolved(system: &mut dyn System, wanted: &Resolved) -> Result<Change, Fault> {
    let path = "/run/systemd/resolved.conf.d/90-nixvm.conf";
    let change = write(system, path, wanted.text.as_bytes(), 0o644)?;
    if wanted.is_running && change == Change::Changed {
        run(system, "systemctl", &["--no-block", "try-restart", "systemd-resolved.service"])?;
    }
    Ok(change)
}
