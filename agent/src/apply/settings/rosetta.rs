//! Rosetta, Apple's translator, which the host shares as a folder.
//!
//! The kernel hands it a program by the first bytes of the file (`binfmt_misc`): ELF, 64 bits, little
//! endian, executable or shared, for x86-64; the mask leaves out the bytes that say which ABI. Flags:
//! `O` opens the program for it, `C` keeps the program's own credentials, `F` opens the translator at
//! once, so that it is found from within containers too. Beside it `rosettad` keeps translations; its
//! socket has to be at a fixed place, and containers get it by a description of a device (CDI).

use nixvm_system::{Attrs, Change, Command, GuestPath, Links, MountSpec, Owner, System};

use super::{Fault, find, run_tool, write};
use crate::step::Rosetta;

const TRANSLATOR: &str = "/mnt/lima-rosetta/rosetta";
const DAEMON: &str = "/mnt/lima-rosetta/rosettad";
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";
/// So that `systemd-binfmt.service` keeps it, which clears all and registers what it has files for.
const BINFMT_FILE: &str = "/run/binfmt.d/rosetta.conf";
const FORM: &str = r":rosetta:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00:\xff\xff\xff\xff\xff\xfe\xfe\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/mnt/lima-rosetta/rosetta:OCF";

const UNIT_FILE: &str = "/run/systemd/system/rosettad.service";
const UNIT: &str = r#"[Unit]
Description=Cache of Rosetta's translations
RequiresMountsFor=/mnt/lima-rosetta

[Service]
Environment=PATH=/run/current-system/sw/bin:/usr/bin:/bin
RuntimeDirectory=rosettad
CacheDirectory=rosettad
# Its socket tells that it is ready, so an old one must not be there.
ExecStartPre=/bin/sh -c "rm -f /var/cache/rosettad/uds/rosetta.sock"
ExecStart=/mnt/lima-rosetta/rosettad daemon /var/cache/rosettad
# Everybody's programs use it, and look for it in /run.
ExecStartPost=/bin/sh -c "n=0; until chmod -f go+w /var/cache/rosettad/uds/rosetta.sock; do n=$$((n + 1)); test $$n -lt 60 || exit 1; sleep 1; done; ln -sf /var/cache/rosettad/uds/rosetta.sock /run/rosettad/rosetta.sock"
OOMPolicy=continue
OOMScoreAdjust=-500
"#;

const DEVICE: &str = "\
cdiVersion: \"0.6.0\"
kind: lima-vm.io/rosetta
devices:
- name: cached
  containerEdits:
    mounts:
    - hostPath: /var/cache/rosettad/uds/rosetta.sock
      containerPath: /run/rosettad/rosetta.sock
      options: [bind]
annotations:
  org.mobyproject.buildkit.device.autoallow: true
";

pub fn rosetta(system: &mut dyn System, rosetta: &Rosetta) -> Result<Change, Fault> {
    if system.stat(&GuestPath::new(TRANSLATOR)?)?.is_none() {
        return Err(Fault::new("no-rosetta", format!("there is no {TRANSLATOR}"))
            .hint("the host shares it as vz-rosetta; is Rosetta installed there?"));
    }
    let change = if rosetta.is_registered { register(system)? } else { forget(system)? };
    if system.stat(&GuestPath::new(DAEMON)?)?.is_none() {
        return Ok(change);
    }
    Ok(change.and(cache(system, rosetta.user.as_str())?))
}

fn register(system: &mut dyn System) -> Result<Change, Fault> {
    let folder = GuestPath::new(BINFMT)?;
    let (register, entry) = (folder.join("register")?, folder.join("rosetta")?);
    if system.stat(&register)?.is_none() {
        mount(system, &folder)?;
    }
    let change = write(system, BINFMT_FILE, format!("{FORM}\n").as_bytes(), 0o644)?;
    if let Some(now) = system.read(&entry, 4096)? {
        let now = String::from_utf8_lossy(&now);
        if now.lines().any(|line| line == format!("interpreter {TRANSLATOR}")) {
            return Ok(change);
        }
        system.tell(&entry, "-1")?;
    }
    Ok(change.and(system.tell(&register, FORM)?))
}

/// The folder is there when the module is.
fn mount(system: &mut dyn System, folder: &GuestPath) -> Result<(), Fault> {
    if system.stat(folder)?.is_none() {
        system.run(&Command::tool("modprobe", &["-q", "binfmt_misc"]))?;
    }
    let spec = MountSpec {
        source: "binfmt_misc".to_owned(),
        target: folder.clone(),
        fstype: "binfmt_misc".to_owned(),
        options: "nosuid,nodev,noexec".to_owned(),
    };
    Ok(system.mount(&spec, Links::Follow)?)
}

fn forget(system: &mut dyn System) -> Result<Change, Fault> {
    let change = system.remove(&GuestPath::new(BINFMT_FILE)?)?;
    let entry = GuestPath::new(BINFMT)?.join("rosetta")?;
    match system.stat(&entry)? {
        Some(_) => Ok(change.and(system.tell(&entry, "-1")?)),
        None => Ok(change),
    }
}

fn cache(system: &mut dyn System, user: &str) -> Result<Change, Fault> {
    let account = find(system, user)?;
    let home = GuestPath::new(&account.home)?;
    let owner = Owner { uid: account.uid, gid: account.gid };
    let change = write(system, "/run/cdi/rosetta.yaml", DEVICE.as_bytes(), 0o644)?;
    // nerdctl without root reads only its user's own folder.
    let links = Links::RefuseBelow(&home);
    for folder in [".config", ".config/cdi"] {
        let folder = home.join(folder)?;
        if system.stat(&folder)?.is_none() {
            system.make_dir(&folder, Attrs { mode: 0o755, owner }, links)?;
        }
    }
    let own = home.join(".config/cdi/rosetta.yaml")?;
    let change =
        change.and(system.write(&own, DEVICE.as_bytes(), Attrs { mode: 0o644, owner }, links)?);
    let change = change.and(write(system, UNIT_FILE, UNIT.as_bytes(), 0o644)?);
    // Its start waits for the boot, and the boot for this step: so nobody waits for it here.
    run_tool(system, &Command::tool("systemctl", &["start", "--no-block", "rosettad.service"]))?;
    Ok(change)
}
