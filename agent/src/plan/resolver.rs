//! Names: the host's own name, the way to its resolver, and multicast DNS. Each ends with the boot,
//! because Lima gives other ports each time.

use std::net::SocketAddrV4;

use nixvm_system::{Redirect, Transport};

use super::{Draft, step};
use crate::config::Config;
use crate::config::lima::Lima;
use crate::config::types::Hostname;
use crate::facts::Facts;
use crate::step::network::{HostsLine, Redirects, Resolved};
use crate::step::{Action, Lifetime, Stage, Step};

/// The name by which a guest calls its host.
const HOST: &str = "host.lima.internal";
/// Our table of nftables.
pub const TABLE: &str = "nixvm-lima-dns";

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    let Some(lima) = config.lima.as_ref().filter(|lima| !lima.plain) else { return };
    hosts(lima, draft);
    redirects(lima, draft);
}

/// Whether interfaces of networkd are to speak multicast DNS: the resolver does it only on those
/// that say so.
pub fn is_multicast(config: &Config, facts: &Facts) -> bool {
    let is_lima = config.lima.as_ref().is_some_and(|lima| !lima.plain);
    is_lima && facts.network.resolved.is_enabled && !facts.network.is_nixos
}

/// With the network configuration: a resolver that starts later finds the file.
pub fn multicast(config: &Config, draft: &mut Draft<'_>) {
    let service = draft.facts.network.resolved;
    let is_lima = config.lima.as_ref().is_some_and(|lima| !lima.plain);
    if !is_lima || !service.is_enabled {
        return;
    }
    let text = "[Resolve]\nMulticastDNS=yes\n";
    let action = Action::Resolved(Resolved { text, is_running: service.is_running });
    let step = Step {
        lifetime: Lifetime::Boot,
        ..step("mdns", "answer to names below .local", Stage::Local, action)
    };
    if draft.facts.network.is_nixos {
        draft.skip(step, "owned by NixOS: set services.resolved.settings.Resolve.MulticastDNS");
    } else {
        draft.add(step);
    }
}

fn hosts(lima: &Lima, draft: &mut Draft<'_>) {
    let (Some(address), Ok(name)) = (lima.gateway, Hostname::new(HOST)) else { return };
    let action = Action::Hosts(HostsLine { address, name });
    let step = Step {
        lifetime: Lifetime::Boot,
        origin: "lima.env".to_owned(),
        ..step("hosts", format!("let {HOST} be {address}"), Stage::Early, action)
    };
    if !draft.facts.owned_by_nixos.contains("/etc/hosts") {
        return draft.add(step);
    }
    // The host's resolver knows the name too, where there is one.
    let is_resolved = lima.dns_udp_port != 0 || lima.dns == lima.gateway;
    let reason = if is_resolved {
        "owned by NixOS: the host's resolver answers to the name; else set networking.hosts"
    } else {
        "owned by NixOS: set networking.hosts"
    };
    draft.skip(step, reason);
}

fn redirects(lima: &Lima, draft: &mut Draft<'_>) {
    let (Some(dns), Some(gateway)) = (lima.dns, lima.gateway) else { return };
    let redirect = |(protocol, port)| Redirect {
        protocol,
        from: SocketAddrV4::new(dns, 53),
        to: SocketAddrV4::new(gateway, port),
    };
    let ports = [(Transport::Udp, lima.dns_udp_port), (Transport::Tcp, lima.dns_tcp_port)];
    let redirects: Vec<Redirect> =
        ports.into_iter().filter(|(_, port)| *port != 0).map(redirect).collect();
    if redirects.is_empty() {
        return;
    }
    let action = Action::Redirects(Redirects { table: TABLE, redirects });
    let title = format!("lead DNS queries for {dns} to the host's resolver");
    draft.add(Step {
        lifetime: Lifetime::Boot,
        origin: "lima.env".to_owned(),
        ..step("dns", title, Stage::Early, action)
    });
}
