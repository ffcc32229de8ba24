//! Shared folders by virtiofs. 9p is part of every other boot.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::machine::{Machine, Share};
use nixvm_e2e::rig::seed::{Access, Mount, MountType, Seed};
use nixvm_e2e::rig::suite::{Tally, skip};
use nixvm_e2e::rig::{layer, virtiofs};

/// A tag that no device has.
const GONE: &str = "lima-00000000000000ff";

pub fn virtiofs(tally: &mut Tally) -> Result<()> {
    if virtiofs::program().is_none() {
        return Err(skip("no virtiofsd"));
    }
    if !rustix::process::getuid().is_root() {
        return Err(skip("virtiofsd needs root to change owners"));
    }
    let mut machine = Machine::new("virtiofs", &layer::image(Arch::host()?)?)?;
    let (folder, fixed) = (tempfile::tempdir()?, tempfile::tempdir()?);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
    std::fs::write(fixed.path().join("given"), "read me")?;
    std::fs::set_permissions(fixed.path(), std::fs::Permissions::from_mode(0o777))?;
    // The user who made the medium, and not the guest's.
    std::os::unix::fs::chown(folder.path(), Some(1000), Some(1000))?;
    let mut mounts = Vec::new();
    for (tag, folder, point, access) in [
        ("lima-00000000000000aa", &folder, "/mnt/host", Access::ReadWrite),
        ("lima-00000000000000bb", &fixed, "/mnt/fixed", Access::ReadOnly),
    ] {
        machine.share(Share {
            tag: tag.into(),
            folder: folder.path().into(),
            kind: MountType::Virtiofs,
        });
        mounts.push(Mount { tag: tag.into(), point: point.into(), access });
    }
    let gone = Mount { tag: GONE.into(), point: "/mnt/gone".into(), access: Access::ReadOnly };
    mounts.push(gone);
    let keys = vec![machine.public_key()?];
    let mount_type = MountType::Virtiofs;
    // As on macOS, where the first user has this id.
    let mut vm = machine.boot(&Seed { keys, mounts, mount_type, uid: 501, ..Seed::default() })?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    tally.check("a_writable_share_is_written", || {
        ssh.run("echo back >/mnt/host/from-guest")?;
        ensure!(std::fs::read_to_string(folder.path().join("from-guest"))? == "back\n");
        Ok(())
    });
    tally.check("a_read_only_share_is_read_and_not_written", || {
        let said =
            ssh.run("cat /mnt/fixed/given; touch /mnt/fixed/x 2>/dev/null || echo refused")?;
        ensure!(said == "read merefused\n", "{said}");
        Ok(())
    });
    tally.check("a_share_that_is_not_attached_is_skipped_with_a_reason", || {
        let status = ssh.run("nixvm-agent status")?;
        let line = status.lines().find(|line| line.contains(GONE)).unwrap_or_default().trim();
        ensure!(line.starts_with("skipped") && line.contains("is the share attached"), "{status}");
        Ok(())
    });
    tally.check("files_of_the_hosts_user_are_the_users_or_the_report_says_why_not", || {
        let owner = ssh.run("stat -c %u /mnt/host")?;
        let status = ssh.run("nixvm-agent status")?;
        let line = "show the files of 1000 on /mnt/host as those of ada";
        let line = status.lines().find(|it| it.contains(line)).unwrap_or_default().trim();
        let said = match owner.trim() {
            "501" => line.starts_with("changed"),
            "1000" => line.starts_with("skipped") && line.contains("belong to 1000, ada is 501"),
            _ => false,
        };
        ensure!(said, "owner {owner}{status}");
        Ok(())
    });
    tally.check("a_user_may_have_the_first_id_of_macos", || {
        let said = ssh.run("id -u; stat -c %u ~ /mnt/host/from-guest")?;
        ensure!(said == "501\n501\n501\n", "{said}");
        Ok(())
    });
    tally.check("nothing_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}
