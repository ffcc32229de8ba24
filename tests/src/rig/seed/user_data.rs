//! `user-data` and `network-config`, with the keys and the quoting that Lima uses: the uid is a
//! string, keys are under the hyphened name, mount entries are flow lists without quotes.

use super::{Access, Mount, MountType, Seed, Sudo};

/// The cloud-config.
pub fn user_data(seed: &Seed) -> String {
    let Seed { user, uid, timezone, .. } = seed;
    let mut parts = vec![
        "#cloud-config\n\ngrowpart:\n  mode: auto\n  devices: ['/']\n".to_owned(),
        if seed.mounts.is_empty() { String::new() } else { "mounts:\n".to_owned() },
    ];
    parts.extend(seed.mounts.iter().map(|mount| entry(seed.mount_type, mount)));
    parts.push(format!(
        "timezone: {timezone}\n\nusers:\n  - name: \"{user}\"\n    uid: \"{uid}\"\n"
    ));
    parts.push(format!("    gecos: \"Ada Lovelace\"\n    homedir: \"{}\"\n", seed.home()));
    parts.push("    shell: /bin/bash\n".to_owned());
    if seed.sudo == Sudo::All {
        parts.push("    sudo: ALL=(ALL) NOPASSWD:ALL\n".to_owned());
    }
    parts.push("    lock_passwd: true\n    ssh-authorized-keys:\n".to_owned());
    parts.extend(seed.keys.iter().map(|key| format!("      - \"{}\"\n", key.trim())));
    parts.extend([BOOTSTRAP.to_owned(), RESOLVER.to_owned(), boot_commands(seed)]);
    parts.concat()
}

/// An entry in the place of Lima's own, which must not run, and the scripts, each behind a head that
/// exports the parameters.
fn boot_commands(seed: &Seed) -> String {
    let own = "bootcmd:\n- |\n  ls /sys/class/net; touch /var/tmp/limas-own-entry\n";
    let params = super::env::params(seed).replace('\n', "\n  ");
    let head = "- |\n  while read -r line; do [ -n \"$line\" ] && export \"$line\"; done <<'EOF'\n";
    let scripts = seed.boot.iter().map(|script| format!("{head}  {params}EOF\n  {script}\n"));
    [own.to_owned()].into_iter().chain(scripts).collect::<Vec<_>>().concat()
}

fn entry(kind: MountType, Mount { tag, point, access }: &Mount) -> String {
    let (name, options) = (kind.name(), options(kind, *access));
    format!("- [{tag}, {point}, {name}, \"{options}\", \"0\", \"0\"]\n")
}

/// The entry by which Lima starts its scripts where cloud-init runs. Our agent has no use for it.
const BOOTSTRAP: &str = r"
write_files:
- content: |
    #!/bin/sh
    exit 0
  owner: root:root
  path: /var/lib/cloud/scripts/per-boot/00-lima.boot.sh
  permissions: '0755'
";

const RESOLVER: &str = r"
manage_resolv_conf: true

resolv_conf:
  nameservers:
  - 192.168.5.3
";

fn options(kind: MountType, access: Access) -> String {
    let (mode, cache) = match access {
        Access::ReadOnly => ("ro", "fscache"),
        Access::ReadWrite => ("rw", "mmap"),
    };
    match kind {
        MountType::NineP => {
            format!("{mode},trans=virtio,version=9p2000.L,msize=131072,cache={cache},nofail")
        }
        MountType::Virtiofs => format!("{mode},nofail"),
    }
}

/// The network: one card, found by its address and called `eth0`.
pub fn network_config(seed: &Seed) -> String {
    let mac = &seed.mac;
    format!(
        "version: 2\nethernets:\n  eth0:\n    match:\n      macaddress: '{mac}'\n    dhcp4: true\n    \
         set-name: eth0\n    dhcp4-overrides:\n      route-metric: 200\n    dhcp-identifier: mac\n    \
         nameservers:\n      addresses:\n      - 192.168.5.3\n"
    )
}
