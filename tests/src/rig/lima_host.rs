//! The real Lima host, `limactl`, with our image: its own folder, its own user where the tests run as
//! root (limactl refuses root), and QEMU behind a small wrapper where KVM does not work.
//!
//! What limactl makes that is not obvious: it passes `-machine q35,accel=kvm -cpu host` whenever
//! `/dev/kvm` exists, asks QEMU for its features with `-cpu help` and the like before, copies image,
//! kernel and initrd into the instance, and keeps sockets whose paths must stay below 104 bytes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::accel::{Accel, detect};
use super::arch::Arch;
use super::base::Base;
use super::guest_build::Programs;
use super::layer::Image;
use super::tool::{Output, Tool, tail};
use super::{peers, wait, workspace};

/// The instance's name.
const INSTANCE: &str = "t";

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
    /// Sets everything up: nothing runs yet.
    pub fn new(name: &str, image: &Image, programs: &Programs) -> Result<Self> {
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
        Ok(host)
    }

    /// A folder of the host, which the guest mounts writable on `/mnt/host`.
    pub fn shared(&self) -> PathBuf {
        self.path("shared")
    }

    /// `limactl start`, until it says READY.
    pub fn start(&self) -> Result<()> {
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
        let output = self.limactl(&args).limit(START).output();
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

    fn limactl(&self, args: &[&str]) -> Tool {
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
        fs::write(self.path("instance.yaml"), self.template())?;
        fs::write(self.path("bin/qemu"), wrapper(self.arch, accel))?;
        fs::set_permissions(self.path("bin/qemu"), fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755))?;
        if let Some(user) = &self.user {
            for folder in ["home", "lima", "shared"] {
                chown(self.path(folder), Some(user.uid), Some(user.uid))?;
            }
        }
        Ok(())
    }

    fn template(&self) -> String {
        let (arch, dir) = (self.arch.name(), self.dir.path().display());
        let cmdline = Base::cmdline(self.arch);
        format!(
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
mountType: 9p
mounts:
- {{location: {dir}/shared, mountPoint: /mnt/host, writable: true}}
containerd: {{system: false, user: false}}
ssh: {{loadDotSSHPubKeys: false}}
param: {{color: blue}}
provision:
- mode: system
  script: |
    #!/bin/sh
    echo "$LIMA_CIDATA_USER $PARAM_color" >>/var/tmp/system-runs
- mode: user
  script: |
    #!/bin/sh
    echo "$PARAM_color" >>~/user-runs
"#
        )
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

/// A user that lives as long as the test.
pub(super) struct User {
    name: String,
    pub(super) uid: u32,
}

impl User {
    /// A tool that this user runs.
    pub(super) fn runs(&self, program: &str) -> Tool {
        let (name, switch) = (self.name.as_str(), "setpriv");
        Tool::new(switch).args(["--reuid", name, "--regid", name, "--init-groups", program])
    }

    pub(super) fn add(accel: Accel) -> Result<Self> {
        let name = format!("nixvm{}", std::process::id());
        let mut add = Tool::new("useradd").args(["--no-create-home", "--user-group"]);
        add = add.args(["--shell", "/bin/bash", "--home-dir", "/nonexistent"]);
        if accel == Accel::Kvm {
            add = add.args(["--groups", "kvm"]);
        }
        add.arg(&name).run().context("making a user for limactl")?;
        let uid = Tool::new("id").args(["-u", &name]).run()?;
        let uid = uid.trim().parse().with_context(|| format!("the uid of {name}: {uid}"))?;
        Ok(Self { name, uid })
    }

    /// Processes of this user, which are all the test's: the user was made for it.
    fn processes(&self) -> Vec<i32> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| owner_of_living(*pid) == Some(self.uid)).collect()
    }

    fn end_processes(&self) -> Result<()> {
        wait::until("the end of the Lima user's processes", Duration::from_secs(10), || {
            let pids = self.processes();
            for pid in pids.iter().filter_map(|pid| rustix::process::Pid::from_raw(*pid)) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok(); // may be gone
            }
            Ok(pids.is_empty().then_some(()))
        })
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let removed = wait::in_peace(|| {
            self.end_processes()?;
            Tool::new("userdel").args(["--force", &self.name]).run()
        });
        if let Err(error) = removed {
            eprintln!("removing the user {}: {error:#}", self.name);
        }
    }
}

/// Whose process this is; none if it has ended and nobody has asked for its status yet.
fn owner_of_living(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    if field("State:")?.trim().starts_with('Z') {
        return None;
    }
    field("Uid:")?.split_whitespace().next()?.parse().ok()
}
