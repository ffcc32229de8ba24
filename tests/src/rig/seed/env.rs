//! `lima.env` and `param.env`: one `NAME=value` a line, nothing quoted.

use super::{Seed, Sudo};

/// Every variable that Lima 2.2 always writes, in its order, and those of the mounts.
pub fn lima(seed: &Seed) -> String {
    let uid = seed.uid.to_string();
    let mounts = seed.mounts.len().to_string();
    let home = seed.home();
    let (udp_dns_port, tcp_dns_port) = (seed.dns_ports.0.to_string(), seed.dns_ports.1.to_string());
    let vsock_port = seed.vsock_port.to_string();
    let mut lines = vec![
        ("DEBUG", "false"),
        ("IID", &seed.iid),
        ("NAME", "test"),
        ("USER", &seed.user),
        ("UID", &uid),
        ("COMMENT", "Ada Lovelace"),
        ("HOME", &home),
        ("SHELL", "/bin/bash"),
        ("HOSTHOME_MOUNTPOINT", ""),
        ("MOUNTS", &mounts),
    ];
    let points: Vec<(String, &str)> = seed
        .mounts
        .iter()
        .enumerate()
        .map(|(n, mount)| (format!("MOUNTS_{n}_MOUNTPOINT"), mount.point.as_str()))
        .collect();
    lines.extend(points.iter().map(|(name, point)| (name.as_str(), *point)));
    let disks = disks(seed);
    lines.push(("MOUNTTYPE", seed.mount_type.name()));
    lines.extend(disks.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    lines.extend([
        ("GUEST_INSTALL_PREFIX", "/usr/local"),
        ("UPGRADE_PACKAGES", ""),
        ("CONTAINERD_USER", ""),
        ("CONTAINERD_SYSTEM", ""),
        ("SLIRP_DNS", "192.168.5.3"),
        ("SLIRP_GATEWAY", "192.168.5.2"),
        ("SLIRP_IP_ADDRESS", "192.168.5.15"),
        ("UDP_DNS_LOCAL_PORT", &udp_dns_port),
        ("TCP_DNS_LOCAL_PORT", &tcp_dns_port),
        ("ROSETTA_ENABLED", "false"),
        ("ROSETTA_BINFMT", "false"),
        ("SKIP_DEFAULT_DEPENDENCY_RESOLUTION", ""),
        ("VMTYPE", "qemu"),
        ("VSOCK_PORT", &vsock_port),
        ("VIRTIO_PORT", &seed.virtio_port),
        ("PLAIN", ""),
        ("NO_CLOUD_INIT", ""),
        ("PASSWORDLESS_SUDO", if seed.passwordless && seed.sudo == Sudo::All { "1" } else { "" }),
    ]);
    lines.extend(seed.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let lines = lines.iter().map(|(name, value)| format!("LIMA_CIDATA_{name}={value}\n"));
    lines.collect::<Vec<_>>().concat()
}

/// Lima counts letters from `b` on, whatever else is attached.
fn disks(seed: &Seed) -> Vec<(String, String)> {
    let mut lines = vec![("DISKS".to_owned(), seed.disks.len().to_string())];
    for ((number, letter), (name, fstype)) in (0..).zip('b'..).zip(&seed.disks) {
        let values = [
            ("NAME", name.clone()),
            ("DEVICE", format!("vd{letter}")),
            ("FORMAT", "true".to_owned()),
            ("FSTYPE", fstype.clone()),
            ("FSARGS", String::new()),
        ];
        lines.extend(values.map(|(key, value)| (format!("DISK_{number}_{key}"), value)));
    }
    lines
}

/// `PARAM_KEY=value`, keys sorted.
pub fn params(seed: &Seed) -> String {
    let mut params = seed.params.clone();
    params.sort();
    params.iter().map(|(key, value)| format!("PARAM_{key}={value}\n")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_numbered_from_nought() {
        let mount = super::super::Mount {
            tag: "lima-1".into(),
            point: "/mnt/a b".into(),
            access: super::super::Access::ReadOnly,
        };
        let text = lima(&Seed { mounts: vec![mount], ..Seed::default() });
        assert!(text.contains("MOUNTS=1\nLIMA_CIDATA_MOUNTS_0_MOUNTPOINT=/mnt/a b\n"), "{text}");
    }

    #[test]
    fn disks_have_the_letters_that_lima_guesses() {
        let disks = vec![("data".into(), String::new()), ("swap".into(), "swap".into())];
        let text = lima(&Seed { disks, ..Seed::default() });
        let want =
            "LIMA_CIDATA_DISKS=2\nLIMA_CIDATA_DISK_0_NAME=data\nLIMA_CIDATA_DISK_0_DEVICE=vdb\n";
        assert!(text.contains(want), "{text}");
        assert!(text.contains("DISK_1_DEVICE=vdc\n") && text.contains("DISK_1_FSTYPE=swap\n"));
    }

    #[test]
    fn params_are_sorted() {
        let params = vec![("b".into(), "2".into()), ("a".into(), "1 1".into())];
        assert_eq!(super::params(&Seed { params, ..Seed::default() }), "PARAM_a=1 1\nPARAM_b=2\n");
    }
}
