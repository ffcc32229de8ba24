//! What must hold in an instance, at one boot or at each.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use nixvm_e2e::rig::lima_host::{INSTANCE, LimaHost};
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::wait;

pub fn says(host: &LimaHost, command: &str, expected: &str) -> Result<()> {
    let said = host.shell(command)?;
    ensure!(said.trim_end() == expected, "`{command}` said\n{said}\nand not\n{expected}");
    Ok(())
}

/// The boot comes to its end, and without a failed unit.
pub fn running(tally: &mut Tally, boot: &str, host: &LimaHost) {
    tally.check(&format!("{boot}_ends_with_a_running_system"), || {
        let said =
            host.shell("systemctl is-system-running --wait || systemctl --failed --plain")?;
        ensure!(said == "running\n", "{said}");
        Ok(())
    });
}

pub fn user(tally: &mut Tally, host: &LimaHost) {
    tally.check("the_user_has_the_name_id_and_home_of_the_template", || {
        let line = "ada:x:501:501:Ada Lovelace:/home/ada-of-macos:/bin/bash";
        says(host, "getent passwd ada", line)?;
        says(host, "id -un; pwd -P; cd; pwd -P; stat -c %U .", "ada\n/\n/home/ada-of-macos\nada")
    });
    tally.check("a_user_with_an_id_of_the_system_reads_its_own_journal", || {
        says(host, "id -nG | tr ' ' '\\n' | grep -x systemd-journal", "systemd-journal")
    });
    tally.check("the_home_is_written", || host.shell("echo of the first boot >~/kept").map(drop));
}

pub fn shares(tally: &mut Tally, host: &LimaHost) {
    tally.check("the_host_folder_is_mounted_and_writable", || {
        says(host, "cat /mnt/host/from-host; echo back >/mnt/host/from-guest", "hello")?;
        ensure!(fs::read_to_string(host.shared().join("written/from-guest"))? == "back\n");
        Ok(())
    });
    tally.check("read_only_folders_are_read_and_not_written", || {
        for point in ["/mnt/fixed", "/mnt/with a blank"] {
            says(host, &format!("cat '{point}/from-host'"), "hello")?;
            let write = format!("sudo touch '{point}/x' 2>/dev/null || echo refused");
            says(host, &write, "refused")?;
        }
        says(host, "findmnt -rno FSTYPE /mnt/fixed", "9p")
    });
}

/// Both disks are in use, with at least so many MiB and at most so many.
pub fn disks(tally: &mut Tally, boot: &str, host: &LimaHost, (least, most): (u64, u64)) {
    tally.check(&format!("{boot}_uses_both_disks_of_{most}_mib"), || {
        let said = host.shell(
            "df --block-size=M --output=size /mnt/lima-fifteen-letters | tail -1
             awk 'NR==2 {print int($3/1024) \"M\"}' /proc/swaps",
        )?;
        let sizes: Vec<u64> =
            said.lines().filter_map(|line| line.trim().strip_suffix('M')?.parse().ok()).collect();
        let is_right = sizes.iter().all(|size| (least..=most).contains(size));
        ensure!(sizes.len() == 2 && is_right, "{said}");
        Ok(())
    });
    if boot != "first_boot" {
        tally.check(&format!("{boot}_keeps_what_is_on_a_disk"), || {
            says(host, "cat /mnt/lima-fifteen-letters/file", "kept")
        });
    }
}

/// Each script has run once in each boot, with the parameter; the system's with the variables too.
pub fn provisioned(tally: &mut Tally, boot: &str, host: &LimaHost, boots: usize) {
    tally.check(&format!("{boot}_has_run_every_script_once"), || {
        for (file, line) in [
            ("/var/tmp/boot-runs", "deep blue"),
            ("/var/tmp/dependency-runs", "deep blue"),
            ("/var/tmp/system-runs", "ada deep blue two words = one"),
            ("~/user-runs", "deep blue"),
        ] {
            says(host, &format!("cat {file}"), &vec![line; boots].join("\n"))?;
        }
        Ok(())
    });
}

pub fn copies(tally: &mut Tally, host: &LimaHost) {
    for backend in ["scp", "rsync"] {
        tally.check(&format!("limactl_copies_both_ways_by_{backend}"), || {
            let backend_is = format!("--backend={backend}");
            let from = host.shared().join("written/from-host").display().to_string();
            let to = host.shared().join(backend).display().to_string();
            let inside = format!("{INSTANCE}:/var/tmp/{backend}");
            host.limactl(&["copy", &backend_is, &from, &inside]).run()?;
            host.limactl(&["copy", &backend_is, &inside, &to]).run()?;
            ensure!(fs::read_to_string(host.shared().join(backend))? == "hello\n");
            Ok(())
        });
    }
}

/// The connection that carries everything breaks, and the next command makes a new one.
pub fn reboot(host: &LimaHost) -> Result<()> {
    let boot = || host.shell("cat /proc/sys/kernel/random/boot_id");
    let before = boot()?;
    host.shell("sudo systemctl reboot").ok(); // it may end with the connection
    wait::until("a shell after the reboot", Duration::from_mins(4), || {
        Ok(boot().ok().filter(|now| *now != before).map(drop))
    })?;
    host.shell("timeout 50 sh -c 'until [ -s /run/lima-boot-done ]; do sleep 0.5; done'").map(drop)
}
