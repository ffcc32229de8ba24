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
    tally.check("debians_kernel_tells_of_ports_without_any_switch", || {
        told_by_bpf(&ssh.run(&format!("{PARANOID}; nixvm-guestagent status --json"))?)
    });
    tally.check("the_agent_has_the_port_open_and_no_socket", || {
        let said = ssh.run(
            "sudo ls -l /proc/$(pidof nixvm-guestagent)/fd | grep -c vport; ls /run/*.sock; true",
        )?;
        ensure!(said.starts_with("1\n") && !said.contains("guestagent"), "{said}");
        Ok(())
    });
    tally.check("without_a_host_the_agent_does_not_run_at_all", || {
        // The boot still opens ports and writes below the folders that are watched, and a thread
        // that helped at the start waits ten seconds for more to do.
        ssh.run("sleep 15")?;
        idle(&ssh)
    });
    tally.check("a_host_that_comes_late_is_served", || served(&socket, &ssh, 8018));
    tally.check("a_host_that_comes_back_is_served", || served(&socket, &ssh, 8019));
    tally.check("after_the_host_left_the_agent_does_not_run_at_all", || {
        // What it had to do for the host is over after its longest grace.
        ssh.run("sleep 4")?;
        idle(&ssh)
    });
    tally.check("bytes_of_an_earlier_session_do_no_harm", || {
        leave_behind(&socket, &vec![0x5a; 50_000])?;
        served(&socket, &ssh, 8020)
    });
    tally.check("a_host_that_was_cut_off_inside_a_frame_does_no_lasting_harm", || {
        leave_behind(&socket, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x40\0\0\0\0\0\x01cut off")?;
        // Were the next one there within a wake-up of the agent, its beginning would be that frame's
        // end, and the agent none the wiser until it is told to begin again.
        ssh.run("sleep 1")?;
        served(&socket, &ssh, 8021)
    });
    tally.check("a_host_in_the_middle_of_a_session_is_told_to_begin_anew", || {
        // Were it there at once, it would go on with the session before, which is one to the agent.
        ssh.run("sleep 1")?;
        let mut host = UnixStream::connect(&socket)?;
        host.set_read_timeout(Some(PATIENCE))?;
        host.write_all(b"\0\0\x08\x06\0\0\0\0\0pingping")?;
        let mut frame = [0; 17];
        host.read_exact(&mut frame)?;
        ensure!(frame[3] == 7, "no GOAWAY: {frame:?}");
        drop(host);
        served(&socket, &ssh, 8023)
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
        // The agent must find it held, however slow the machine is today.
        let hold =
            format!("sh -c 'exec 3<>/dev/virtio-ports/{NAME}; touch /run/held; exec sleep 6'");
        ssh.run(&format!(
            "sudo systemctl stop nixvm-guestagent; (sudo timeout 20 {hold} &) >/dev/null 2>&1
             timeout 9 sh -c 'until [ -e /run/held ]; do sleep 0.1; done'
             sudo systemctl start nixvm-guestagent; sleep 8
             sudo journalctl -b -u nixvm-guestagent | grep 'open in another program'"
        ))?;
        served(&socket, &ssh, 8024)
    });
    tally.check("nothing_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}

/// Shows what Debian's kernel asks of who wants trace events.
pub const PARANOID: &str = "cat /proc/sys/kernel/perf_event_paranoid";

/// Debian asks for `CAP_SYS_ADMIN` for trace events (3), and our service has none: so changes are told
/// by BPF, or not at all.
pub fn told_by_bpf(said: &str) -> Result<()> {
    let (paranoid, status) = said.split_once('\n').context("two answers")?;
    ensure!(paranoid == "3", "not Debian's usual kernel.perf_event_paranoid: {paranoid}");
    let status: serde_json::Value = serde_json::from_str(status)?;
    for protocol in ["tcp", "udp"] {
        let expected = serde_json::json!({ "protocol": protocol, "by": "bpf", "refused": [] });
        let changes = status.get("changes").and_then(serde_json::Value::as_array);
        ensure!(changes.is_some_and(|changes| changes.contains(&expected)), "{status}");
    }
    Ok(())
}

/// A new session: a call, the event of a port that is opened now, a tunnel to it. Ports that an
/// earlier session was told of are not told again, so each has its own.
fn served(socket: &Path, ssh: &Ssh, port: u16) -> Result<()> {
    session(socket, ssh, port).with_context(|| {
        let journal = "sudo journalctl -b -o short-precise -u nixvm-guestagent | tail -n 25";
        ssh.run(journal).unwrap_or_default()
    })
}

fn session(socket: &Path, ssh: &Ssh, port: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let asked = async { Client::connect(socket).await?.info().await };
        tokio::time::timeout(PATIENCE, asked).await.context("GetInfo in time")?
    })?;
    drop(runtime);
    let forwarder = Forwarder::start(socket, BTreeMap::new())?;
    let listen = format!("socat TCP-LISTEN:{port},fork,reuseaddr SYSTEM:'echo over virtio'");
    ssh.run(&format!("nohup {listen} >/dev/null 2>&1 </dev/null &"))?;
    let mut stream = TcpStream::connect(forwarder.wait_for(port, PATIENCE)?)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer == "over virtio\n", "{answer:?}");
    Ok(())
}

/// A host whose connection outlives the agent: its calls may fail once or twice, not for ever.
fn stays(socket: &Path, restart: impl FnOnce() -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let asked = async {
            let mut client = Client::connect(socket).await?;
            client.info().await.map(|_| client)
        };
        let mut client =
            tokio::time::timeout(PATIENCE, asked).await.context("GetInfo in time")??;
        restart()?;
        let served = async {
            while client.info().await.is_err() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(PATIENCE, served).await.context("an answer in time")
    })
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
