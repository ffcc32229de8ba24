//! From sockets, ports without sockets and rules to a snapshot. Pure.

use super::super::rules::Rules;
use super::super::{Hidden, Port, PortSet, Snapshot};
use crate::watch::extra::Extras;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the hosts are to hear of, what not and why. A port without a socket is
/// left out while a socket of its protocol and number covers it.
pub fn merge(sockets: impl Iterator<Item = Port>, extras: &Extras, rules: &Rules) -> Snapshot {
    let mut all: PortSet = sockets.collect();
    let origins = uncovered(&all, extras);
    if !origins.is_empty() {
        all.extend(origins.iter().map(|(port, _)| *port));
    }
    let hidden: Vec<Hidden> = all
        .iter()
        .filter_map(|port| rules.hides(port).map(|rule| Hidden { port: *port, rule }))
        .collect();
    let without: PortSet = hidden.iter().map(|hidden| hidden.port).collect();
    let ports = if hidden.is_empty() { all } else { all.difference(&without).copied().collect() };
    Snapshot {
        ports: Arc::new(ports),
        hidden: hidden.into(),
        origins: origins.into(),
        notes: extras.notes.as_slice().into(),
        fault: None,
    }
}

fn uncovered(sockets: &PortSet, extras: &Extras) -> Vec<(Port, Arc<str>)> {
    if extras.ports.is_empty() {
        return Vec::new();
    }
    let slots: BTreeSet<_> = sockets.iter().map(Port::slot).collect();
    let more = extras.ports.iter().filter(|(port, _)| !slots.contains(&port.slot()));
    more.map(|(port, origin)| (*port, origin.to_string().into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Protocol;
    use crate::watch::extra::Origin;

    #[test]
    fn a_socket_covers_a_port_without_one_and_rules_hold_for_both() {
        let port = |protocol, host: u8, number| Port::new(protocol, [host; 4].into(), number);
        let origin = Origin::Iptables {
            program: "iptables-legacy",
            chain: "DOCKER".into(),
            to: "172.17.0.2:80".into(),
        };
        let mut extras = Extras::default();
        for extra in [
            port(Protocol::Tcp, 0, 80),
            port(Protocol::Udp, 0, 80),
            port(Protocol::Udp, 0, 68),
            port(Protocol::Tcp, 0, 443),
        ] {
            extras.ports.insert(extra, origin.clone());
        }
        let sockets = [port(Protocol::Tcp, 1, 80), port(Protocol::Udp, 0, 68)];
        let snapshot = merge(sockets.into_iter(), &extras, &Rules::default());
        let expected = PortSet::from([
            port(Protocol::Tcp, 1, 80),
            port(Protocol::Udp, 0, 80),
            port(Protocol::Tcp, 0, 443),
        ]);
        assert_eq!(*snapshot.ports, expected);
        assert_eq!(
            *snapshot.hidden,
            [Hidden { port: port(Protocol::Udp, 0, 68), rule: "udp 68".into() }]
        );
        assert_eq!(snapshot.origins.len(), 2);
    }
}
