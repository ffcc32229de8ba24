//! What tunnels may reach, as the settings say it.
//!
//! A rule is one to three words as of [`crate::port::rules`] (`tcp`,
//! `127.0.0.0/8`, `1000-2000`), or `unix` and a path, which may end in `/*` for
//! all that lies below a folder. What a rule of `deny` names is refused; if
//! there is a list `allow`, so is what none of its rules names.
//!
//! A rule of `deny` that cannot be read refuses everything: the user meant to
//! keep something out, and nobody knows what.

use super::dial::Target;
use crate::port::rules::Rules;
use crate::port::{Port, Protocol};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Component, Path};

/// Both lists.
#[derive(Debug, Default)]
pub struct Lists {
    allow: Option<List>,
    deny: List,
    unreadable: Option<String>,
}

#[derive(Debug, Default)]
struct List {
    ports: Vec<Rules>,
    paths: Vec<String>,
}

impl Lists {
    /// Reads the lists, and says what cannot be read in them.
    pub fn new(allow: &[String], deny: &[String]) -> (Self, Vec<String>) {
        let (allowed, mut unusable) = List::read(allow);
        for text in &mut unusable {
            *text = format!("tunnel.allow: {text}; this rule is left out");
        }
        let (denied, unreadable) = List::read(deny);
        let refusing = unreadable.first().cloned();
        let remark =
            |text| format!("tunnel.deny: {text}; until it is mended every tunnel is refused");
        unusable.extend(unreadable.into_iter().map(remark));
        let allow = (!allow.is_empty()).then_some(allowed);
        (Self { allow, deny: denied, unreadable: refusing }, unusable)
    }

    /// Why a target is refused, if it is.
    pub fn refuse(&self, target: &Target) -> Option<String> {
        if let Some(text) = &self.unreadable {
            return Some(format!("a rule of tunnel.deny cannot be read: {text}"));
        }
        if let Some(rule) = self.deny.find(target) {
            return Some(format!("the rule \"{rule}\" of tunnel.deny"));
        }
        let allow = self.allow.as_ref()?;
        let reason = || "no rule of tunnel.allow names it".to_owned();
        allow.find(target).is_none().then(reason)
    }
}

impl List {
    fn read(texts: &[String]) -> (Self, Vec<String>) {
        let (mut list, mut unusable) = (Self::default(), Vec::new());
        for text in texts {
            if let Some(path) = text.trim().strip_prefix("unix ").map(str::trim) {
                if plain(path) {
                    list.paths.push(path.into());
                } else {
                    unusable.push(format!("{text:?}: a path is absolute and has no .. or ."));
                }
                continue;
            }
            match Rules::parse(std::slice::from_ref(text)) {
                Ok(rule) if !rule.hides_ephemeral() => list.ports.push(rule),
                Ok(_) => unusable.push(format!("{text:?} means nothing for a tunnel")),
                Err(error) => unusable.push(error.to_string()),
            }
        }
        (list, unusable)
    }

    /// The rule that names the target.
    fn find(&self, target: &Target) -> Option<String> {
        match target {
            Target::Tcp(address) => self.port(Protocol::Tcp, *address),
            Target::Udp(address) => self.port(Protocol::Udp, *address),
            Target::Unix(path) => self.paths.iter().find(|rule| names(rule, path)).cloned(),
        }
    }

    /// To dial no address in particular reaches this machine's loopback.
    fn port(&self, protocol: Protocol, address: SocketAddr) -> Option<String> {
        let loopback = match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(Ipv6Addr::LOCALHOST.into()),
            _ => None,
        };
        let addresses = std::iter::once(address.ip()).chain(loopback);
        let mut ports = addresses.map(|ip| Port::new(protocol, ip, address.port()));
        ports
            .find_map(|port| self.ports.iter().find_map(|rule| rule.hides(&port)))
            .map(|rule| rule.to_string())
    }
}

/// A path that says where it leads.
pub fn plain(path: &str) -> bool {
    let known = |part| matches!(part, Component::RootDir | Component::Normal(_));
    let path = Path::new(path);
    path.is_absolute() && path.components().all(known)
}

fn names(rule: &str, path: &Path) -> bool {
    match rule.strip_suffix("/*") {
        Some(folder) => path.starts_with(folder) && path != Path::new(folder),
        None => path == Path::new(rule),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(allow: &[&str], deny: &[&str]) -> (Lists, Vec<String>) {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        Lists::new(&owned(allow), &owned(deny))
    }

    #[track_caller]
    fn check(allow: &[&str], deny: &[&str], target: (&str, &str), refused: Option<&str>) {
        let (lists, unusable) = lists(allow, deny);
        assert_eq!(unusable, [""; 0]);
        let target = Target::parse(target.0, target.1).expect("target");
        assert_eq!(lists.refuse(&target).as_deref(), refused);
    }

    #[test]
    fn denied_is_refused_and_so_is_what_is_not_allowed() {
        let unnamed = Some("no rule of tunnel.allow names it");
        let denied = Some("the rule \"tcp 22\" of tunnel.deny");
        check(&[], &[], ("tcp", "10.0.0.1:22"), None);
        check(&[], &["tcp 22"], ("tcp", "10.0.0.1:22"), denied);
        check(&[], &["tcp 22"], ("udp", "10.0.0.1:22"), None);
        check(&["127.0.0.0/8"], &["tcp 22"], ("tcp", "127.0.0.1:22"), denied);
        check(&["127.0.0.0/8"], &["tcp 22"], ("tcp", "127.0.0.1:80"), None);
        check(&["127.0.0.0/8"], &["tcp 22"], ("tcp", "10.0.0.1:80"), unnamed);
        check(&["127.0.0.0/8"], &[], ("unix", "/run/x.sock"), unnamed);
        check(&["unix /run/user/501/*"], &[], ("unix", "/run/user/501/a/b"), None);
        check(&["unix /run/user/501/*"], &[], ("unix", "/run/user/5011/a"), unnamed);
        check(&["unix /run/x.sock"], &[], ("unix", "/run/x.sock"), None);
        check(&["unix /run/x.sock"], &[], ("tcp", "127.0.0.1:1"), unnamed);
    }

    #[test]
    fn other_names_of_an_address_are_the_same_address() {
        let denied = Some("the rule \"127.0.0.0/8\" of tunnel.deny");
        for target in ["127.0.0.1:80", "0.0.0.0:80", "[::ffff:127.0.0.1]:80"] {
            check(&[], &["127.0.0.0/8"], ("tcp", target), denied);
        }
        check(&[], &["::1"], ("tcp", "[::]:80"), Some("the rule \"::1\" of tunnel.deny"));
    }

    #[test]
    fn a_denial_that_cannot_be_read_refuses_all() {
        let (lists, unusable) = lists(&["tcp 80", "tcpp 81"], &["unix ../x", "ephemeral"]);
        assert_eq!(unusable.len(), 3, "{unusable:?}");
        assert!(unusable[0].starts_with("tunnel.allow: "), "{unusable:?}");
        let target = Target::parse("tcp", "127.0.0.1:80").expect("target");
        assert!(lists.refuse(&target).is_some_and(|reason| reason.contains("cannot be read")));
    }
}
