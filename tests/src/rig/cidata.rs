//! The medium that the real `limactl` makes of a template, without booting anything: the QEMU that it
//! starts is a script that keeps the medium and ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::accel::Accel;
use super::arch::Arch;
use super::lima_host::User;
use super::tool::{Tool, tail};

/// A medium, and the key by which its user is reached. Both go away with the value.
pub struct Cidata {
    dir: TempDir,
}

impl Cidata {
    /// Lets this `limactl` make the medium of a template. `IMAGE` in the template stands for an image
    /// that is never booted, `SHARED` for a folder; `agent` is the guest agent that Lima puts on the medium.
    pub fn new(limactl: &Path, agent: &Path, template: &str) -> Result<Self> {
        Self::with_disks(limactl, agent, template, &[])
    }

    /// The same with additional disks of these names, each of 64 MiB.
    pub fn with_disks(
        limactl: &Path,
        agent: &Path,
        template: &str,
        disks: &[&str],
    ) -> Result<Self> {
        let cidata = Self { dir: tempfile::Builder::new().prefix("nixvm-cidata-").tempdir()? };
        cidata.install(limactl, agent, template)?;
        let template = cidata.path("instance.yaml").display().to_string();
        cidata.start(&["--name=t", &template], disks)?;
        Ok(cidata)
    }

    /// Makes the medium of the next start of the same machine, which has another instance-id: Lima
    /// takes the seconds of the clock for it.
    pub fn renew(&self) -> Result<()> {
        fs::remove_file(self.iso()).context("removing the last medium")?;
        self.start(&["t"], &[])
    }

    /// limactl starts the machine and learns that it ended at once.
    fn start(&self, args: &[&str], disks: &[&str]) -> Result<()> {
        let user =
            rustix::process::getuid().is_root().then(|| User::add(Accel::Tcg)).transpose()?;
        if let Some(user) = &user {
            let owner = format!("{0}:{0}", user.uid);
            let tool = Tool::new("chown").args(["-R", &owner]);
            tool.args(["home", "lima", "out"].map(|folder| self.path(folder))).run()?;
        }
        for disk in disks {
            let tool = self.limactl(user.as_ref()).args(["disk", "create"]);
            tool.args([disk, "--size=64MiB"]).run()?;
        }
        let start = self.limactl(user.as_ref()).args(["start", "--tty=false"]);
        let output = start.args(args).output()?;
        // Where a helper of QEMU is missing, virtiofsd for one, it is not even asked to start.
        let left = self.path("lima/t/cidata.iso");
        if !self.iso().is_file() && left.is_file() {
            fs::copy(&left, self.iso()).context("keeping the medium")?;
        }
        if !self.iso().is_file() {
            bail!("limactl made no medium\n{}", tail(&output.stderr, 12));
        }
        Ok(())
    }

    fn limactl(&self, user: Option<&User>) -> Tool {
        let program = self.path("bin/limactl").display().to_string();
        let tool = user.map_or_else(|| Tool::new(&program), |user| user.runs(&program));
        tool.env("HOME", self.path("home"))
            .env("LIMA_HOME", self.path("lima"))
            .env("QEMU_SYSTEM_X86_64", self.path("bin/qemu"))
            .env("QEMU_SYSTEM_AARCH64", self.path("bin/qemu"))
            .dir(&self.path("home"))
            .limit(Duration::from_mins(2))
    }

    /// The medium.
    pub fn iso(&self) -> PathBuf {
        self.path("out/cidata.iso")
    }

    /// The private key of Lima's user.
    pub fn key(&self) -> PathBuf {
        self.path("lima/_config/user")
    }

    /// The address of the guest's network card, as the medium has it.
    pub fn mac(&self) -> Result<String> {
        let text = self.file("network-config")?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("macaddress:"));
        let mac = line.context("no macaddress in the network-config")?;
        Ok(mac.trim().trim_matches('\'').to_owned())
    }

    /// The folder that `SHARED` in the template stands for.
    pub fn shared(&self) -> PathBuf {
        self.path("shared")
    }

    /// The mount tag of that folder, as the medium has it: `lima-` and 16 hex digits.
    pub fn tag(&self) -> Result<String> {
        let text = self.file("user-data")?;
        let tags = text.match_indices("lima-").filter_map(|(at, _)| text.get(at..at + 21));
        let is_hex = |tag: &&str| tag.bytes().skip(5).all(|byte| byte.is_ascii_hexdigit());
        let tag = { tags }.find(is_hex).context("no mount tag in the user-data")?;
        Ok(tag.to_owned())
    }

    fn file(&self, name: &str) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let medium = folder.path().join("medium");
        self.extract(&medium)?;
        fs::read_to_string(medium.join(name)).with_context(|| format!("reading {name}"))
    }

    /// The files on the medium, without the guest agent, in a new folder.
    pub fn extract(&self, to: &Path) -> Result<()> {
        let xorriso = Tool::new("xorriso").args(["-no_rc", "-osirrox", "on", "-indev"]);
        xorriso.arg(self.iso()).args(["-extract", "/"]).arg(to).run()?;
        Tool::new("chmod").args(["-R", "u+w"]).arg(to).run()?;
        fs::remove_file(to.join("lima-guestagent")).ok(); // not there in plain mode
        Ok(())
    }

    fn install(&self, limactl: &Path, agent: &Path, template: &str) -> Result<()> {
        for folder in ["bin", "share/lima", "home", "lima", "out", "shared"] {
            fs::create_dir_all(self.path(folder)).with_context(|| format!("creating {folder}"))?;
        }
        let arch = Arch::host()?;
        let agent_name = format!("share/lima/lima-guestagent.Linux-{}", arch.name());
        for (from, to) in [(limactl, "bin/limactl"), (agent, agent_name.as_str())] {
            fs::copy(from, self.path(to)).with_context(|| format!("copying {}", from.display()))?;
        }
        let image = fs::File::create(self.path("image.raw"))?;
        image.set_len(1 << 20)?;
        let show = |name: &str| self.path(name).display().to_string();
        let template = template.replace("IMAGE", &show("image.raw"));
        let template = template.replace("SHARED", &show("shared"));
        fs::write(self.path("instance.yaml"), template)?;
        fs::write(self.path("bin/qemu"), self.keeper(arch))?;
        for file in ["", "shared", "bin/qemu", "bin/limactl"] {
            fs::set_permissions(self.path(file), fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Questions about features go to QEMU; the start of the machine ends it all.
    fn keeper(&self, arch: Arch) -> String {
        let (qemu, out) = (arch.qemu(), self.path("out").display().to_string());
        format!(
            r#"#!/bin/bash
for argument in "$@"; do
    case $argument in
    *cidata.iso*)
        cp "$LIMA_HOME/t/cidata.iso" {out}/cidata.new && mv {out}/cidata.new {out}/cidata.iso
        echo "the medium is kept; nothing boots" >&2
        exit 1 ;;
    esac
done
exec {qemu} "$@"
"#
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
