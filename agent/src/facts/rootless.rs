//! What containers without root need and what of it is there.

use std::collections::BTreeSet;

use nixvm_system::{GuestPath, System};

use crate::accounts::{Accounts, subordinate};

/// Where subordinate ids are.
pub const SUBORDINATE: [&str; 2] = ["/etc/subuid", "/etc/subgid"];
/// Settings of the kernel, with the value that lets users ping, listen on any port and make user
/// namespaces (the last one is Debian's own).
pub const SYSCTLS: [(&str, &str); 3] = [
    ("kernel.unprivileged_userns_clone", "1"),
    ("net.ipv4.ip_unprivileged_port_start", "0"),
    ("net.ipv4.ping_group_range", "0 2147483647"),
];

/// The file of a setting: dots are slashes.
pub fn sysctl_file(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

/// Those settings that this kernel has.
pub fn sysctls(system: &dyn System) -> BTreeSet<&'static str> {
    let is_there = |name: &&str| {
        let path = GuestPath::new(&sysctl_file(name));
        path.is_ok_and(|path| matches!(system.stat(&path), Ok(Some(_))))
    };
    SYSCTLS.iter().map(|(name, _)| *name).filter(is_there).collect()
}

/// Users with ids in both files. What cannot be read counts as empty: adding a line fails then.
pub fn subordinate(system: &dyn System, accounts: &Accounts) -> BTreeSet<String> {
    let texts = SUBORDINATE.map(|name| {
        let path = GuestPath::new(name).ok();
        path.and_then(|path| system.read(&path, super::LIMIT).ok().flatten()).unwrap_or_default()
    });
    let has = |text: &Vec<u8>, name: &str, uid| subordinate::is_listed(text, name, uid);
    accounts
        .all()
        .filter(|account| texts.iter().all(|text| has(text, &account.name, account.uid)))
        .map(|account| account.name)
        .collect()
}
