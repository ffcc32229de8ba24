//! What the guest agent does under its own unit, with all that the unit takes away: it runs kubectl,
//! and takes over a socket that systemd listens on.

use std::time::Duration;

use anyhow::{Result, ensure};
use nixvm_e2e::client::{Client, name};
use nixvm_e2e::rig::suite::Tally;
use nixvm_e2e::rig::wait;

use crate::boots::call;
use crate::vsock::{Guest, PORT};

const PATIENCE: Duration = Duration::from_secs(30);
const NODE_PORT: &str = "tcp 0.0.0.0:30080";
/// Prints what kubectl would.
const FAKE_KUBECTL: &str = include_str!("guest/kubectl.sh");

pub fn checks(tally: &mut Tally, guest: &Guest<'_>) -> Result<()> {
    kubectl(tally, guest)?;
    activation(tally, guest)
}

fn kubectl(tally: &mut Tally, guest: &Guest<'_>) -> Result<()> {
    guest.ssh.write("kubectl", FAKE_KUBECTL.as_bytes())?;
    guest.root(
        "mkdir -p /etc/rancher/k3s; echo 'kind: Config' >/etc/rancher/k3s/k3s.yaml
         install /home/ada.guest/kubectl /usr/local/bin/kubectl",
    )?;
    tally.check("a_node_port_of_kubernetes_is_told", || told(guest, true));
    tally.check("kubectl_runs_as_root_without_capabilities", || {
        let said =
            guest.root("stat -c %U /run/fake-kubectl.rights; cat /run/fake-kubectl.rights")?;
        ensure!(said == "root\nCapEff:\t0000000000000000\n", "{said:?}");
        Ok(())
    });
    tally.check("the_guests_user_sees_where_the_port_comes_from", || {
        // What `ports` shows is written a moment after the host was told.
        let said = guest.root(
            "for try in 1 2 3 4 5 6 7 8 9 10; do \
             nixvm-guestagent ports | grep 30080 && break; sleep 0.3; done",
        )?;
        ensure!(said.contains("kubernetes service web/shop"), "{said:?}");
        Ok(())
    });
    guest.root("rm /usr/local/bin/kubectl /etc/rancher/k3s/k3s.yaml")?;
    tally.check("without_kubectl_the_port_is_taken_back_and_nothing_runs", || {
        told(guest, false)?;
        let said = guest.ssh.run("pgrep -f 'sleep 10000[0]' || echo none")?;
        ensure!(said == "none\n", "{said}");
        Ok(())
    });
    Ok(())
}

fn told(guest: &Guest<'_>, expected: bool) -> Result<()> {
    wait::until(&format!("{NODE_PORT} to be {expected}"), PATIENCE, || {
        let info = call(async || Client::connect(guest.socket).await?.info().await)?;
        let told = info.local_ports.iter().any(|port| name(port) == NODE_PORT);
        Ok((told == expected).then_some(()))
    })
}

fn activation(tally: &mut Tally, guest: &Guest<'_>) -> Result<()> {
    let unit = format!("[Socket]\\nListenStream=vsock::{PORT}\\n");
    guest.root(&format!(
        "systemctl stop nixvm-guestagent
         printf '{unit}' >/etc/systemd/system/nixvm-guestagent.socket
         systemctl daemon-reload; systemctl start nixvm-guestagent.socket"
    ))?;
    tally.check("a_call_to_systemds_socket_starts_the_agent", || {
        let state = "systemctl is-active nixvm-guestagent.service || true";
        ensure!(guest.ssh.run(state)? == "inactive\n", "it runs already");
        call(async || Client::connect(guest.socket).await?.info().await)?;
        ensure!(guest.ssh.run(state)? == "active\n", "it does not run");
        let said = guest.root("nixvm-guestagent status")?;
        let name = format!("socket nixvm-guestagent.socket, vsock port {PORT}");
        let listens = said.lines().filter(|line| line.starts_with("listens"));
        let listens: Vec<&str> = listens.filter_map(|line| line.strip_prefix("listens")).collect();
        ensure!(listens.iter().map(|line| line.trim()).eq([name]), "{said}");
        Ok(())
    });
    tally.check("what_it_took_over_is_served_after_a_restart_too", || {
        guest.root("systemctl restart nixvm-guestagent")?;
        call(async || Client::connect(guest.socket).await?.info().await)?;
        Ok(())
    });
    Ok(())
}
