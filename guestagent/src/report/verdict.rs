//! Whether a port is forwarded, and why or why not. Pure.

use super::status::Status;
use crate::port::{Port, Protocol, rules};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether hosts are told of a port, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether they are.
    pub forwarded: bool,
    /// Why, or why not.
    pub reason: String,
}

/// Who chose the number of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// A program asked for it.
    ByName,
    /// The kernel.
    ByKernel,
}

/// What the running daemon makes of a port.
pub fn verdict(port: &Port, chosen: Chosen, status: Option<&Status>) -> Verdict {
    let Some(status) = status else { return no("the agent does not run".into()) };
    if status.told.contains(port) {
        return yes("announced", status);
    }
    if let Some(hidden) = status.hidden.iter().find(|hidden| hidden.port == *port) {
        return no(format!("left out by rule {:?}", hidden.rule));
    }
    let client = port.protocol == Protocol::Udp && chosen == Chosen::ByKernel;
    if client && status.hides_ephemeral {
        return no(format!("left out by rule {:?}: the kernel chose the port", rules::EPHEMERAL));
    }
    if let Some(twin) = twin(port).filter(|twin| status.told.contains(twin)) {
        return yes(&format!("announced as {}", twin.address), status);
    }
    if status.hosts == 0 { no("no host connected".into()) } else { no("not yet told".into()) }
}

fn yes(reason: &str, status: &Status) -> Verdict {
    let now = if status.hosts == 0 { ", no host connected now" } else { "" };
    Verdict { forwarded: true, reason: format!("{reason}{now}") }
}

fn no(reason: String) -> Verdict {
    Verdict { forwarded: false, reason }
}

/// The other wildcard address of the same port.
fn twin(port: &Port) -> Option<Port> {
    let address = match port.address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv6Addr::UNSPECIFIED.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv4Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    Some(Port { address, ..*port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::HiddenPort;

    #[test]
    fn each_port_has_its_reason() {
        let port = |protocol, address: &str, number| {
            Port::new(protocol, address.parse().expect(address), number)
        };
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let status = Status {
            hosts: 1,
            told: vec![port(tcp, "0.0.0.0", 80)],
            hidden: vec![HiddenPort { port: port(udp, "0.0.0.0", 68), rule: "udp 68".into() }],
            hides_ephemeral: true,
            ..Status::default()
        };
        let alone = Status { hosts: 0, ..status.clone() };
        for (port, chosen, status, forwarded, reason) in [
            (port(tcp, "0.0.0.0", 80), Chosen::ByName, Some(&status), true, "announced"),
            (port(tcp, "::", 80), Chosen::ByName, Some(&status), true, "announced as 0.0.0.0"),
            (port(tcp, "::1", 80), Chosen::ByKernel, Some(&status), false, "not yet told"),
            (
                port(udp, "0.0.0.0", 68),
                Chosen::ByName,
                Some(&status),
                false,
                "left out by rule \"udp 68\"",
            ),
            (
                port(udp, "0.0.0.0", 40_000),
                Chosen::ByKernel,
                Some(&status),
                false,
                "left out by rule \"ephemeral\": the kernel chose the port",
            ),
            (
                port(udp, "0.0.0.0", 40_000),
                Chosen::ByName,
                Some(&alone),
                false,
                "no host connected",
            ),
            (
                port(tcp, "0.0.0.0", 80),
                Chosen::ByName,
                Some(&alone),
                true,
                "announced, no host connected now",
            ),
            (port(tcp, "0.0.0.0", 80), Chosen::ByName, None, false, "the agent does not run"),
        ] {
            let expected = Verdict { forwarded, reason: reason.into() };
            assert_eq!(verdict(&port, chosen, status), expected, "{port}");
        }
    }
}
