//! What differs between the two machine architectures that nixvm is built for. Nothing else in the
//! rig matches on the architecture.

use anyhow::{Result, bail};

/// The architecture of the guests, which is that of the machine the rig runs on: an emulated guest
/// of another architecture would prove nothing more and take much longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// Intel and AMD, 64 bits.
    X86_64,
    /// ARM, 64 bits.
    Aarch64,
}

impl Arch {
    /// The architecture of this machine.
    pub fn host() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::X86_64),
            "aarch64" => Ok(Self::Aarch64),
            other => bail!("guests of {other} are not supported, only x86_64 and aarch64"),
        }
    }

    /// Rust's names of the targets for guest binaries: with musl, and with glibc.
    pub fn targets(self) -> [&'static str; 2] {
        match self {
            Self::X86_64 => ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"],
            Self::Aarch64 => ["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"],
        }
    }

    /// The name that Lima and Linux use.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Debian's kernel package. The cloud flavour is smaller, but has no 9p.
    pub fn kernel_package(self) -> &'static str {
        match self {
            Self::X86_64 => "linux-image-amd64",
            Self::Aarch64 => "linux-image-arm64",
        }
    }

    /// The program that emulates this architecture.
    pub fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
        }
    }

    /// Debian's package with that program.
    pub fn qemu_package(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86",
            Self::Aarch64 => "qemu-system-arm",
        }
    }

    /// QEMU's machine, as Lima chooses it.
    pub fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "q35,vmport=off",
            Self::Aarch64 => "virt,gic-version=max",
        }
    }

    /// The kernel's name of the first serial port.
    pub fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }
}
