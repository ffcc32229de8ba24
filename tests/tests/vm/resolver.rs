//! The host's resolver, as Lima runs it: two ports on the loopback interface, to which the guest's
//! queries for its name server are led.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};

use anyhow::{Context, Result};
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::suite::Tally;

use crate::boots::says;

/// Answers whoever asks by its own word; ends with the program.
pub struct Resolver {
    /// Its ports for UDP and TCP.
    pub ports: (u16, u16),
}

impl Resolver {
    /// Begins to answer.
    pub fn start() -> Result<Self> {
        let udp = UdpSocket::bind("127.0.0.1:0").context("binding for UDP")?;
        let tcp = TcpListener::bind("127.0.0.1:0").context("binding for TCP")?;
        let ports = (udp.local_addr()?.port(), tcp.local_addr()?.port());
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((_, from)) = udp.recv_from(&mut query) {
                // A guest that is gone needs no answer.
                let _ = udp.send_to(b"resolver by udp\n", from);
            }
        });
        std::thread::spawn(move || {
            for mut stream in tcp.incoming().map_while(Result::ok) {
                let _ = stream.write_all(b"resolver by tcp\n");
            }
        });
        Ok(Self { ports })
    }
}

/// What a guest with this resolver must do.
pub fn check(tally: &mut Tally, ssh: &Ssh) {
    tally.check("the_host_has_its_name", || {
        says(ssh, "getent ahostsv4 host.lima.internal | awk 'NR==1 {print $1}'", "192.168.5.2")?;
        says(ssh, "head -1 /etc/hosts", "127.0.0.1\tlocalhost")
    });
    tally.check("queries_by_udp_reach_the_hosts_resolver", || {
        says(ssh, "echo ? | timeout 20 socat -T5 -t5 - UDP4:192.168.5.3:53", "resolver by udp")
    });
    tally.check("queries_by_tcp_reach_the_hosts_resolver", || {
        says(ssh, "timeout 20 socat -u TCP4:192.168.5.3:53 -", "resolver by tcp")
    });
    tally.check("the_network_service_waits_for_nothing", || {
        says(ssh, "networkctl --no-legend list eth0 | awk '{print $4, $5}'", "routable configured")
    });
}
