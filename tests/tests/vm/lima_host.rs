//! The real Lima host, unmodified, with our image and no cloud-init: what a Lima user does.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::lima_host::LimaHost;
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::{guest_build, layer, wait};

pub fn start_stop_start(tally: &mut Tally) -> Result<()> {
    let arch = Arch::host()?;
    let programs = guest_build::build(arch)?;
    let host = LimaHost::new("real_lima_host", &layer::image(arch)?, &programs)?;
    std::fs::write(host.shared().join("from-host"), "hello from the host")?;

    let begin = Instant::now();
    host.start()?;
    tally.note(&format!("READY {:.0} s after limactl start", begin.elapsed().as_secs_f64()));
    tally.check("start_reaches_ready", || Ok(()));
    tally.check("shell_runs_a_command", || {
        let said = host.shell("id -un; id -u")?;
        ensure!(said.lines().count() == 2, "{said}");
        Ok(())
    });
    tally.check("the_host_folder_is_mounted_and_writable", || {
        let said = host.shell("cat /mnt/host/from-host; echo back >/mnt/host/from-guest")?;
        ensure!(said == "hello from the host", "{said}");
        ensure!(std::fs::read_to_string(host.shared().join("from-guest"))? == "back\n");
        Ok(())
    });
    tally.check("provision_scripts_ran_with_their_environment", || {
        let said = host.shell("cut -d' ' -f2 /var/tmp/system-runs; cat ~/user-runs")?;
        ensure!(said == "blue\nblue\n", "{said}");
        Ok(())
    });
    tally.check("the_guest_has_no_cloud_init", || {
        let said = host.shell("command -v cloud-init || echo none")?;
        ensure!(said == "none\n", "{said}");
        Ok(())
    });
    tally.check("a_listener_is_reachable_on_127_0_0_1", || listener(&host));
    tally.check("no_unit_failed", || no_unit_failed(&host));

    host.stop().context("stop")?;
    host.start().context("the second start")?;
    tally.check("stop_and_start_again_works", || {
        let said = host.shell("wc -l </var/tmp/system-runs")?;
        ensure!(said.trim() == "2", "the system script ran {said} times in two boots");
        Ok(())
    });
    tally.check("a_listener_is_reachable_after_the_second_start", || listener(&host));
    tally.check("no_unit_failed_in_the_second_boot", || no_unit_failed(&host));
    host.stop().context("the second stop")
}

pub fn listener(host: &LimaHost) -> Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let listen = format!("TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr");
    host.shell(&format!("setsid socat {listen} EXEC:'echo hi' >/dev/null 2>&1 </dev/null &"))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    wait::until("an answer from the guest's port", Duration::from_secs(20), || {
        let Ok(mut stream) = TcpStream::connect(address) else { return Ok(None) };
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut said = String::new();
        Ok(stream.read_to_string(&mut said).is_ok_and(|_| said == "hi\n").then_some(()))
    })
}

fn no_unit_failed(host: &LimaHost) -> Result<()> {
    let failed = host.shell("systemctl list-units --failed --plain --no-legend")?;
    ensure!(failed.is_empty(), "{failed}");
    Ok(())
}
