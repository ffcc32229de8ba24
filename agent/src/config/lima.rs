//! What only Lima's cidata says: `lima.env`, `param.env`, `etc_environment` and the provision
//! scripts. A seed is Lima's if and only if it has a `lima.env`.

use std::net::Ipv4Addr;

use nixvm_system::{GuestPath, Secret};
use serde::Serialize;

use super::disks;
use super::env_file::{self, Variables};
use super::finding::Finding;
use super::provision::{self, BootScript, ProvidedFile};
use super::user_data::account_path;
use crate::source::Seed;

/// Lima's part of a seed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Lima {
    /// `LIMA_CIDATA_IID`; absent before Lima 2.1.
    pub instance_id: Option<String>,
    /// The meta-data as it is: what Lima 2.0 compares the readiness files with.
    #[serde(skip)]
    pub meta_data: Vec<u8>,
    /// The guest's user.
    pub user: String,
    /// Its id.
    pub uid: Option<u32>,
    /// Its home.
    pub home: Option<GuestPath>,
    /// Its login shell.
    pub shell: Option<GuestPath>,
    /// Plain mode: no agent, no mounts, only users, network and scripts.
    pub plain: bool,
    /// Whether the user may use sudo without a password. Before Lima 2.2 always.
    pub passwordless_sudo: bool,
    /// Port of the guest agent on vsock; 0 is none.
    pub vsock_port: u32,
    /// Virtio-serial port of the guest agent; empty is none.
    pub virtio_port: String,
    /// `reverse-sshfs`, `9p`, `virtiofs` or empty.
    pub mount_type: String,
    /// Mount points of all mounts.
    pub mount_points: Vec<GuestPath>,
    /// `lima.env`, in order.
    pub variables: Variables,
    /// `param.env`, in order; values may be secrets.
    #[serde(skip)]
    pub params: Secret<Variables>,
    /// `etc_environment`, in order; values may be secrets.
    #[serde(skip)]
    pub environment: Secret<Variables>,
    /// `etc_environment` as it is: Lima's block of `/etc/environment`.
    #[serde(skip)]
    pub environment_block: Secret<Vec<u8>>,
    /// Provision scripts, in the order of their numbers.
    pub scripts: Vec<Script>,
    /// Additional disks.
    pub disks: disks::Wanted,
    /// Provisioning of mode `data` and `yq`, in this order and that of their numbers.
    pub files: Vec<ProvidedFile>,
    /// Provisioning of mode `boot`, which stands in `bootcmd` of the user-data.
    pub boot_scripts: Vec<BootScript>,
    /// Which packages are to be seen to.
    pub packages: provision::PackageWish,
    /// The host's address, which is `host.lima.internal`.
    pub gateway: Option<Ipv4Addr>,
    /// Where the guest sends its DNS queries.
    pub dns: Option<Ipv4Addr>,
    /// Port of the host's resolver on the gateway, for UDP; 0 is none.
    pub dns_udp_port: u16,
    /// The same for TCP.
    pub dns_tcp_port: u16,
    /// Whether Lima counts on no cloud-init: on WSL2.
    pub no_cloud_init: bool,
}

/// A provision script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Script {
    /// Who runs it.
    pub mode: Mode,
    /// Its number, 8 digits: the index in the whole `provision` list.
    pub name: String,
}

/// Who runs a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Root.
    System,
    /// The guest's user.
    User,
    /// Root, before packages are installed.
    Dependency,
    /// Root, before anything else.
    Boot,
}

impl Mode {
    /// As Lima calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Dependency => "dependency",
            Self::Boot => "boot",
        }
    }
}

impl Lima {
    /// The value of `LIMA_CIDATA_` and this name.
    pub fn variable(&self, name: &str) -> Option<&str> {
        value(&self.variables, name)
    }
}

/// `None` when there is no `lima.env`.
pub fn parse(seed: &Seed, findings: &mut Vec<Finding>) -> Option<Lima> {
    let variables = env_file::plain("lima.env", seed.files.get("lima.env")?, findings);
    let of =
        |name: &str, read: fn(&str, &[u8], &mut Vec<Finding>) -> Variables, findings: &mut _| {
            seed.files.get(name).map(|text| read(name, text, findings)).unwrap_or_default()
        };
    let params = of("param.env", env_file::plain, findings);
    let environment = of("etc_environment", env_file::pam, findings);
    let block = seed.files.get("etc_environment").cloned().unwrap_or_default();
    let get = |name: &str| value(&variables, name);
    let text = |name: &str| get(name).unwrap_or_default().to_owned();
    let mount_points = mount_points(&variables, findings);
    Some(Lima {
        instance_id: get("IID").filter(|iid| !iid.is_empty()).map(str::to_owned),
        meta_data: seed.files.get("meta-data").cloned().unwrap_or_default(),
        user: text("USER"),
        uid: number(&variables, "UID", findings),
        home: get("HOME").and_then(|text| account_path(text).ok()),
        shell: get("SHELL").and_then(|text| account_path(text).ok()),
        plain: get("PLAIN") == Some("1"),
        passwordless_sudo: get("PASSWORDLESS_SUDO").is_none_or(|text| text == "1"),
        vsock_port: number(&variables, "VSOCK_PORT", findings).unwrap_or(0),
        virtio_port: text("VIRTIO_PORT"),
        mount_type: text("MOUNTTYPE"),
        mount_points,
        params: Secret::new(params),
        environment: Secret::new(environment),
        environment_block: Secret::new(block),
        scripts: scripts(seed),
        disks: disks::parse(&variables, findings),
        files: provision::files(seed, &variables, findings),
        boot_scripts: Vec::new(),
        packages: provision::packages(&variables),
        gateway: read(&variables, "SLIRP_GATEWAY", "is no IPv4 address", findings),
        dns: read(&variables, "SLIRP_DNS", "is no IPv4 address", findings),
        dns_udp_port: read(&variables, "UDP_DNS_LOCAL_PORT", "is no port", findings).unwrap_or(0),
        dns_tcp_port: read(&variables, "TCP_DNS_LOCAL_PORT", "is no port", findings).unwrap_or(0),
        no_cloud_init: get("NO_CLOUD_INIT") == Some("1"),
        variables,
    })
}

pub(super) fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    let is_it = |full: &str| full.strip_prefix("LIMA_CIDATA_") == Some(name);
    variables.iter().find(|(full, _)| is_it(full)).map(|(_, value)| value.as_str())
}

pub(super) fn number(
    variables: &Variables,
    name: &str,
    findings: &mut Vec<Finding>,
) -> Option<u32> {
    read(variables, name, "is no number", findings)
}

/// A value that is there and is what it should be.
fn read<T: std::str::FromStr>(
    variables: &Variables,
    name: &str,
    reason: &str,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    let text = value(variables, name).filter(|text| !text.is_empty())?;
    let value = text.parse().ok();
    if value.is_none() {
        let mut finding = Finding::error("bad-value", "lima.env", format!("{text:?} {reason}"));
        finding.key = format!("LIMA_CIDATA_{name}");
        findings.push(finding);
    }
    value
}

fn mount_points(variables: &Variables, findings: &mut Vec<Finding>) -> Vec<GuestPath> {
    let count = number(variables, "MOUNTS", findings).unwrap_or(0).min(1000);
    let mut points = Vec::new();
    for index in 0..count {
        let name = format!("MOUNTS_{index}_MOUNTPOINT");
        match value(variables, &name).map(GuestPath::new) {
            Some(Ok(point)) => points.push(point),
            Some(Err(error)) => {
                let mut finding = Finding::error("bad-value", "lima.env", error.to_string());
                finding.key = format!("LIMA_CIDATA_{name}");
                findings.push(finding);
            }
            None => {}
        }
    }
    points
}

/// Files of the seed are sorted by name, so scripts come in the order of their numbers.
fn scripts(seed: &Seed) -> Vec<Script> {
    let of = |mode: Mode| {
        let folder = format!("provision.{}/", mode.name());
        seed.files
            .keys()
            .filter_map(move |path| path.strip_prefix(&folder).map(str::to_owned))
            .map(move |name| Script { mode, name })
    };
    [Mode::Dependency, Mode::System, Mode::User].into_iter().flat_map(of).collect()
}
