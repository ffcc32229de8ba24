//! The real Lima host, `limactl`, with our image: its own folder, its own user where the tests run as
//! root (limactl refuses root), and QEMU behind a small wrapper where KVM does not work.
//!
//! What limactl makes that is not obvious: it passes `-machine q35,accel=kvm -cpu host` whenever
//! `/dev/kvm` exists, asks QEMU for its features with `-cpu help` and the like before, copies image,
//! kernel and initrd into the instance, and keeps sockets whose paths must stay below 104 bytes.

mod user;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
pub(super) use user::User;

use super::accel::{Accel, detect};
use super::arch::Arch;
use super::base::Base;
use super::guest_build::Programs;
use super::layer::Image;
use super::tool::{Output, Tool, tail};
use super::{peers, wait, workspace};

/// The instance's name.
pub const INSTANCE: &str = "t";

/// The template where nothing special is asked for.
const BODY: &str = "mountType: 9p
mounts:
- {location: SHARED, mountPoint: /mnt/host, writable: true}
";

/// How long `limactl start` may take: its own limit is ten minutes.
const START: Duration = Duration::from_mins(9);

/// One Lima host with one instance.
pub struct LimaHost {
    arch: Arch,
    dir: TempDir,
    /// The user it runs as, if that is not the user of the tests.
    user: Option<User>,
    logs: PathBuf,
}

impl LimaHost {
    /// Sets everything up with the template of [`BODY`]: nothing runs yet.
    pub fn new(name: &str, image: &Image, programs: &Programs) -> Result<Self> {
        Self::with_template(name, image, programs, BODY)
    }

    /// The same with another template, without what it says of image and machine. `SHARED` in it
    /// stands for the shared folder.
    pub fn with_template(
        name: &str,
        image: &Image,
        programs: &Programs,
        body: &str,
    ) -> Result<Self> {
        let arch = Arch::host()?;
        let peers = peers::folder()?;
        let accel = detect(arch, &image.kernel())?;
        let logs = workspace::state("logs")?.join(name);
        super::base::remove(&logs)?;
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        let dir = tempfile::Builder::new().prefix("nixvm-lima-").tempdir()?;
        let user = if rustix::process::getuid().is_root() { Some(User::add(accel)?) } else { None };
        let host = Self { arch, dir, user, logs };
        host.install(&peers, image, programs, accel)?;
        fs::write(host.path("instance.yaml"), host.template(body))?;
        Ok(host)
    }

    /// A folder of the host, which everybody may write to: the guest's user may have any id.
    pub fn shared(&self) -> PathBuf {
        self.path("shared")
    }

    /// `limactl start`, until it says READY.
    pub fn start(&self) -> Result<()> {
        self.start_with(&[])
    }

    /// The same with variables in the environment of the host.
    pub fn start_with(&self, env: &[(&str, &str)]) -> Result<()> {
        let template = self.path("instance.yaml");
        let what = if self.path("lima").join(INSTANCE).exists() {
            INSTANCE.to_owned()
        } else {
            template.display().to_string()
        };
        let name = format!("--name={INSTANCE}");
        let mut args = vec!["start", "--tty=false"];
        if what != INSTANCE {
            args.push(&name);
        }
        args.push(&what);
        let tool =
            env.iter().fold(self.limactl(&args), |tool, (name, value)| tool.env(name, *value));
        let output = tool.limit(START).output();
        self.keep_logs();
        let output = output.with_context(|| self.last_words())?;
        if !output.stderr.contains("READY.") {
            bail!(
                "limactl did not get to READY\n{}\n{}",
                tail(&output.stderr, 12),
                self.last_words()
            );
        }
        Ok(())
    }

    /// `limactl shell`: a shell command in the guest.
    pub fn shell(&self, command: &str) -> Result<String> {
        self.limactl(&["shell", "--workdir=/", INSTANCE, "sh", "-c", command]).run()
    }

    /// `limactl stop`.
    pub fn stop(&self) -> Result<()> {
        let stopped = self.limactl(&["stop", INSTANCE]).limit(Duration::from_mins(3)).run();
        self.keep_logs();
        stopped.map(drop)
    }

    /// What the host agent logged, one JSON object a line.
    pub fn host_agent_log(&self) -> Result<String> {
        let path = self.path("lima").join(INSTANCE).join("ha.stderr.log");
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// Any other call of limactl, for the instance [`INSTANCE`].
    pub fn limactl(&self, args: &[&str]) -> Tool {
        let limactl = self.path("bin/limactl").display().to_string();
        let tool = match &self.user {
            None => Tool::new(limactl),
            Some(user) => user.runs(&limactl),
        };
        let home = self.path("home");
        tool.args(args)
            .env("HOME", &home)
            .env("LIMA_HOME", self.path("lima"))
            .env("QEMU_SYSTEM_X86_64", self.path("bin/qemu"))
            .env("QEMU_SYSTEM_AARCH64", self.path("bin/qemu"))
            .dir(&home)
    }

    fn install(
        &self,
        peers: &Path,
        image: &Image,
        programs: &Programs,
        accel: Accel,
    ) -> Result<()> {
        for folder in ["bin", "share/lima", "home", "lima", "shared"] {
            fs::create_dir_all(self.path(folder)).with_context(|| format!("creating {folder}"))?;
        }
        let agent = format!("share/lima/lima-guestagent.Linux-{}", self.arch.name());
        let copies = [
            (peers.join("limactl"), "bin/limactl"),
            (programs.guestagent.clone(), agent.as_str()),
            (image.disk(), "disk.raw"),
            (image.kernel(), "vmlinuz"),
            (image.initrd(), "initrd"),
        ];
        for (from, to) in copies {
            let copy = Tool::new("cp").args(["--sparse=always", "--reflink=auto"]);
            copy.arg(from).arg(self.path(to)).run()?;
        }
        fs::write(self.path("bin/qemu"), wrapper(self.arch, accel))?;
        fs::set_permissions(self.path("bin/qemu"), fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(self.shared(), fs::Permissions::from_mode(0o777))?;
        if let Some(user) = &self.user {
            for folder in ["home", "lima", "shared"] {
                chown(self.path(folder), Some(user.uid), Some(user.uid))?;
            }
        }
        Ok(())
    }

    fn template(&self, body: &str) -> String {
        let (arch, dir) = (self.arch.name(), self.dir.path().display());
        let cmdline = Base::cmdline(self.arch);
        let head = format!(
            r#"vmType: qemu
arch: {arch}
cpus: 2
memory: 1GiB
disk: 4GiB
images:
- location: {dir}/disk.raw
  arch: {arch}
  kernel: {{location: {dir}/vmlinuz, cmdline: "{cmdline}"}}
  initrd: {{location: {dir}/initrd}}
firmware: {{legacyBIOS: true}}
containerd: {{system: false, user: false}}
ssh: {{loadDotSSHPubKeys: false}}
"#
        );
        head + &body.replace("SHARED", &self.shared().display().to_string())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn keep_logs(&self) {
        for name in ["ha.stderr.log", "serial.log"] {
            // The instance may not have got as far as a log.
            fs::copy(self.path("lima").join(INSTANCE).join(name), self.logs.join(name)).ok();
        }
    }

    fn last_words(&self) -> String {
        let serial = fs::read(self.logs.join("serial.log")).unwrap_or_default();
        let serial = tail(&String::from_utf8_lossy(&serial), 15);
        format!("logs in {}; the console's end:\n{serial}", self.logs.display())
    }
}

impl Drop for LimaHost {
    fn drop(&mut self) {
        if self.path("lima").join(INSTANCE).exists() {
            let delete = self.limactl(&["delete", "--force", INSTANCE]);
            let output = wait::in_peace(|| delete.limit(Duration::from_mins(1)).output());
            if let Err(error) = output.and_then(|output| deleted(&output)) {
                eprintln!("deleting the Lima instance: {error:#}");
            }
        }
    }
}

fn deleted(output: &Output) -> Result<()> {
    if output.status.success() { Ok(()) } else { bail!("{}", tail(&output.stderr, 5)) }
}

/// QEMU as limactl shall see it. Only the two arguments that name KVM are exchanged; questions about
/// features go through as they are.
fn wrapper(arch: Arch, accel: Accel) -> String {
    let qemu = arch.qemu();
    if accel == Accel::Kvm {
        return format!("#!/bin/sh\nexec {qemu} \"$@\"\n");
    }
    format!(
        r#"#!/bin/bash
arguments=()
for argument in "$@"; do
    case $argument in
    q35,accel=kvm) argument=q35,vmport=off,accel=tcg ;;
    virt,accel=kvm) argument=virt,accel=tcg ;;
    host) argument=max ;;
    esac
    arguments+=("$argument")
done
exec {qemu} "${{arguments[@]}}"
"#
    )
}
