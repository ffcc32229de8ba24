//! Whether a cluster is this machine.
//!
//! A kubeconfig may lead to a cluster anywhere, whose services open no port
//! here. Its server's address decides: it must be of this machine.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Names may ask the network.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the server of this URL is this machine, which has the addresses
/// `own`.
pub async fn is_here(server: &str, own: &BTreeSet<IpAddr>) -> bool {
    let Some(host) = host(server) else { return false };
    if let Ok(address) = host.parse() {
        return is_own(address, own);
    }
    let lookup = tokio::net::lookup_host((host, 0));
    match tokio::time::timeout(PATIENCE, lookup).await {
        Ok(Ok(found)) => {
            let mut found = found.map(|address| address.ip()).peekable();
            found.peek().is_some() && found.all(|address| is_own(address, own))
        }
        Ok(Err(_)) | Err(_) => false,
    }
}

fn is_own(address: IpAddr, own: &BTreeSet<IpAddr>) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified() || own.contains(&address)
}

/// The host of a URL, without brackets.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next()?;
    let rest = rest.rsplit('@').next()?;
    let host = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next()?,
        None => rest.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_own_addresses_are_here() {
        let own = ["192.168.5.15", "fd00::5"].map(|text| text.parse().expect(text)).into();
        for (server, here) in [
            ("https://127.0.0.1:6443", true),
            ("https://[::1]:6443/path", true),
            ("https://0.0.0.0:6443", true),
            ("https://localhost:6443", true),
            ("https://192.168.5.15:6443", true),
            ("https://user@192.168.5.15", true),
            ("https://[fd00::5]:6443", true),
            ("127.0.0.1:8080", true),
            ("https://192.168.5.16:6443", false),
            ("https://127.0.0.1@192.168.5.16:6443", false),
            ("https://[fd00::6]:6443", false),
            ("https://no-such-host.invalid:6443", false),
            ("https://:6443", false),
            ("", false),
        ] {
            assert_eq!(is_here(server, &own).await, here, "{server}");
        }
    }
}
