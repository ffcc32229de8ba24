//! Who holds a socket: process and unit, from `/proc`.

use std::collections::BTreeMap;
use std::path::Path;

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its unit of systemd.
    pub unit: Option<String>,
}

/// Socket inodes and who holds them; of several the first. A process that
/// cannot be read is left out: it has ended, or is not ours to look at.
pub fn processes() -> BTreeMap<u32, Process> {
    let mut pids: Vec<u32> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let mut found = BTreeMap::new();
    for pid in pids {
        let folder = format!("/proc/{pid}");
        let folder = Path::new(&folder);
        let inodes = sockets(&folder.join("fd"));
        if inodes.is_empty() {
            continue;
        }
        let text = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let name = text("comm").trim_end().to_owned();
        let process = Process { pid, name, unit: unit(&text("cgroup")) };
        for inode in inodes {
            found.entry(inode).or_insert_with(|| process.clone());
        }
    }
    found
}

fn sockets(folder: &Path) -> Vec<u32> {
    let links = std::fs::read_dir(folder).into_iter().flatten().flatten();
    links
        .filter_map(|link| {
            // A descriptor that is closed by now holds nothing.
            let target = std::fs::read_link(link.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// The innermost service or scope in a `/proc/PID/cgroup`, whose lines are
/// `number:controllers:path`. With cgroup v1 the line of systemd has a name.
fn unit(text: &str) -> Option<String> {
    let path = text.lines().find_map(|line| {
        line.strip_prefix("0::").or_else(|| line.split_once(":name=systemd:").map(|(_, path)| path))
    })?;
    let kind = |part: &str| part.rsplit_once('.').map(|(_, kind)| kind.to_owned());
    let is_unit = |part: &&str| matches!(kind(part).as_deref(), Some("service" | "scope"));
    path.split('/').rev().find(is_unit).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        for (text, expected) in [
            ("0::/system.slice/nginx.service\n", Some("nginx.service")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service/x\n",
                Some("a.service"),
            ),
            ("1:name=systemd:/system.slice/sshd.service\n0::/\n", Some("sshd.service")),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(unit(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn our_own_socket_is_found() {
        let _socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("socket");
        let own = std::process::id();
        assert!(processes().values().any(|process| process.pid == own));
    }
}
