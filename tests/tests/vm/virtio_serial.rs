//! The guest agent over a virtio-serial port, as on a Windows host with Lima: the host comes late,
//! leaves, comes back, and leaves bytes behind that belong to nobody.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nixvm_e2e::client::Client;
use nixvm_e2e::client::forward::Forwarder;
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer;
use nixvm_e2e::rig::machine::Machine;
use nixvm_e2e::rig::seed::Seed;
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::suite::Tally;

const NAME: &str = "io.lima-vm.guest_agent.0";
const PATIENCE: Duration = Duration::from_secs(20);

pub fn guest_agent(tally: &mut Tally) -> Result<()> {
    let mut machine = Machine::new("virtio_serial", &layer::image(Arch::host()?)?)?;
    let socket = machine.virtio_port(NAME);
    let keys = vec![machine.public_key()?];
    let mut vm = machine.boot(&Seed { keys, virtio_port: NAME.into(), ..Seed::default() })?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    ssh.run("nohup socat TCP-LISTEN:8018,fork,reuseaddr SYSTEM:'echo over virtio' >/dev/null 2>&1 </dev/null &")?;
    tally.check("the_agent_has_the_port_open_and_no_socket", || {
        let said = ssh.run(
            "sudo ls -l /proc/$(pidof nixvm-guestagent)/fd | grep -c vport; ls /run/*.sock; true",
        )?;
        ensure!(said.starts_with("1\n") && !said.contains("guestagent"), "{said}");
        Ok(())
    });
    tally.check("without_a_host_the_agent_does_not_run_at_all", || idle(&ssh));
    tally.check("a_host_that_comes_late_is_served", || served(&socket));
    tally.check("a_host_that_comes_back_is_served", || served(&socket));
    tally.check("after_the_host_left_the_agent_does_not_run_at_all", || idle(&ssh));
    tally.check("bytes_of_an_earlier_session_do_no_harm", || {
        leave_behind(&socket, &[0x5a; 50_000])?;
        leave_behind(&socket, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x40\0\0\0\0\0\x01cut off")?;
        served(&socket)
    });
    tally.check("a_host_in_the_middle_of_a_session_is_told_to_begin_anew", || {
        let mut host = UnixStream::connect(&socket)?;
        host.set_read_timeout(Some(PATIENCE))?;
        host.write_all(b"\0\0\x08\x06\0\0\0\0\0pingping")?;
        let mut frame = [0; 17];
        host.read_exact(&mut frame)?;
        ensure!(frame[3] == 7, "no GOAWAY: {frame:?}");
        drop(host);
        served(&socket)
    });
    tally.check("a_host_that_stays_while_the_agent_restarts_is_served", || {
        stays(&socket, || ssh.run("sudo systemctl restart nixvm-guestagent").map(drop))
    });
    tally.check("a_host_that_stays_while_the_agent_is_killed_is_served", || {
        stays(&socket, || {
            ssh.run("sudo systemctl kill -s KILL nixvm-guestagent; sleep 2; pidof nixvm-guestagent")
                .map(drop)
        })
    });
    tally.check("a_port_that_another_program_holds_is_waited_for", || {
        let hold = format!("sudo timeout 3 sh -c 'exec 3<>/dev/virtio-ports/{NAME}; sleep 2'");
        ssh.run(&format!(
            "sudo systemctl stop nixvm-guestagent; ({hold} &) >/dev/null 2>&1; sleep 0.5
             sudo systemctl start nixvm-guestagent; sleep 0.5
             sudo journalctl -b -u nixvm-guestagent | grep 'open in another program'"
        ))?;
        served(&socket)
    });
    tally.check("the_kernel_gives_hints_to_the_confined_agent", || {
        let said = ssh.run("sudo journalctl -b -u nixvm-guestagent | grep 'no hints'; true")?;
        ensure!(said.is_empty(), "{said}");
        Ok(())
    });
    tally.check("nothing_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}

/// A new session: who listens, a call, a tunnel.
fn served(socket: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let info = runtime.block_on(async {
        let asked = async { Client::connect(socket).await?.info().await };
        tokio::time::timeout(PATIENCE, asked).await.context("GetInfo in time")?
    })?;
    ensure!(info.local_ports.iter().any(|port| port.port == 8018), "{info:?}");
    drop(runtime);
    ask(&Forwarder::start(socket, BTreeMap::new())?)
}

/// A host whose connection outlives the agent: its calls may fail once or twice, not for ever.
fn stays(socket: &Path, restart: impl FnOnce() -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut client = Client::connect(socket).await?;
        client.info().await?;
        restart()?;
        let served = async {
            while client.info().await.is_err() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(PATIENCE, served).await.context("an answer in time")
    })
}

fn ask(forwarder: &Forwarder) -> Result<()> {
    let address = forwarder.wait_for(8018, PATIENCE)?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer == "over virtio\n", "{answer:?}");
    Ok(())
}

fn leave_behind(socket: &Path, bytes: &[u8]) -> Result<()> {
    let mut host = UnixStream::connect(socket)?;
    host.set_write_timeout(Some(PATIENCE))?;
    host.write_all(bytes).context("bytes for nobody")
}

/// No tick of processor time and no switch in five seconds.
fn idle(ssh: &Ssh) -> Result<()> {
    let look = "cut -d' ' -f14,15 /proc/$p/stat; grep ctxt /proc/$p/status";
    let said = ssh.run(&format!("p=$(pidof nixvm-guestagent); {look}; sleep 5; {look}"))?;
    let lines: Vec<&str> = said.lines().collect();
    let (before, after) = lines.split_at(lines.len() / 2);
    ensure!(before == after && before.len() == 3, "it ran:\n{said}");
    Ok(())
}
