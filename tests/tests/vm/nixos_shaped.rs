//! A guest in the shape of NixOS, for the direct rig: `limactl` would reach it too, but each of its
//! sessions runs through Debian's `/bin/bash`, so nothing more would be shown.
//!
//! It is made from the Debian guest by a script that runs before the agent. What the agent's units meet:
//! `/etc/NIXOS`; `/etc/static`, and files of `/etc` that are links into a read-only `/nix/store`;
//! `sudoers` without an includedir; no `/etc/environment`, `/etc/profile.d`, `/etc/skel`,
//! `/usr/share/zoneinfo`; programs in `/run/current-system/sw/bin`, `sudo` in `/run/wrappers/bin`;
//! users that can be changed (`users.mutableUsers = true`).
//!
//! What in it is not NixOS:
//! - systemd, udev, sshd, dbus and PAM are Debian's, with Debian's units, and see all of Debian;
//! - `/bin` and `/usr/bin` are one folder, with both `sh` and `env`, and only for the agent's units;
//! - `/etc/systemd/system` and most of `/etc/pam.d` are no links; the group `wheel` has another id;
//! - programs are not in the store but Debian's by another path, and their libraries in `/usr/lib`;
//! - the guest agent runs from `/usr/bin`; there is no `nixos-rebuild` and no activation.

use std::io::Write;

use anyhow::{Result, ensure};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer::{self, Install};
use nixvm_e2e::rig::machine::{Machine, Share};
use nixvm_e2e::rig::seed::{Access, Mount, MountType, Seed};
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::suite::Tally;
use tempfile::NamedTempFile;

use super::boots::says;

const TAG: &str = "lima-0123456789abcdef";
const UNITS: &str = "/etc/systemd/system";

/// What makes the shape: text, place in the guest, mode.
const FILES: [(&str, &str, u32); 6] = [
    (include_str!("nixos_shaped/shape.sh"), "/opt/nixos/shape", 0o755),
    (include_str!("nixos_shaped/enter.sh"), "/opt/nixos/enter", 0o755),
    (include_str!("nixos_shaped/shape.service"), "/etc/systemd/system/shape.service", 0o644),
    (include_str!("nixos_shaped/local.conf"), "local", 0o644),
    (include_str!("nixos_shaped/early.conf"), "early", 0o644),
    (include_str!("nixos_shaped/late.conf"), "late", 0o644),
];

pub fn boot(tally: &mut Tally) -> Result<()> {
    let (extra, _kept) = files()?;
    let mut machine = Machine::new("nixos_shaped", &layer::image_with(Arch::host()?, &extra)?)?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("from-host"), "hello from the host")?;
    let share = folder.path().to_owned();
    machine.share(Share { tag: TAG.into(), folder: share, kind: MountType::NineP });
    let seed = seed(&machine)?;
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    tally.check("the_user_logs_in_by_key", || says(&ssh, "id -un", "ada"));
    vm.boot_done(&ssh)?;
    shape(tally, &ssh);
    account(tally, &ssh);
    machine_wide(tally, &ssh);
    scripts(tally, &ssh);
    untouched(tally, &ssh);
    findings(tally, &ssh);
    tally.check("the_system_is_running", || {
        says(&ssh, "systemctl is-system-running --wait", "running")
    });
    tally.check("nothing_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}

/// The files, which must be kept until the image is made.
fn files() -> Result<(Vec<Install>, Vec<NamedTempFile>)> {
    let mut kept = Vec::new();
    let mut installs = Vec::new();
    for (text, place, mode) in FILES {
        let mut file = NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        let from = file.path().to_owned();
        let to = match place.strip_prefix('/') {
            Some(_) => place.to_owned(),
            None => format!("{UNITS}/nixvm-agent-{place}.service.d/nixos.conf"),
        };
        installs.push(Install { from, to, mode });
        kept.push(file);
    }
    Ok((installs, kept))
}

fn seed(machine: &Machine) -> Result<Seed> {
    let mount = Mount { tag: TAG.into(), point: "/mnt/host".into(), access: Access::ReadWrite };
    let environment = "#LIMA-START\nFTP_PROXY=http://192.168.5.2:2121\n#LIMA-END\n";
    let bash = |line: &str, file: &str| format!("#!{line}\ndeclare -A a=([b]=c)\nid -un >{file}\n");
    Ok(Seed {
        keys: vec![machine.public_key()?],
        mounts: vec![mount],
        timezone: "Asia/Tokyo".into(),
        files: vec![("etc_environment".into(), environment.into())],
        system: vec![
            (0, bash("/bin/bash", "/var/tmp/bin-bash")),
            (1, bash("/usr/bin/env bash", "/var/tmp/env-bash")),
            (2, "#!/bin/sh\n(ls /bin /usr/bin; command -v sudo) >/var/tmp/seen\n".into()),
        ],
        user_scripts: vec![
            (3, bash("/bin/bash", "~/bin-bash")),
            (4, bash("/usr/bin/env bash", "~/env-bash")),
        ],
        ..Seed::default()
    })
}

/// That the agent really met what this is about.
fn shape(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_agent_meets_only_sh_and_env_in_bin", || {
        let seen = "/bin:\nenv\nsh\n\n/usr/bin:\nenv\nsh\n/run/wrappers/bin/sudo";
        says(ssh, "cat /var/tmp/seen", seen)
    });
    tally.check("the_store_is_read_only", || {
        says(ssh, "findmnt -rno OPTIONS /nix/store | cut -c1-2", "ro")
    });
}

fn account(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_user_has_a_shell_that_is_there", || {
        let shell = "/run/current-system/sw/bin/bash";
        says(
            ssh,
            "getent passwd ada | cut -d: -f3-7",
            &format!("1000:1000:Ada Lovelace:/home/ada.guest:{shell}"),
        )
    });
    tally.check("sudo_asks_for_no_password", || {
        says(
            ssh,
            "/run/wrappers/bin/sudo -n id -u; ls /etc/sudoers.d 2>/dev/null || echo none",
            "0\nnone",
        )
    });
    tally.check("the_first_session_has_the_variables_of_the_host", || {
        says(ssh, "env | grep FTP_PROXY", "FTP_PROXY=http://192.168.5.2:2121")
    });
}

fn machine_wide(tally: &mut Tally, ssh: &Ssh) {
    tally.check("a_folder_of_the_host_is_mounted_for_everybody", || {
        says(ssh, "cat /mnt/host/from-host", "hello from the host")
    });
    tally.check("the_running_machine_has_the_name_and_the_file_keeps_its_own", || {
        says(ssh, "hostname; cat /etc/hostname", "lima-test\nnixos")
    });
    tally.check("the_time_zone_is_set", || {
        says(ssh, "date +%Z; readlink /etc/localtime", "JST\n/etc/zoneinfo/Asia/Tokyo")
    });
    tally.check("the_host_is_told_by_the_readiness_files", || {
        says(ssh, "cat /run/lima-ssh-ready /run/lima-boot-done", "iid-1700000001\niid-1700000001")
    });
}

fn scripts(tally: &mut Tally, ssh: &Ssh) {
    tally.check("scripts_for_bash_run_wherever_they_look_for_it", || {
        says(ssh, "cat /var/tmp/bin-bash /var/tmp/env-bash", "root\nroot")?;
        says(ssh, "cat ~/bin-bash ~/env-bash", "ada\nada")
    });
}

fn untouched(tally: &mut Tally, ssh: &Ssh) {
    tally.check("no_link_of_etc_was_changed", || {
        let links = "find /etc -type l -printf '%p %l\\n' | sort | comm -3 - /nix/shape/links";
        let links =
            format!("/run/wrappers/bin/sudo sh -c \"{links}\" | grep -v ^/etc/localtime; true");
        says(ssh, &links, "")
    });
    tally.check("no_file_of_the_store_was_changed", || {
        says(ssh, "/run/wrappers/bin/sudo sha256sum --quiet --check /nix/shape/sums", "")
    });
    tally.check("in_etc_only_accounts_were_written", || {
        let said = ssh.run(
            "/run/wrappers/bin/sudo find /etc -newer /nix/shape/done -type f | grep -v '/ssh/ssh_host_\\|/machine-id$\\|/ld.so.cache$\\|/.updated$\\|resolv.conf$' | sort",
        )?;
        let files = ["/group", "/gshadow", "/passwd", "/shadow", "/subgid", "/subuid"];
        let wanted: String = files.map(|file| format!("/etc{file}\n")).concat();
        ensure!(said == wanted, "{said}");
        Ok(())
    });
}

fn findings(tally: &mut Tally, ssh: &Ssh) {
    tally.check("what_nixos_owns_is_named_with_its_option", || {
        let status = ssh.run("nixvm-agent status")?;
        for option in ["networking.hosts", "services.openssh.settings.AcceptEnv"] {
            let is_named = |line: &&str| line.contains("owned by NixOS") && line.contains(option);
            ensure!(status.lines().any(|line| is_named(&line)), "no {option} in\n{status}");
        }
        Ok(())
    });
}
