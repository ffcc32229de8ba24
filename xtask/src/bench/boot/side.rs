//! The two images that are measured: the same one, with what each side needs, and with the switches
//! that make the guest keep account.

use std::fmt;
use std::fs;

use anyhow::{Context, Result};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer::{Image, Install};
use nixvm_e2e::rig::{base, guest_build, layer, workspace};

/// Who does the work of a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// cloud-init, and Lima's scripts, which it runs.
    CloudInit,
    /// nixvm-agent.
    Ours,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CloudInit => "cloud-init",
            Self::Ours => "nixvm",
        })
    }
}

/// The slice exists as long as the machine is up, so its cgroup keeps the account of units that have
/// ended.
const IN_SLICE: &str = "[Service]\nSlice=bootwork.slice\n";
const ACCOUNTS: &str = "[Manager]\nDefaultCPUAccounting=yes\nDefaultMemoryAccounting=yes\n\
    DefaultIOAccounting=yes\n";
/// sshd's unit makes the host key, on both sides.
const NO_HOST_KEYS: &str = "ssh_deletekeys: false\nssh_genkeytypes: []\n";

impl Side {
    /// Both, the other one first.
    pub const BOTH: [Self; 2] = [Self::CloudInit, Self::Ours];

    /// Its image, made now if need be.
    pub fn image(self) -> Result<Image> {
        let arch = Arch::host()?;
        let (stock, files) = (base::stock(arch)?, self.files()?);
        match self {
            Self::CloudInit => layer::layer(&stock, &files),
            Self::Ours => layer::image_of(&stock, &guest_build::build(arch)?, &files),
        }
    }

    /// The units that do its work.
    pub fn units(self) -> &'static [&'static str] {
        match self {
            Self::CloudInit => &[
                "cloud-init-local",
                "cloud-init",
                "cloud-config",
                "cloud-final",
                "cloud-init-hotplugd",
            ],
            Self::Ours => &["nixvm-agent-local", "nixvm-agent-early", "nixvm-agent-late"],
        }
    }

    /// The command that tells what each step took.
    pub fn profile(self) -> &'static str {
        match self {
            Self::CloudInit => "sudo cloud-init analyze blame",
            Self::Ours => "nixvm-agent status --json",
        }
    }

    fn files(self) -> Result<Vec<Install>> {
        let mut files =
            vec![file("accounts", "/etc/systemd/system.conf.d/accounts.conf", ACCOUNTS)?];
        for unit in self.units() {
            let to = format!("/etc/systemd/system/{unit}.service.d/slice.conf");
            files.push(file("slice", &to, IN_SLICE)?);
        }
        files.push(match self {
            Self::CloudInit => {
                file("host-keys", "/etc/cloud/cloud.cfg.d/99-host-keys.cfg", NO_HOST_KEYS)?
            }
            Self::Ours => file("empty", "/etc/cloud/cloud-init.disabled", "")?,
        });
        Ok(files)
    }
}

fn file(name: &str, to: &str, text: &str) -> Result<Install> {
    let from = workspace::state("logs")?.join(format!("bench-{name}"));
    fs::write(&from, text).with_context(|| format!("writing {}", from.display()))?;
    Ok(Install { from, to: to.into(), mode: 0o644 })
}
