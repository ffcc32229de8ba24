//! `lima.env` and `param.env`: one `NAME=value` a line, nothing quoted.

use super::{Seed, Sudo};

/// Every variable that Lima 2.2 always writes, in its order, and those of the mounts.
pub fn lima(seed: &Seed) -> String {
    let uid = seed.uid.to_string();
    let mounts = seed.mounts.len().to_string();
    let home = seed.home();
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
    lines.extend([
        ("MOUNTTYPE", seed.mount_type.name()),
        ("DISKS", "0"),
        ("GUEST_INSTALL_PREFIX", "/usr/local"),
        ("UPGRADE_PACKAGES", ""),
        ("CONTAINERD_USER", ""),
        ("CONTAINERD_SYSTEM", ""),
        ("SLIRP_DNS", "192.168.5.3"),
        ("SLIRP_GATEWAY", "192.168.5.2"),
        ("SLIRP_IP_ADDRESS", "192.168.5.15"),
        ("UDP_DNS_LOCAL_PORT", "0"),
        ("TCP_DNS_LOCAL_PORT", "0"),
        ("ROSETTA_ENABLED", "false"),
        ("ROSETTA_BINFMT", "false"),
        ("SKIP_DEFAULT_DEPENDENCY_RESOLUTION", ""),
        ("VMTYPE", "qemu"),
        ("VSOCK_PORT", &vsock_port),
        ("VIRTIO_PORT", &seed.virtio_port),
        ("PLAIN", ""),
        ("NO_CLOUD_INIT", ""),
        ("PASSWORDLESS_SUDO", if seed.sudo == Sudo::All { "1" } else { "" }),
    ]);
    let lines = lines.iter().map(|(name, value)| format!("LIMA_CIDATA_{name}={value}\n"));
    lines.collect::<Vec<_>>().concat()
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
    fn params_are_sorted() {
        let params = vec![("b".into(), "2".into()), ("a".into(), "1 1".into())];
        assert_eq!(super::params(&Seed { params, ..Seed::default() }), "PARAM_a=1 1\nPARAM_b=2\n");
    }
}
