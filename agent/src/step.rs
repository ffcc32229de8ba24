//! Steps: what the agent can do to a machine, as data. A step can be shown, compared and hashed
//! before anything runs.

pub mod disk;
pub mod network;
pub mod provision;
mod settings;

use nixvm_system::{GuestPath, MountSpec, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::env_file::Variables;
use crate::config::lima::Mode;
use crate::config::types::{AuthorizedKey, Hostname, Timezone, UserName};

pub use settings::{Family, KeyboardStep, LocaleStep, Membership, Rosetta, Trust};

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Stable name, for example `account:ht`.
    pub id: String,
    /// What it does, for people.
    pub title: String,
    /// Stage that runs it.
    pub stage: Stage,
    /// How long its effect lasts.
    pub lifetime: Lifetime,
    /// Steps that must not have failed.
    pub needs: Vec<String>,
    /// Place in the seed that asks for it.
    pub origin: String,
    /// The effect.
    pub action: Action,
}

/// The three units of a boot.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Before the network: its configuration, the host name.
    Local,
    /// Before sshd: disks, users, keys, mounts.
    Early,
    /// When the machine is up: scripts.
    Late,
}

/// How long the effect of a step lasts, and so where the ledger keeps that it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifetime {
    /// Until somebody changes it: done once for each digest.
    Disk,
    /// Until the machine stops: done once in each boot.
    Boot,
}

/// What a step does.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// Gives the running kernel and `/etc/hostname` a name.
    Hostname {
        /// The name.
        name: Hostname,
    },
    /// Writes files for the network service into `/run` and renames interfaces.
    Network(network::Configuration),
    /// Points `/etc/localtime` at a zone.
    Timezone {
        /// The zone.
        zone: Timezone,
    },
    /// Grows the partition and the file system of `/`.
    GrowRoot,
    /// Makes a user with group, home and locked password, or adapts one that is there.
    Account {
        /// Login name.
        name: UserName,
        /// Wanted id.
        uid: Option<u32>,
        /// Comment.
        gecos: String,
        /// Home.
        home: GuestPath,
        /// Login shell.
        shell: GuestPath,
        /// Whether the seed names the shell; then it replaces one that refuses logins.
        shell_is_named: bool,
        /// `lock_passwd`.
        lock_password: bool,
        /// Whether an account that was there before is locked too: only at the first meeting, so
        /// that a password that a person sets later stays.
        #[serde(skip)]
        first_meeting: bool,
    },
    /// Adds lines to a user's `authorized_keys`.
    Keys {
        /// Login name.
        user: UserName,
        /// Lines.
        keys: Vec<AuthorizedKey>,
    },
    /// Writes the agent's own file of sudo rules.
    Sudo {
        /// Rules of each user.
        rules: Vec<(UserName, Vec<String>)>,
    },
    /// Replaces Lima's block of `/etc/environment`.
    Environment {
        /// The block, which may hold secrets.
        #[serde(serialize_with = "digest_only")]
        block: Secret<Vec<u8>>,
    },
    /// Lets the user's services run without a login.
    Linger {
        /// Login name.
        user: UserName,
    },
    /// Mounts.
    Mount {
        /// What and where.
        spec: MountSpec,
        /// Owner of mount points that are made, if they are not root's.
        owner: Option<UserName>,
    },
    /// Gives a user mount points of its own.
    Fuse {
        /// Owner of the mount points.
        user: UserName,
        /// Mount points that the host will mount on.
        points: Vec<GuestPath>,
    },
    /// Tells the guest agent how the host reaches it.
    GuestAgent {
        /// Environment file.
        text: String,
    },
    /// Runs a provision script.
    Script(Script),
    /// Uses an additional disk, formatting it if it is blank.
    Disk(disk::DataDisk),
    /// Sets the clock to a time, if it is behind it.
    Clock {
        /// Seconds after 1970.
        not_before: u64,
    },
    /// Lets programs trust certificates.
    Trust(Trust),
    /// Sets the keyboard of the console.
    Keyboard(KeyboardStep),
    /// Sets the language of programs.
    Locale(LocaleStep),
    /// Gives a user ids for containers.
    SubordinateIds {
        /// Login name.
        user: UserName,
    },
    /// Sets values of the running kernel, and keeps them over `sysctl --system`.
    Sysctl {
        /// Name and value.
        values: Vec<(&'static str, &'static str)>,
    },
    /// Writes a file of root's, 0644.
    File {
        /// Where.
        path: GuestPath,
        /// What.
        text: &'static str,
    },
    /// Makes the folder for sockets that the host passes in.
    HostServices {
        /// Its owner.
        user: UserName,
    },
    /// Makes a second name for a home, if nothing has that name.
    HomeAlias {
        /// The home.
        home: GuestPath,
        /// The other name.
        alias: GuestPath,
    },
    /// Makes a user a member of groups.
    Groups {
        /// Login name.
        user: UserName,
        /// The groups.
        groups: Vec<Membership>,
    },
    /// Loads modules of the kernel, those that are there and not loaded.
    Modules {
        /// Their names.
        names: &'static [&'static str],
    },
    /// Opens the nodes of graphics cards to everybody.
    Graphics,
    /// Runs programs for x86-64 by Rosetta.
    Rosetta(Rosetta),
    /// Gives the user a password by chance, once.
    SudoPassword {
        /// Login name.
        user: UserName,
    },
    /// Writes or edits a file.
    Provided(provision::FileStep),
    /// Waits until networkd has an IPv4 address.
    AwaitAddress {
        /// Longest time in seconds.
        limit: u64,
    },
    /// Runs the package manager.
    Packages(provision::PackageStep),
    /// Runs Lima's script that installs containerd.
    Containerd(provision::ContainerdStep),
    /// Reboots if the packages asked for it.
    Reboot,
    /// Gives a name an address in `/etc/hosts`.
    Hosts(network::HostsLine),
    /// Leads packets elsewhere.
    Redirects(network::Redirects),
    /// Writes a drop-in of systemd-resolved into `/run`.
    Resolved(network::Resolved),
    /// Writes Lima's variables to where the sessions of a `NixOS` look for them.
    SessionEnvironment {
        /// The variables, which may hold secrets.
        #[serde(serialize_with = "variables_digest_only")]
        variables: Secret<Variables>,
    },
    /// Lets the host tell a session how many colours its terminal has.
    AcceptColorterm,
    /// Lets login shells find the tools of the administrator.
    SbinPath,
    /// Shows what the host's user owns on a share as the guest's user's.
    ShareOwner {
        /// Mount point.
        target: GuestPath,
        /// The guest's user.
        user: UserName,
        /// The host's user, by number.
        host: u32,
    },
    /// Lets users show their FUSE mounts to others.
    FuseSharing {
        /// Mount points that the host will mount on.
        points: Vec<GuestPath>,
    },
}

/// A provision script with all it needs.
#[derive(Clone, Debug, Serialize)]
pub struct Script {
    /// Who runs it.
    pub mode: Mode,
    /// Its number.
    pub name: String,
    /// Its text, which may hold secrets: only a digest is ever shown.
    #[serde(serialize_with = "digest_only")]
    pub text: Secret<Vec<u8>>,
    /// The user of the guest.
    pub user: String,
    /// Environment; values may be secrets.
    #[serde(skip)]
    pub env: Secret<Variables>,
    /// Longest time in seconds.
    pub limit: u64,
}

/// An interface to rename.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rename {
    /// Name now.
    pub from: String,
    /// Name wanted.
    pub to: String,
}

impl Step {
    /// SHA-256, 64 hex digits, of what the step would do.
    pub fn digest(&self) -> String {
        // Serialising plain data into memory cannot fail; an empty text would only mean that the
        // step is done again.
        let text = serde_json::to_vec(&(&self.id, &self.action)).unwrap_or_default();
        hex(&Sha256::digest(&text))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn digest_only<S: serde::Serializer>(
    text: &Secret<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(&Sha256::digest(text.reveal())))
}

fn variables_digest_only<S: serde::Serializer>(
    variables: &Secret<Variables>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let lines: String =
        variables.reveal().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    serializer.serialize_str(&hex(&Sha256::digest(lines)))
}

impl Stage {
    /// Name of the stage, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Early => "early",
            Self::Late => "late",
        }
    }

    /// All, in their order.
    pub const ALL: [Self; 3] = [Self::Local, Self::Early, Self::Late];
}
