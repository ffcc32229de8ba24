//! The guest agent over vsock, as on macOS with Lima's `vmType: vz`, in a guest whose user has no
//! sudo. Its boot also serves [`owner_policy`] and [`service`].

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use nixvm_e2e::client::Client;
use nixvm_e2e::client::forward::Forwarder;
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::console::Console;
use nixvm_e2e::rig::layer;
use nixvm_e2e::rig::machine::Machine;
use nixvm_e2e::rig::seed::{Seed, Sudo};
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::vsock::Vsock;

use crate::boots::call;
use crate::{owner_policy, service};

pub const PORT: u32 = 2222;

/// A guest with an agent to talk to. Its user is no root, but its console is.
pub struct Guest<'a> {
    pub root: &'a Console,
    pub ssh: &'a Ssh,
    pub socket: &'a Path,
}

impl Guest<'_> {
    /// Runs a script as root.
    pub fn root(&self, script: &str) -> Result<String> {
        // What is typed on a console has to be short.
        self.ssh.write("as-root", script.as_bytes())?;
        self.root.run("sh ~ada/as-root", Duration::from_mins(1))
    }

    /// What answers first in a tunnel.
    pub fn ask(&self, protocol: &str, target: &str) -> Result<String> {
        let asked = async || Client::connect(self.socket).await?.ask(protocol, target, b"?").await;
        Ok(String::from_utf8(call(asked)?)?)
    }
}

pub fn guest_agent(tally: &mut Tally) -> Result<()> {
    let mut machine = Machine::new("vsock", &layer::image(Arch::host()?)?)?;
    let vsock = Vsock::new(&machine)?;
    let socket = machine.dir().join("agent.sock");
    let keys = vec![machine.public_key()?];
    let seed = Seed { keys, vsock_port: PORT, sudo: Sudo::Nothing, ..Seed::default() };
    let mut vm = machine.boot(&seed)?;
    let ssh = vm.ssh()?;
    vm.boot_done(&ssh)?;
    vsock.forward(PORT, &socket)?;
    tally.check("the_agent_listens_on_vsock_and_not_on_its_unix_socket", || {
        let said = ssh.run("ss --vsock --listening | grep -c :2222; ls /run/*.sock; true")?;
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
    let guest = Guest { root: vm.console(), ssh: &ssh, socket: &socket };
    owner_policy::checks(tally, &guest)?;
    service::checks(tally, &guest)?;
    tally.check("nothing_failed_and_nothing_is_left_behind", || vm.check_health(&ssh, &[]));
    drop(ssh);
    vm.shutdown()
}
