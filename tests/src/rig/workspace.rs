//! Where things are: the workspace, and the folder of everything that can be made again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// `.nixvm/NAME` in the workspace, made if it is not there: images, logs, verdicts. Git ignores it
/// and it may be removed at any time.
pub fn state(name: &str) -> Result<PathBuf> {
    let path = root().join(".nixvm").join(name);
    fs::create_dir_all(&path).with_context(|| format!("creating {}", path.display()))?;
    Ok(path)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A lock that one process holds, so that two runs never make the same image at the same time. It
/// ends with the value, or with the process.
pub fn lock(name: &str) -> Result<fs::File> {
    let path = state("locks")?.join(name);
    let file = fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}
