//! The guest image: the base image with our programs and units in it.
//!
//! Files go in with debugfs, which needs neither root nor a loop device, so a rebuilt agent costs a
//! copy of the disk and a second. Units are enabled by the links that `systemctl enable` would make.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::arch::Arch;
use super::base::{Base, OFFSET, base, digest, remove};
use super::guest_build::{Programs, build};
use super::tool::Tool;
use super::workspace;

/// How many guest images are kept. More than one, because a test may still run from the last.
const KEPT: usize = 3;

const UNITS: &str = "/etc/systemd/system";

/// A file to put into the guest.
#[derive(Clone, Debug)]
pub struct Install {
    /// Where it is here.
    pub from: PathBuf,
    /// Its absolute path in the guest.
    pub to: String,
    /// Its permissions.
    pub mode: u32,
}

/// A guest image on disk. None of its files is ever written again.
#[derive(Clone, Debug)]
pub struct Image {
    base: Base,
    dir: PathBuf,
}

impl Image {
    /// The disk, raw.
    pub fn disk(&self) -> PathBuf {
        self.dir.join("disk.raw")
    }

    /// The kernel.
    pub fn kernel(&self) -> PathBuf {
        self.base.kernel()
    }

    /// The initrd.
    pub fn initrd(&self) -> PathBuf {
        self.base.initrd()
    }
}

/// The guest image with the programs and units of this workspace, built as needed.
pub fn image(arch: Arch) -> Result<Image> {
    image_with(arch, &[])
}

/// The same image with some more files.
pub fn image_with(arch: Arch, extra: &[Install]) -> Result<Image> {
    image_of(&base(arch)?, &build(arch)?, extra)
}

/// The image of this base, these programs, this workspace's units and some more files.
pub fn image_of(base: &Base, programs: &Programs, extra: &[Install]) -> Result<Image> {
    let mut files = workspace_files(programs)?;
    files.extend_from_slice(extra);
    layer(base, &files)
}

/// A guest image with these files. A file right in systemd's folder is a unit and is enabled.
pub fn layer(base: &Base, files: &[Install]) -> Result<Image> {
    let _lock = workspace::lock("layer")?;
    let dir = workspace::state("images")?.join(format!("guest-{}", inputs(base, files)?));
    if !dir.is_dir() {
        let fresh = dir.with_extension("fresh");
        remove(&fresh)?;
        fs::create_dir_all(&fresh).with_context(|| format!("creating {}", fresh.display()))?;
        let disk = fresh.join("disk.raw");
        let copy = Tool::new("cp").args(["--sparse=always", "--reflink=auto"]);
        copy.arg(base.disk()).arg(&disk).run()?;
        inject(&disk, files)?;
        fs::rename(&fresh, &dir).with_context(|| format!("naming {}", dir.display()))?;
        forget_old()?;
    }
    Ok(Image { base: base.clone(), dir })
}

/// What this workspace installs in a guest.
fn workspace_files(programs: &Programs) -> Result<Vec<Install>> {
    let root = workspace::root();
    let mut files = vec![
        program(&programs.agent, "/usr/bin/nixvm-agent"),
        program(&programs.guestagent, "/usr/bin/nixvm-guestagent"),
    ];
    for folder in ["agent/systemd", "guestagent/systemd"] {
        let folder = root.join(folder);
        let entries = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
        for entry in entries {
            let from = entry?.path();
            if from.extension().is_some_and(|extension| extension == "service") {
                let name = from.file_name().unwrap_or_default().to_string_lossy();
                files.push(Install { to: format!("{UNITS}/{name}"), mode: 0o644, from });
            }
        }
    }
    files.sort_by(|a, b| a.to.cmp(&b.to));
    Ok(files)
}

fn program(from: &Path, to: &str) -> Install {
    Install { from: from.to_owned(), to: to.to_owned(), mode: 0o755 }
}

fn inputs(base: &Base, files: &[Install]) -> Result<String> {
    let mut texts = vec![base.disk().display().to_string()];
    for file in files {
        let sum = Tool::new("sha256sum").arg("--binary").arg(&file.from).run()?;
        texts.push(format!("{} {:o} {}", file.to, file.mode, sum.get(..64).unwrap_or(&sum)));
    }
    Ok(digest(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn inject(disk: &Path, files: &[Install]) -> Result<()> {
    let mut script = Script::default();
    for file in files {
        script.file(file);
        if file.to.rsplit_once('/').is_some_and(|(folder, _)| folder == UNITS) {
            script.enable(file)?;
        }
    }
    let target = format!("{}?offset={OFFSET}", disk.display());
    let output =
        Tool::new("debugfs").args(["-w", "-f", "-"]).arg(target).input(script.text()).output()?;
    // debugfs ends with 0 whatever happened; its complaints are all there is to go by.
    let complaint = output.stderr.lines().find(|line| !is_harmless(line));
    match complaint {
        Some(line) => bail!("putting files into {}: {line}", disk.display()),
        None => Ok(()),
    }
}

fn is_harmless(line: &str) -> bool {
    line.is_empty() || line.starts_with("debugfs 1.") || line.contains("already exists")
}

/// Commands for debugfs.
#[derive(Default)]
struct Script {
    folders: BTreeSet<String>,
    commands: Vec<String>,
}

impl Script {
    fn file(&mut self, file: &Install) {
        let (folder, name) = file.to.rsplit_once('/').unwrap_or(("", &file.to));
        self.folders.insert(folder.to_owned());
        self.commands.push(format!("cd {folder}"));
        self.commands.push(format!("write {} {name}", file.from.display()));
        for (field, value) in [("mode", 0o100_000 | file.mode), ("uid", 0), ("gid", 0)] {
            self.commands.push(format!("sif {name} {field} 0{value:o}"));
        }
    }

    fn enable(&mut self, unit: &Install) -> Result<()> {
        let text = fs::read_to_string(&unit.from)
            .with_context(|| format!("reading {}", unit.from.display()))?;
        let name = unit.to.rsplit('/').next().unwrap_or_default();
        let targets: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("WantedBy="))
            .flat_map(str::split_whitespace)
            .collect();
        if targets.is_empty() {
            bail!("{} is wanted by nothing", unit.from.display());
        }
        for target in targets {
            let folder = format!("{UNITS}/{target}.wants");
            self.commands.push(format!("cd {folder}"));
            self.commands.push(format!("symlink {name} {}", unit.to));
            self.folders.insert(folder);
        }
        Ok(())
    }

    fn text(&self) -> String {
        let folders = self.folders.iter().map(|folder| format!("mkdir {folder}\n"));
        folders.chain(self.commands.iter().map(|command| format!("{command}\n"))).collect()
    }
}

fn forget_old() -> Result<()> {
    let mut guests = Vec::new();
    for entry in fs::read_dir(workspace::state("images")?).context("listing images")? {
        let path = entry?.path();
        if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("guest-")) {
            guests.push((fs::metadata(&path)?.modified()?, path));
        }
    }
    guests.sort();
    guests.iter().rev().skip(KEPT).try_for_each(|(_, path)| remove(path))
}
