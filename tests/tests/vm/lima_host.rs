//! The real Lima host, unmodified, with our image and no cloud-init: what a Lima user does.

mod checks;
mod ports;
mod templates;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::lima_host::{INSTANCE, LimaHost};
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::{guest_build, layer};

use checks::{copies, disks, provisioned, reboot, running, says, shares, user};
pub use ports::listener;
use ports::{free_port, is_refused, listen, static_port};

/// Start, reboot from inside, stop and start of an instance with everything.
pub fn start_stop_start(tally: &mut Tally) -> Result<()> {
    let port = free_port()?;
    let host = host("real_lima_host", &templates::ALL.replace("PORT", &port.to_string()))?;
    for name in ["fifteen-letters", "swap"] {
        host.limactl(&["disk", "create", name, "--size", "256MiB"]).run()?;
    }
    let begin = Instant::now();
    host.start_with(&[("ftp_proxy", "http://localhost:2121")])?;
    tally.note(&format!("READY {:.0} s after limactl start", begin.elapsed().as_secs_f64()));
    tally.check("the_first_shell_has_the_proxy_and_the_variables_of_the_host", || {
        // Nothing else has run in the guest yet.
        let said = host.limactl(&["shell", "--workdir=/", INSTANCE, "env"]).run()?;
        for line in [
            "FTP_PROXY=http://192.168.5.2:2121",
            "ftp_proxy=http://192.168.5.2:2121",
            "MOTTO=two words = one",
        ] {
            ensure!(said.lines().any(|other| other == line), "no line {line} in\n{said}");
        }
        Ok(())
    });
    running(tally, "first_boot", &host);
    user(tally, &host);
    shares(tally, &host);
    disks(tally, "first_boot", &host, (200, 256));
    tally.check("a_disk_is_written", || {
        host.shell("echo kept | sudo tee /mnt/lima-fifteen-letters/file").map(drop)
    });
    provisioned(tally, "first_boot", &host, 1);
    tally.check("data_and_yq_make_their_files", || {
        let said = host.shell("cat ~/.config/app/given; stat -c '%U %a' ~/.config/app/given")?;
        ensure!(said == "given\nada 600\n", "{said}");
        let made = host.shell("tr -d ' \\n' </etc/app/made.json")?;
        ensure!(made == r#"{"color":"deepblue"}"#, "{made}");
        Ok(())
    });
    tally.check("the_guest_has_no_cloud_init", || {
        says(&host, "command -v cloud-init || echo none", "none")
    });
    tally.check("a_listener_is_reachable_on_127_0_0_1", || listener(&host));
    tally.check("a_static_port_is_forwarded", || static_port(&host, port));
    copies(tally, &host);

    tally.check("a_reboot_from_inside_comes_back", || reboot(&host));
    running(tally, "after_the_reboot", &host);
    disks(tally, "after_the_reboot", &host, (200, 256));
    provisioned(tally, "after_the_reboot", &host, 2);

    host.stop().context("stop")?;
    for name in ["fifteen-letters", "swap"] {
        host.limactl(&["disk", "resize", name, "--size", "1GiB"]).run()?;
    }
    host.start_with(&[("ftp_proxy", "http://localhost:2122")]).context("the second start")?;
    tally.check("a_changed_proxy_is_in_the_first_shell_after_it_changed", || {
        let said = host.limactl(&["shell", "--workdir=/", INSTANCE, "env"]).run()?;
        let proxies: Vec<_> = said.lines().filter(|line| line.contains("2121")).collect();
        ensure!(said.contains("FTP_PROXY=http://192.168.5.2:2122\n"), "{said}");
        ensure!(proxies.is_empty(), "{proxies:?}");
        Ok(())
    });
    running(tally, "second_start", &host);
    disks(tally, "second_start", &host, (900, 1024));
    provisioned(tally, "second_start", &host, 3);
    tally.check("second_start_keeps_the_home", || says(&host, "cat ~/kept", "of the first boot"));
    tally.check("a_listener_is_reachable_after_the_second_start", || listener(&host));
    host.stop().context("the second stop")
}

/// Shares that the host mounts by sshfs, through SSH.
pub fn reverse_sshfs(tally: &mut Tally) -> Result<()> {
    let host = host("lima_reverse_sshfs", templates::SSHFS)?;
    host.start()?;
    running(tally, "first_boot", &host);
    tally.check("the_host_mounted_its_folders_by_sshfs", || {
        says(&host, "findmnt -rno FSTYPE /mnt/host", "fuse.sshfs")?;
        says(&host, "cat /mnt/host/from-host; echo back >/mnt/host/from-guest", "hello")?;
        says(&host, "cat '/mnt/with a blank/from-host'", "hello")?;
        ensure!(fs::read_to_string(host.shared().join("written/from-guest"))? == "back\n");
        Ok(())
    });
    tally.check("a_folder_that_may_not_be_written_is_not", || {
        says(&host, "touch '/mnt/with a blank/x' 2>/dev/null || echo refused", "refused")
    });
    tally.check("root_sees_what_the_user_mounted", || {
        says(&host, "sudo cat /mnt/host/from-host", "hello")
    });
    host.stop()
}

/// Plain mode, with a password for sudo.
pub fn plain(tally: &mut Tally) -> Result<()> {
    let port = free_port()?;
    let host = host("lima_plain", &templates::PLAIN.replace("PORT", &port.to_string()))?;
    host.start()?;
    running(tally, "first_boot", &host);
    tally.check("sudo_asks_for_the_password_that_is_in_the_home", || {
        says(&host, "sudo -kn id -u 2>/dev/null || echo refused", "refused")?;
        says(&host, "stat -c '%U %a' ~/password", "ada 600")?;
        says(&host, "sudo -kS -p '' id -u <~/password", "0")
    });
    tally.check("the_system_script_ran", || says(&host, "cat /var/tmp/system-runs", "ada"));
    tally.check("a_static_port_is_forwarded", || static_port(&host, port));
    tally.check("no_other_port_is_and_there_is_no_guest_agent", || {
        let other = free_port()?;
        listen(&host, other)?;
        // The guest's own answer says that there is something to forward by now.
        says(&host, &format!("socat - TCP:127.0.0.1:{other}"), "hi")?;
        is_refused(other)?;
        says(&host, "systemctl is-active nixvm-guestagent || true", "inactive")
    });
    tally.check("the_report_has_no_failure", || {
        says(&host, "nixvm-agent status | grep -c failed || true", "0")
    });
    host.stop()
}

fn host(name: &str, template: &str) -> Result<LimaHost> {
    let arch = Arch::host()?;
    let programs = guest_build::build(arch)?;
    let host = LimaHost::with_template(name, &layer::image(arch)?, &programs, template)?;
    for folder in ["written", "fixed", "with a blank"] {
        let folder = host.shared().join(folder);
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
        fs::write(folder.join("from-host"), "hello\n")?;
    }
    Ok(host)
}
