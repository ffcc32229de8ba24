//! Stock Lima with a guest in which nothing is ours: cloud-init does the boot, and the one thing that
//! was exchanged is the file of the guest agent beside limactl.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::lima_host::LimaHost;
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::{base, guest_build, layer};

use super::lima_host::listener;
use super::virtio_serial::{PARANOID, told_by_bpf};

pub fn drop_in(tally: &mut Tally) -> Result<()> {
    let arch = Arch::host()?;
    let programs = guest_build::build(arch)?;
    let image = layer::layer(&base::stock(arch)?, &[])?;
    let host = LimaHost::new("stock_lima", &image, &programs)?;

    let begin = Instant::now();
    host.start()?;
    tally.note(&format!("READY {:.0} s after limactl start", begin.elapsed().as_secs_f64()));
    tally.check("start_reaches_ready_with_cloud_init", || {
        let said = host.shell("command -v cloud-init; ls /usr/bin/nixvm-agent 2>&1; true")?;
        ensure!(said.contains("cloud-init") && said.contains("No such file"), "{said}");
        Ok(())
    });
    tally.check("limas_script_made_our_agent_a_service", || service(&host));
    tally.check("debians_kernel_tells_of_ports_without_any_switch", || {
        told_by_bpf(&host.shell(&format!("{PARANOID}; lima-guestagent status --json"))?)
    });
    tally.check("a_listener_is_reachable_on_127_0_0_1", || listener(&host));
    host.stop().context("stop")?;
    let begin = Instant::now();
    host.start().context("the second start")?;
    tally.note(&format!("READY again {:.0} s after limactl start", begin.elapsed().as_secs_f64()));
    tally.check("the_second_boot_leaves_the_service_as_it_is", || {
        let said = host.shell("sudo grep -c 'done=Nothing' /var/log/cloud-init-output.log")?;
        ensure!(said == "1\n", "{said}");
        service(&host)
    });
    tally.check("a_listener_is_reachable_after_the_second_start", || listener(&host));
    host.stop().context("the second stop")
}

fn service(host: &LimaHost) -> Result<()> {
    let said = host.shell(
        "systemctl show -p ActiveState,Type,NRestarts,UnitFileState --value lima-guestagent
         sudo readlink /proc/$(pidof lima-guestagent)/exe
         lima-guestagent --version; stat -c %U /run/lima-guestagent.sock; id -un",
    )?;
    let lines: Vec<&str> = said.lines().collect();
    let [kind, restarts, state, enabled, program, version, owner, user] = lines[..] else {
        anyhow::bail!("{said}")
    };
    ensure!((kind, restarts, state, enabled) == ("notify", "0", "active", "enabled"), "{said}");
    ensure!(program == "/usr/local/bin/lima-guestagent" && version.contains("nixvm"), "{said}");
    ensure!(owner == user, "{said}");
    Ok(())
}
