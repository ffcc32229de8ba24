//! cargo-fuzz: having it, and building the targets with it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nixvm_e2e::rig::tool::Tool;
use nixvm_e2e::rig::workspace;

const VERSION: &str = "0.13.2";

/// The crate of the targets.
pub fn folder() -> PathBuf {
    workspace::root().join("tests/fuzz")
}

/// The names of all targets, in the order of their file.
pub fn targets() -> Result<Vec<String>> {
    let path = folder().join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let manifest: toml::Table = text.parse().with_context(|| format!("in {}", path.display()))?;
    let programs = manifest.get("bin").and_then(toml::Value::as_array).context("no programs")?;
    let name = |program: &toml::Value| Some(program.get("name")?.as_str()?.to_owned());
    programs.iter().map(|program| name(program).context("a program without a name")).collect()
}

/// Installs cargo-fuzz beside the images if it is nowhere.
pub fn install() -> Result<()> {
    if cargo()?.args(["fuzz", "--version"]).output()?.status.success() {
        return Ok(());
    }
    let root = workspace::state("tools")?;
    let arguments = ["install", "--quiet", "--locked", "--version", VERSION, "--root"];
    let tool = cargo()?.args(arguments).arg(root).arg("cargo-fuzz");
    tool.limit(Duration::from_mins(15)).run().context("installing cargo-fuzz")?;
    Ok(())
}

/// Builds targets, all if none is named; gives the folder of the programs. Without a sanitizer stable
/// Rust is enough, and code without `unsafe` has no use for one; arithmetic is checked.
pub fn build(targets: &[String]) -> Result<PathBuf> {
    let (host, target) = (host()?, workspace::state("fuzz/target")?);
    let each: Vec<Option<&String>> =
        if targets.is_empty() { vec![None] } else { targets.iter().map(Some).collect() };
    for name in each {
        let tool = cargo()?.args(["fuzz", "build", "--sanitizer", "none", "--target", &host]);
        let tool = tool.arg("--fuzz-dir").arg(folder()).arg("--target-dir").arg(&target);
        let tool = tool.args(name).limit(Duration::from_mins(20));
        tool.run().context("building the targets")?;
    }
    Ok(target.join(host).join("release"))
}

fn host() -> Result<String> {
    let said = Tool::new("rustc").arg("-vV").run()?;
    let Some(host) = said.lines().find_map(|line| line.strip_prefix("host: ")) else {
        bail!("rustc does not say its host:\n{said}");
    };
    Ok(host.to_owned())
}

fn cargo() -> Result<Tool> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let path = with_tools(&workspace::state("tools")?)?;
    Ok(Tool::new(program).env("PATH", path).dir(&workspace::root()))
}

fn with_tools(tools: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([tools.join("bin")]);
    std::env::join_paths(folders).context("the folders of programs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_with_a_target_is_one_and_has_seeds() {
        let targets = targets().unwrap();
        for entry in fs::read_dir(folder().join("fuzz_targets")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let is_target = fs::read_to_string(&path).unwrap().contains("fuzz_target!");
            assert_eq!(targets.contains(&name), is_target, "{name}");
        }
        for name in targets {
            let seeds = fs::read_dir(folder().join("seeds").join(&name));
            assert!(seeds.is_ok_and(|mut seeds| seeds.next().is_some()), "no seeds for {name}");
        }
    }
}
