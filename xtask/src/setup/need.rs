//! The list of what is needed, and whether it is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use nixvm_e2e::rig::arch::Arch;

/// One thing that is needed.
pub struct Need {
    thing: Thing,
    /// Debian's package that has it.
    pub package: String,
    /// What for.
    pub purpose: &'static str,
}

enum Thing {
    Program(&'static str),
    File(&'static str),
    /// A library that the C compiler must find.
    Library(&'static str),
}

impl Need {
    /// Its name.
    pub fn what(&self) -> &'static str {
        match self.thing {
            Thing::Program(name) | Thing::File(name) | Thing::Library(name) => name,
        }
    }

    /// Whether it is there.
    pub fn is_met(&self) -> bool {
        match self.thing {
            Thing::Program(name) => program(name).is_some(),
            Thing::File(path) => Path::new(path).exists(),
            Thing::Library(name) => library(name),
        }
    }
}

/// What tests need beyond guests: without these some would be skipped.
pub fn for_tests() -> Vec<Need> {
    use Thing::Program;
    let need = |name, package: &str, purpose| Need {
        thing: Program(name),
        package: package.into(),
        purpose,
    };
    vec![
        need("mkfs.vfat", "dosfstools", "seeds on FAT"),
        need("mcopy", "mtools", "seeds on FAT"),
        need("mkfs.xfs", "xfsprogs", "disks that grow"),
        need("mkfs.btrfs", "btrfs-progs", "disks that grow"),
        need("python3", "python3-minimal", "other programs' view of our files"),
        need("ip", "iproute2", "tests in a network namespace"),
        need("unshare", "util-linux", "tests in namespaces"),
        need("nft", "nftables", "rules that translate ports"),
        need("iptables-nft", "iptables", "rules that translate ports"),
        need("useradd", "passwd", "a user for limactl, which refuses root"),
        need("sshd", "openssh-server", "sessions with real PAM"),
        need("rsync", "rsync", "copying by limactl"),
    ]
}

/// What fuzzing needs.
pub fn for_fuzzing() -> Vec<Need> {
    let thing = Thing::Program("g++");
    vec![Need { thing, package: "g++".into(), purpose: "building libFuzzer" }]
}

/// What guests need.
pub fn for_guests(arch: Arch) -> Vec<Need> {
    use Thing::{File, Library, Program};
    let need = |thing, package: &str, purpose| Need { thing, package: package.into(), purpose };
    let mut all = vec![
        need(Program("cc"), "gcc", "linking"),
        need(Library("libc.a"), "libc6-dev", "static guest programs"),
        need(Program(arch.qemu()), arch.qemu_package(), "running guests"),
        need(Program("qemu-img"), "qemu-utils", "their disks"),
        need(Program("mmdebstrap"), "mmdebstrap", "making the guest's image"),
        need(
            File("/usr/share/keyrings/debian-archive-keyring.gpg"),
            "debian-archive-keyring",
            "checking Debian's packages",
        ),
        need(Program("mke2fs"), "e2fsprogs", "the image's file system"),
        need(Program("debugfs"), "e2fsprogs", "putting programs into the image"),
        need(Program("sgdisk"), "gdisk", "the image's partitions"),
        need(Program("xorriso"), "xorriso", "seeds"),
        need(Program("ssh"), "openssh-client", "reaching guests"),
        need(Program("setpriv"), "util-linux", "ending guests with their test"),
    ];
    if arch == Arch::Aarch64 {
        all.push(need(File("/usr/share/AAVMF/AAVMF_CODE.fd"), "qemu-efi-aarch64", "firmware"));
    }
    if !rustix::process::getuid().is_root() {
        all.push(need(Program("newuidmap"), "uidmap", "making the image without being root"));
    }
    all
}

/// Where a program is. The folders of the system's own programs count even for users who do not have
/// them in their PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    folders.chain(system).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The compiler answers with the bare name where it does not find the file.
fn library(name: &str) -> bool {
    let output = Command::new("cc").arg(format!("-print-file-name={name}")).output();
    output
        .is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_absolute())
}
