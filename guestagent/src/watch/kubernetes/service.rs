//! The services of a cluster and the ports they open on this machine.
//!
//! `NodePort` opens `nodePort`. `LoadBalancer` opens `port`, which is what
//! users dial and what Lima's own agent tells, and `nodePort` as well: kube-proxy opens
//! it for both types alike, and where nothing in the cluster balances loads it
//! is the only one that answers.

use crate::port::{Port, Protocol};
use crate::watch::extra::Origin;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Services that are kept.
const MOST: usize = 20_000;

/// The known services.
#[derive(Debug, Default)]
pub struct Services {
    known: BTreeMap<Name, Service>,
    /// Counts the watches: what an earlier one told may be gone.
    round: u64,
}

/// Namespace and name.
type Name = (String, String);

#[derive(Debug)]
struct Service {
    ports: Vec<Port>,
    round: u64,
}

impl Services {
    /// A new watch begins, and tells everything anew.
    pub fn begin(&mut self) {
        self.round += 1;
    }

    /// The new watch has told everything: what it did not tell is gone.
    pub fn listed(&mut self) {
        self.known.retain(|_, service| service.round == self.round);
    }

    /// Takes an event.
    ///
    /// # Errors
    /// It is none, or tells that the watch is broken.
    pub fn apply(&mut self, event: &[u8]) -> Result<(), EventError> {
        let event: Event = serde_json::from_slice(event).map_err(EventError::Json)?;
        let Object { message, metadata, spec } = event.object;
        let name = (metadata.namespace, metadata.name);
        match event.kind.as_str() {
            "ADDED" | "MODIFIED" if self.known.len() < MOST || self.known.contains_key(&name) => {
                let service = Service { ports: spec.open(), round: self.round };
                self.known.insert(name, service);
            }
            "DELETED" => drop(self.known.remove(&name)),
            "ERROR" => return Err(EventError::Watch(message)),
            // Bookmarks, and what a later version may add.
            _ => {}
        }
        Ok(())
    }

    /// The ports that are open now.
    pub fn ports(&self) -> BTreeMap<Port, Origin> {
        let mut ports = BTreeMap::new();
        for ((namespace, name), service) in &self.known {
            for port in &service.ports {
                ports.entry(*port).or_insert_with(|| Origin::Kubernetes {
                    namespace: namespace.clone(),
                    service: name.clone(),
                });
            }
        }
        ports
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    /// Only a `Status` has one.
    #[serde(default)]
    message: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    ports: Vec<ServicePort>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePort {
    /// TCP if it is not said.
    protocol: Option<String>,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    node_port: u16,
}

impl Spec {
    fn open(&self) -> Vec<Port> {
        let numbers = |port: &ServicePort| match self.kind.as_str() {
            "NodePort" => [0, port.node_port],
            "LoadBalancer" => [port.port, port.node_port],
            _ => [0, 0],
        };
        let opened = |port: &ServicePort| {
            let protocol = match port.protocol.as_deref() {
                None | Some("TCP") => Some(Protocol::Tcp),
                Some("UDP") => Some(Protocol::Udp),
                Some(_) => None,
            };
            let numbers = numbers(port).into_iter().filter(|number| *number != 0);
            let any = Ipv4Addr::UNSPECIFIED.into();
            numbers.filter_map(move |number| Some(Port::new(protocol?, any, number)))
        };
        self.ports.iter().flat_map(opened).collect()
    }
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// No event.
    #[error("reading an event of kubectl: {0}")]
    Json(#[source] serde_json::Error),
    /// The API ends the watch.
    #[error("the watch is broken: {0}")]
    Watch(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, name: &str, spec: &str) -> Vec<u8> {
        format!(
            r#"{{"type":"{kind}","object":{{"apiVersion":"v1","kind":"Service","metadata":{{
            "namespace":"web","name":"{name}","labels":{{"a":"b"}}}},"spec":{spec},"status":{{}}}}}}"#
        )
        .into_bytes()
    }

    fn shown(services: &Services) -> Vec<String> {
        services.ports().iter().map(|(port, origin)| format!("{port} {origin}")).collect()
    }

    #[test]
    fn each_type_opens_its_ports() {
        let mut services = Services::default();
        for (name, spec) in [
            ("inner", r#"{"type":"ClusterIP","ports":[{"protocol":"TCP","port":81}]}"#),
            (
                "node",
                r#"{"type":"NodePort","ports":[{"protocol":"UDP","port":82,"nodePort":30082}]}"#,
            ),
            ("plain", r#"{"type":"NodePort","ports":[{"port":83,"nodePort":30083}]}"#),
            (
                "sctp",
                r#"{"type":"NodePort","ports":[{"protocol":"SCTP","port":84,"nodePort":30084}]}"#,
            ),
            (
                "load",
                r#"{"type":"LoadBalancer","ports":[{"protocol":"TCP","port":85,"nodePort":30085}]}"#,
            ),
            ("bare", r#"{"type":"LoadBalancer","ports":[{"protocol":"TCP","port":86}]}"#),
            ("none", r#"{"type":"ExternalName","externalName":"example.com"}"#),
        ] {
            services.apply(&event("ADDED", name, spec)).expect(name);
        }
        let expected = [
            "tcp 0.0.0.0:85 kubernetes service web/load",
            "tcp 0.0.0.0:86 kubernetes service web/bare",
            "tcp 0.0.0.0:30083 kubernetes service web/plain",
            "tcp 0.0.0.0:30085 kubernetes service web/load",
            "udp 0.0.0.0:30082 kubernetes service web/node",
        ];
        assert_eq!(shown(&services), expected);
    }

    #[test]
    fn changes_and_deletions_missed_or_not() {
        let spec =
            |port| format!(r#"{{"type":"NodePort","ports":[{{"port":1,"nodePort":{port}}}]}}"#);
        let mut services = Services::default();
        services.begin();
        services.apply(&event("ADDED", "a", &spec(30001))).expect("added");
        services.apply(&event("ADDED", "b", &spec(30002))).expect("added");
        services.apply(&event("MODIFIED", "a", &spec(30003))).expect("changed");
        services.apply(&event("BOOKMARK", "", "{}")).expect("bookmark");
        assert_eq!(services.ports().len(), 2);
        services.apply(&event("DELETED", "a", &spec(30003))).expect("deleted");
        assert_eq!(shown(&services), ["tcp 0.0.0.0:30002 kubernetes service web/b"]);
        services.begin();
        services.apply(&event("ADDED", "c", &spec(30004))).expect("added");
        assert_eq!(services.ports().len(), 2);
        services.listed();
        assert_eq!(shown(&services), ["tcp 0.0.0.0:30004 kubernetes service web/c"]);
    }

    #[test]
    fn errors_are_told() {
        let mut services = Services::default();
        let gone = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
        let error = services.apply(gone).expect_err("error");
        assert_eq!(error.to_string(), "the watch is broken: too old");
        assert!(services.apply(b"{}").is_err());
        assert!(services.apply(&event("ADDED", "a", r#"{"ports":[{"port":70000}]}"#)).is_err());
    }
}
