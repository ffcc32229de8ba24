//! Seeds in the form of Lima's cidata, made from a value, for tests that need many small variants.
//! The shape is Lima 2.2's for a Linux guest under QEMU; the scripts of Lima's own that a real
//! medium also carries are left out, since nothing of ours reads them.

mod env;
mod user_data;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What one seed says.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The instance id; Lima makes a new one at each start.
    pub iid: String,
    /// The guest's host name.
    pub hostname: String,
    /// The guest's user.
    pub user: String,
    /// The user's id.
    pub uid: u32,
    /// Whether the user may become root.
    pub sudo: Sudo,
    /// Public keys that may log in.
    pub keys: Vec<String>,
    /// The address of the guest's network card.
    pub mac: String,
    /// Name of the time zone.
    pub timezone: String,
    /// `9p` or `virtiofs`.
    pub mount_type: MountType,
    /// Shared folders.
    pub mounts: Vec<Mount>,
    /// Scripts that run as root, with their number in the list of all provision entries.
    pub system: Vec<(u32, String)>,
    /// Scripts that run as the user, likewise.
    pub user_scripts: Vec<(u32, String)>,
    /// `param` of the instance: `PARAM_KEY` in the environment of scripts.
    pub params: Vec<(String, String)>,
    /// Port of the guest agent on vsock; 0: it listens on its Unix socket.
    pub vsock_port: u32,
    /// Name of the guest agent's virtio-serial port; empty: there is none.
    pub virtio_port: String,
    /// Additional disks in the order in which they are attached: name and type.
    pub disks: Vec<(String, String)>,
    /// Whether the user may use sudo without a password; otherwise the agent has to make one. The
    /// rule in the user-data lets it be used without, so that the rig can look around.
    pub passwordless: bool,
    /// Scripts of mode `boot`, which stand in the user-data.
    pub boot: Vec<String>,
    /// Further variables of `lima.env`, without the beginning of their names.
    pub env: Vec<(String, String)>,
    /// Ports of the host's resolver for UDP and TCP; 0: there is none.
    pub dns_ports: (u16, u16),
    /// Further files of the medium: path and content, replacing what would be there.
    pub files: Vec<(String, String)>,
}

/// What the user may do as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sudo {
    /// Everything, without a password.
    All,
    /// Nothing.
    Nothing,
}

/// How folders are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountType {
    /// 9p over virtio, QEMU's own.
    NineP,
    /// virtiofs, by a virtiofsd beside QEMU.
    Virtiofs,
}

impl MountType {
    /// Lima's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NineP => "9p",
            Self::Virtiofs => "virtiofs",
        }
    }
}

/// One shared folder.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The tag that the device carries.
    pub tag: String,
    /// Where the guest mounts it.
    pub point: String,
    /// Whether the guest may write.
    pub access: Access,
}

/// Whether a share may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            iid: "iid-1700000001".into(),
            hostname: "lima-test".into(),
            user: "ada".into(),
            uid: 1000,
            sudo: Sudo::All,
            keys: Vec::new(),
            mac: "52:55:55:12:34:56".into(),
            timezone: "Etc/UTC".into(),
            mount_type: MountType::NineP,
            mounts: Vec::new(),
            system: Vec::new(),
            user_scripts: Vec::new(),
            params: Vec::new(),
            vsock_port: 0,
            virtio_port: String::new(),
            disks: Vec::new(),
            passwordless: true,
            boot: Vec::new(),
            env: Vec::new(),
            dns_ports: (0, 0),
            files: Vec::new(),
        }
    }
}

impl Seed {
    /// The user's home in the guest.
    pub fn home(&self) -> String {
        format!("/home/{}.guest", self.user)
    }

    /// Writes the seed into an empty folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let meta = format!("instance-id: {}\nlocal-hostname: {}\n", self.iid, self.hostname);
        put(folder, "meta-data", &meta)?;
        put(folder, "user-data", &user_data::user_data(self))?;
        put(folder, "network-config", &user_data::network_config(self))?;
        put(folder, "lima.env", &env::lima(self))?;
        put(folder, "param.env", &env::params(self))?;
        put(folder, "etc_environment", "#LIMA-START\n#LIMA-END\n")?;
        let modes = [("system", &self.system), ("user", &self.user_scripts)];
        for (mode, scripts) in modes {
            for (number, script) in scripts {
                put(folder, &format!("provision.{mode}/{number:08}"), script)?;
            }
        }
        self.files.iter().try_for_each(|(path, text)| put(folder, path, text))
    }
}

fn put(folder: &Path, path: &str, text: &str) -> Result<()> {
    let path = folder.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    }
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}
