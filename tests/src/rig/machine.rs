//! A virtual machine that is off: its disk, its network address and its shared folders stay the same
//! from boot to boot, its seed may change.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::accel::{Accel, detect};
use super::arch::Arch;
use super::cidata::Cidata;
use super::iso;
use super::layer::Image;
use super::seed::{MountType, Seed};
use super::tool::Tool;
use super::vm::Vm;
use super::workspace;

/// The size of every guest's disk. The image is smaller, so growing it is always exercised.
const DISK: &str = "4G";

/// A folder of the host that a guest may mount.
#[derive(Clone, Debug)]
pub struct Share {
    /// The tag by which the guest's mount names it.
    pub tag: String,
    /// The folder.
    pub folder: PathBuf,
    /// How it is shared.
    pub kind: MountType,
}

/// A machine that is off.
pub struct Machine {
    pub(super) arch: Arch,
    pub(super) accel: Accel,
    pub(super) image: Image,
    pub(super) shares: Vec<Share>,
    pub(super) ports: Vec<String>,
    pub(super) disks: Vec<PathBuf>,
    pub(super) dir: TempDir,
    pub(super) logs: PathBuf,
    pub(super) boots: u32,
}

impl Machine {
    /// A new machine with a fresh disk. Logs go to `.nixvm/logs/NAME`; everything else of it to a
    /// folder that goes away with the value.
    pub fn new(name: &str, image: &Image) -> Result<Self> {
        let arch = Arch::host()?;
        let accel = detect(arch, &image.kernel())?;
        let logs = workspace::state("logs")?.join(name);
        super::base::remove(&logs)?;
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        let dir = tempfile::Builder::new().prefix("nixvm-").tempdir();
        let dir = dir.context("making the machine's folder")?;
        let (shares, ports, disks) = (Vec::new(), Vec::new(), Vec::new());
        let image = image.clone();
        let machine = Self { arch, accel, image, shares, ports, disks, dir, logs, boots: 0 };
        let disk = Tool::new("qemu-img").args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
        disk.arg(machine.image.disk()).arg(machine.disk()).arg(DISK).run()?;
        machine.keygen()?;
        Ok(machine)
    }

    /// Adds a shared folder.
    pub fn share(&mut self, share: Share) {
        self.shares.push(share);
    }

    /// Adds a blank disk.
    pub fn attach_disk(&mut self, size: &str) -> Result<()> {
        let path = self.path(&format!("data-{}.qcow2", self.disks.len()));
        Tool::new("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(&path).arg(size).run()?;
        self.disks.push(path);
        Ok(())
    }

    /// Makes every disk that was added larger.
    pub fn enlarge_disks(&self, size: &str) -> Result<()> {
        self.disks.iter().try_for_each(|path| {
            Tool::new("qemu-img").args(["resize", "-q"]).arg(path).arg(size).run().map(drop)
        })
    }

    /// Adds a virtio-serial port; gives the Unix socket that is its other end.
    pub fn virtio_port(&mut self, name: &str) -> PathBuf {
        self.ports.push(name.to_owned());
        self.port_socket(name)
    }

    pub(super) fn port_socket(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.sock"))
    }

    /// The machine's own folder, for files that a test wants to have cleaned up.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where a vsock device is looked for when the machine is switched on ([`super::vsock`]).
    pub fn vsock_socket(&self) -> PathBuf {
        self.path("vsock-device.sock")
    }

    /// Where logs are kept.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// How often it was switched on.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// How it is run.
    pub fn accel(&self) -> Accel {
        self.accel
    }

    /// The public half of the key that the rig logs in with.
    pub fn public_key(&self) -> Result<String> {
        let path = self.key().with_extension("pub");
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// Boots it with this seed.
    pub fn boot(&mut self, seed: &Seed) -> Result<Vm<'_>> {
        let folder = self.path("seed");
        super::base::remove(&folder)?;
        seed.write(&folder)?;
        self.boot_folder(&folder, &seed.user, &seed.mac)
    }

    /// Boots it with the seed in a folder.
    pub fn boot_folder(&mut self, folder: &Path, user: &str, mac: &str) -> Result<Vm<'_>> {
        iso::write(folder, &self.path("seed.iso"))?;
        self.boots += 1;
        Vm::start(self, user, mac)
    }

    /// Boots it with a medium that limactl made, whose user the rig then is.
    pub fn boot_cidata(&mut self, cidata: &Cidata, user: &str) -> Result<Vm<'_>> {
        // ssh offers the public half that lies beside the key, so both are exchanged.
        let public = |key: PathBuf| key.with_extension("pub");
        for (from, to) in [
            (cidata.iso(), self.path("seed.iso")),
            (cidata.key(), self.key()),
            (public(cidata.key()), public(self.key())),
        ] {
            fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
        self.boots += 1;
        Vm::start(self, user, &cidata.mac()?)
    }

    /// Boots it with an empty drive.
    pub fn boot_without_seed(&mut self, user: &str, mac: &str) -> Result<Vm<'_>> {
        fs::remove_file(self.path("seed.iso")).context("taking the seed out")?;
        self.boots += 1;
        Vm::start(self, user, mac)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn disk(&self) -> PathBuf {
        self.path("disk.qcow2")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.path("key")
    }

    fn keygen(&self) -> Result<()> {
        let keygen = Tool::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "rig"]);
        keygen.arg("-f").arg(self.key()).run()?;
        Ok(())
    }
}
