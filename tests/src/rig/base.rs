//! The guests' base images: Debian 12, either with what the agents need beside them and nothing that
//! does their work ([`base`]), or with cloud-init and nothing of ours, as Debian publishes it
//! ([`stock`]).
//!
//! Made once by mmdebstrap and kept in `.nixvm/images/KIND-DIGEST`, where the digest is that of
//! everything that decides the result. The disk has a GPT with one ext4 partition and is booted by
//! its kernel and initrd directly, so there is no boot loader in it. Interfaces get the kernel's
//! usual stable names: that they become what the seed calls them is the agent's work.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::arch::Arch;
use super::tool::Tool;
use super::workspace;

/// Where the root partition begins, in bytes.
pub const OFFSET: u64 = 1 << 20;
const PARTITION_MIB: u64 = 1400;
const DISK_MIB: u64 = 1536;

/// Debian's release.
const SUITE: &str = "bookworm";

/// What is installed beyond the essential packages. `socat` gives listeners, `procps` shows
/// processes, `fdisk` is there for whoever debugs a disk; `rsync` and `sshfs` are what Lima's host
/// uses of a guest.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "libnss-myhostname",
    "openssh-server",
    "openssh-sftp-server",
    "sudo",
    "iproute2",
    "kmod",
    "e2fsprogs",
    "fdisk",
    "procps",
    "socat",
    "tzdata",
    "rsync",
    "sshfs",
    "xfsprogs",
];

/// What is installed beyond that where cloud-init does the work. `iptables` is what Lima would
/// download while it boots; the rest is in every image of Debian for clouds.
const CLOUD_INIT: &[&str] = &["apt", "cloud-init", "iptables"];

/// What is never unpacked, to keep the image small and the boot short: documentation, and modules
/// for hardware that QEMU does not have or that only slow an emulated boot down (KVM in the guest).
const WITHOUT: &[&str] = &[
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/lib/modules/*/kernel/arch/x86/kvm/*",
    "/lib/modules/*/kernel/drivers/cpufreq/*",
    "/lib/modules/*/kernel/drivers/gpu/*",
    "/lib/modules/*/kernel/drivers/infiniband/*",
    "/lib/modules/*/kernel/drivers/media/*",
    "/lib/modules/*/kernel/drivers/net/ethernet/*",
    "/lib/modules/*/kernel/drivers/net/wireless/*",
    "/lib/modules/*/kernel/net/mac80211/*",
    "/lib/modules/*/kernel/net/wireless/*",
    "/lib/modules/*/kernel/sound/*",
];

const CUSTOMIZE: &str = include_str!("image/customize.sh");
const INITRAMFS: &str = include_str!("image/initramfs.sh");

/// Who does the work of the first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Base,
    Stock,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Stock => "stock",
        }
    }

    fn packages(self, arch: Arch) -> String {
        let extra = if self == Self::Stock { CLOUD_INIT } else { &[] };
        [PACKAGES, extra, &[arch.kernel_package()]].concat().join(",")
    }
}

/// A base image on disk. None of its files is ever written again.
#[derive(Clone, Debug)]
pub struct Base {
    dir: PathBuf,
}

impl Base {
    /// The disk, raw, smaller than the disk of any guest made from it.
    pub fn disk(&self) -> PathBuf {
        self.dir.join("disk.raw")
    }

    /// The kernel.
    pub fn kernel(&self) -> PathBuf {
        self.dir.join("vmlinuz")
    }

    /// The initrd.
    pub fn initrd(&self) -> PathBuf {
        self.dir.join("initrd")
    }

    /// What every guest of this image has on its kernel's command line.
    pub fn cmdline(arch: Arch) -> String {
        format!("root=LABEL=root rw console={} systemd.log_color=no", arch.console())
    }
}

/// Whether the base image has been made already.
pub fn is_cached(arch: Arch) -> Result<bool> {
    Ok(place(arch, Kind::Base)?.is_dir())
}

/// The base image, from the cache or made now (about a minute).
pub fn base(arch: Arch) -> Result<Base> {
    of_kind(arch, Kind::Base)
}

/// The image with cloud-init and nothing of ours, likewise.
pub fn stock(arch: Arch) -> Result<Base> {
    of_kind(arch, Kind::Stock)
}

fn of_kind(arch: Arch, kind: Kind) -> Result<Base> {
    let _lock = workspace::lock(kind.name())?;
    let dir = place(arch, kind)?;
    if !dir.is_dir() {
        let fresh = dir.with_extension("fresh");
        remove(&fresh)?;
        fs::create_dir_all(&fresh).with_context(|| format!("creating {}", fresh.display()))?;
        if let Err(error) = make(arch, kind, &fresh) {
            remove(&fresh)?;
            return Err(error);
        }
        fs::rename(&fresh, &dir).with_context(|| format!("naming {}", dir.display()))?;
        forget_others(&dir, kind)?;
    }
    Ok(Base { dir })
}

fn place(arch: Arch, kind: Kind) -> Result<PathBuf> {
    let mut inputs = format!("{arch:?} {SUITE} {PACKAGES:?} {WITHOUT:?} {OFFSET} {PARTITION_MIB}");
    if kind == Kind::Stock {
        inputs += &format!("{CLOUD_INIT:?}");
    }
    let digest = digest(&[&inputs, &DISK_MIB.to_string(), CUSTOMIZE, INITRAMFS]);
    Ok(workspace::state("images")?.join(format!("{}-{digest}", kind.name())))
}

fn make(arch: Arch, kind: Kind, out: &Path) -> Result<()> {
    let disk = File::create(out.join("disk.raw")).context("creating the disk")?;
    disk.set_len(DISK_MIB << 20).context("sizing the disk")?;
    let (customize, initramfs) = (out.join("customize.sh"), out.join("initramfs.sh"));
    script(&customize, CUSTOMIZE)?;
    script(&initramfs, INITRAMFS)?;
    Tool::new("mmdebstrap")
        .args(["--variant=essential", "--format=null", "--quiet"])
        .args(WITHOUT.iter().map(|path| format!("--dpkgopt=path-exclude={path}")))
        .arg(format!("--include={}", kind.packages(arch)))
        .arg(format!("--essential-hook={}", initramfs.display()))
        .arg(format!("--customize-hook={}", customize.display()))
        .args([SUITE, "-"])
        .env("OUT", out)
        .env("OFFSET", OFFSET.to_string())
        .env("SIZE", format!("{PARTITION_MIB}M"))
        .limit(Duration::from_mins(15))
        .run()
        .context("making the base image")?;
    partition(&out.join("disk.raw"))
}

/// Writes the partition table around the file system that is there already.
fn partition(disk: &Path) -> Result<()> {
    let start = OFFSET / 512;
    let tool = Tool::new("sgdisk").arg(format!("--new=1:{start}:+{PARTITION_MIB}M"));
    tool.args(["--typecode=1:8300", "--change-name=1:root"]).arg(disk).run()?;
    Ok(())
}

fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, mode).with_context(|| format!("chmod {}", path.display()))
}

/// Removes base images of this kind made from other inputs: one takes 700 MB.
fn forget_others(current: &Path, kind: Kind) -> Result<()> {
    let images = workspace::state("images")?;
    for entry in fs::read_dir(&images).context("listing images")? {
        let path = entry?.path();
        let prefix = format!("{}-", kind.name());
        let same_kind = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix));
        if same_kind && path != current {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a folder that may not be there.
pub(crate) fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// The first 16 hex digits of the SHA-256 of some texts.
pub(crate) fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(8).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").ok(); // writing to a String never fails
        hex
    })
}
