//! The programs that are measured, and the one that measures.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::{guest_build, peers};

/// Whose figures these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Lima's agent.
    Go,
    /// Ours.
    Ours,
    /// A server that is as fast as the client allows.
    Ceiling,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Go => "Go agent",
            Self::Ours => "nixvm",
            Self::Ceiling => "ceiling",
        })
    }
}

/// Where they are.
pub struct Agents {
    go: PathBuf,
    ours: PathBuf,
    /// Ours without `yq`, if it is ours that was built.
    pub bare: Option<PathBuf>,
    ceiling: PathBuf,
    /// Lima's client.
    pub hostbench: PathBuf,
}

impl Agents {
    /// Builds all of them; of ours only if none is given.
    pub fn build(given: Option<PathBuf>) -> Result<Self> {
        let (ours, bare) = if let Some(path) = given {
            (path.canonicalize().with_context(|| path.display().to_string())?, None)
        } else {
            let bare = guest_build::without_yq(Arch::host()?)?;
            let dir = guest_build::packages(Arch::host()?, &["nixvm-guestagent"])?;
            (dir.join("nixvm-guestagent"), Some(bare))
        };
        let own = peers::programs(&["ceiling", "hostbench"])?;
        Ok(Self {
            go: peers::folder()?.join("lima-guestagent"),
            ours,
            bare,
            ceiling: own.join("ceiling"),
            hostbench: own.join("hostbench"),
        })
    }

    /// The program of a side.
    pub fn program(&self, side: Side) -> &Path {
        match side {
            Side::Go => &self.go,
            Side::Ours => &self.ours,
            Side::Ceiling => &self.ceiling,
        }
    }
}
