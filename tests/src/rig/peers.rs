//! Programs of others that tests meet: the real Lima host, built from its own sources at the version
//! that `tests/peers/go.mod` names. Needs Go; without it the tests that want it are skipped by name.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::base::digest;
use super::suite::skip;
use super::tool::Tool;
use super::workspace;

/// The oldest Go that builds limactl.
pub const GO: (u32, u32) = (1, 25);

/// The folder with `limactl` and `lima-guestagent`, built now if need be (two minutes, once).
pub fn folder() -> Result<PathBuf> {
    let _lock = workspace::lock("peers")?;
    let module = workspace::root().join("tests/peers");
    let sums = fs::read_to_string(module.join("go.sum")).context("reading go.sum")?;
    let text = fs::read_to_string(module.join("go.mod")).context("reading go.mod")?;
    let folder = workspace::state("peers")?.join(digest(&[&sums, &text]));
    if folder.join("limactl").is_file() {
        return Ok(folder);
    }
    go_is_new_enough()?;
    let version = lima_version(&text).context("go.mod does not name Lima's version")?;
    let package = "github.com/lima-vm/lima/v2/pkg/version.Version";
    let install = || {
        Tool::new("go")
            .args(["install", "-p", "1", "-ldflags"])
            .arg(format!("-s -w -X {package}={version}"))
            .arg("tool")
            .env("GOBIN", &folder)
            .env("CGO_ENABLED", "0")
            .dir(&module)
            .limit(Duration::from_mins(15))
            .run()
    };
    // The module proxy has its moments; what was fetched and built is kept.
    install().or_else(|_| install()).context("building limactl")?;
    Ok(folder)
}

/// The folder with our own programs that use Lima's packages, built now (seconds once Go has built
/// those packages).
pub fn programs(names: &[&str]) -> Result<PathBuf> {
    go_is_new_enough()?;
    let folder = workspace::target().join("peers");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    Tool::new("go")
        .args(["build", "-p", "1", "-o"])
        .arg(&folder)
        .args(names.iter().map(|name| format!("./{name}")))
        .dir(&workspace::root().join("tests/peers"))
        .limit(Duration::from_mins(15))
        .run()
        .context("building the programs of tests/peers")?;
    Ok(folder)
}

/// Whether the peers have been built already.
pub fn go_is_new_enough() -> Result<()> {
    let (major, minor) = GO;
    let Ok(said) = Tool::new("go").args(["env", "GOVERSION"]).run() else {
        return Err(skip(format!("no Go; limactl needs {major}.{minor} or later")));
    };
    if go_version(&said).is_some_and(|version| version >= GO) {
        return Ok(());
    }
    Err(skip(format!("{} is too old; limactl needs {major}.{minor} or later", said.trim())))
}

fn go_version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.trim().strip_prefix("go")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn lima_version(go_mod: &str) -> Option<&str> {
    let line = go_mod.lines().find(|line| line.contains("github.com/lima-vm/lima/v2 v"))?;
    line.split_whitespace().find(|word| word.starts_with("v2."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(go_version("go1.26.8\n"), Some((1, 26)));
        assert_eq!(go_version("devel"), None);
        assert_eq!(
            lima_version("require (\n\tgithub.com/lima-vm/lima/v2 v2.2.0\n)"),
            Some("v2.2.0")
        );
    }
}
