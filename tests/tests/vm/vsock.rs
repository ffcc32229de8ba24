//! The guest agent over vsock, as on macOS with Lima's `vmType: vz`.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};
use nixvm_e2e::client::forward::Forwarder;
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer;
use nixvm_e2e::rig::machine::Machine;
use nixvm_e2e::rig::seed::Seed;
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::vsock::Vsock;

const PORT: u32 = 2222;

pub fn guest_agent(tally: &mut Tally) -> Result<()> {
    let mut machine = Machine::new("vsock", &layer::image(Arch::host()?)?)?;
    let vsock = Vsock::new(&machine)?;
    let socket = machine.dir().join("agent.sock");
    let keys = vec![machine.public_key()?];
    let mut vm = machine.boot(&Seed { keys, vsock_port: PORT, ..Seed::default() })?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    vsock.forward(PORT, &socket)?;
    tally.check("the_agent_listens_on_vsock_and_not_on_its_unix_socket", || {
        let said = ssh.run("sudo ss --vsock --listening | grep -c :2222; ls /run/*.sock; true")?;
        ensure!(said == "1\n" || said.starts_with("1\n") && !said.contains("guestagent"), "{said}");
        Ok(())
    });
    tally.check("a_port_opened_in_the_guest_answers_on_the_host", || {
        let forwarder = Forwarder::start(&socket, BTreeMap::new())?;
        ssh.run("nohup socat TCP-LISTEN:8017,fork,reuseaddr SYSTEM:'echo over vsock' >/dev/null 2>&1 </dev/null &")?;
        let address = forwarder.wait_for(8017, Duration::from_secs(20))?;
        let mut answer = String::new();
        TcpStream::connect(address)?.read_to_string(&mut answer)?;
        ensure!(answer == "over vsock\n", "{answer:?}");
        Ok(())
    });
    tally.check("another_user_of_the_guest_cannot_reach_the_agent", || {
        // CID 1 is the guest itself: only the host, CID 2, is served.
        let said = ssh
            .run("timeout 5 socat -T2 - VSOCK-CONNECT:1:2222 </dev/null 2>&1 | head -c 9; true")?;
        ensure!(!said.starts_with("PRI") && !said.contains('\0'), "the agent answered: {said:?}");
        Ok(())
    });
    tally.check("nothing_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}
