//! `cargo xtask up`: from nothing to a guest to log in to, and back to nothing.

mod check;
mod example;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use nixvm_e2e::client::forward::Forwarder;
use nixvm_e2e::rig::accel::{Accel, detect};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::layer::{Image, image_of};
use nixvm_e2e::rig::machine::{Machine, Share};
use nixvm_e2e::rig::seed::MountType;
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::vm::Vm;
use nixvm_e2e::rig::{base, guest_build, wait, workspace};

use self::example::{Example, Values};
use crate::progress::{Phases, say};
use crate::setup::{self, Purpose};

/// Build nixvm, boot a guest with it and stay until Ctrl-C.
///
/// Needs nothing before it but Rust: packages that are missing are installed where apt is there
/// (after a question on a terminal). The first time takes about 6 minutes on two cores without KVM,
/// later ones about one.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Prove each promise, print a line for each, and end: exit code 0 if all hold.
    #[arg(long)]
    check: bool,
    /// Folder with the seed's files; examples/README.md says what may be in it.
    #[arg(long, value_name = "DIR")]
    example: Option<PathBuf>,
    /// Folder of this machine that the guest mounts; without it a new one, removed at the end.
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    share: Option<PathBuf>,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    wait::stop_on_signals()?;
    setup::prepare(Purpose::Guests)?;
    let mut phases = Phases::new(4);
    let image = image(&mut phases)?;
    let mut machine = Machine::new("up", &image)?;
    let guest = Guest::describe(options, &mut machine)?;
    let Guest { seed, values, .. } = &guest;
    let expectation = match machine.accel() {
        Accel::Kvm => "10 s",
        Accel::Tcg => "40 s without KVM, more if the machine is busy",
    };
    let mut vm = machine.boot_folder(seed, &values.user, &values.mac)?;
    let (ssh, took) = phases.run("booting the guest", expectation, || {
        let ssh = vm.ssh()?;
        let took = vm.boot_done(&ssh)?;
        Ok((ssh, took))
    })?;
    say(&format!("      boot done {:.1} s after power-on", took.as_secs_f64()));
    let socket = vm.machine().dir().join("ga.sock");
    ssh.forward("/run/lima-guestagent.sock", &socket)?;
    let forwarder = Forwarder::start(&socket, std::collections::BTreeMap::new())?;
    if options.check {
        return Ok(check::all(&vm, &ssh, &forwarder, &guest));
    }
    stay(&mut vm, &ssh, &forwarder, &guest)?;
    Ok(ExitCode::SUCCESS)
}

/// The first three phases.
fn image(phases: &mut Phases) -> Result<Image> {
    let arch = Arch::host()?;
    let programs = phases.run("building the guest's programs", "3 min the first time", || {
        guest_build::build(arch)
    })?;
    let expectation = if base::is_cached(arch)? { "cached" } else { "1 to 2 min, once" };
    let base = phases.run("making a Debian 12 image", expectation, || base::base(arch))?;
    phases.run("putting them into the image", "5 s", || {
        let image = image_of(&base, &programs, &[])?;
        detect(arch, &image.kernel())?;
        Ok(image)
    })
}

/// What the guest of this run was promised.
pub struct Guest {
    /// The values that the example's placeholders got.
    pub values: Values,
    /// The host's folder.
    pub shared: PathBuf,
    /// The folder with the rendered seed.
    seed: PathBuf,
}

impl Guest {
    fn describe(options: &Options, machine: &mut Machine) -> Result<Self> {
        let folder = options.example.clone();
        let folder = folder.unwrap_or_else(|| workspace::root().join("examples/hello"));
        let shared = match &options.share {
            Some(folder) => folder.canonicalize().context("the shared folder")?,
            None => example::shared_folder(&machine.dir().join("shared"))?,
        };
        let values = Values::for_this_user(&machine.public_key()?, machine_id()?)?;
        let seed = machine.dir().join("seed");
        Example::read(&folder)?.render(&values, &seed)?;
        let share =
            Share { tag: values.share_tag.clone(), folder: shared.clone(), kind: MountType::NineP };
        machine.share(share);
        Ok(Self { values, shared, seed })
    }
}

fn machine_id() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// Tells how to use the guest, and each port that is forwarded, until Ctrl-C or the guest's end.
fn stay(vm: &mut Vm<'_>, ssh: &Ssh, forwarder: &Forwarder, guest: &Guest) -> Result<()> {
    say("\nLog in with:");
    say(&format!("  {}", ssh.command_line()));
    say(&format!("{} is /mnt/host in the guest.", guest.shared.display()));
    say("A port that you open in the guest is forwarded; it is shown here. Ctrl-C ends the guest.");
    let mut known = BTreeSet::new();
    while !wait::stopped() && vm.is_on()? {
        let now: BTreeSet<String> = forwarder
            .forwards()
            .iter()
            .map(|(guest, here)| format!("{here} -> guest {guest}"))
            .collect();
        now.difference(&known).for_each(|line| say(&format!("  forwarding {line}")));
        known.difference(&now).for_each(|line| say(&format!("  closed     {line}")));
        known = now;
        std::thread::sleep(Duration::from_millis(200));
    }
    say("\nEnding the guest; nothing of it stays but its logs in .nixvm/logs/up.");
    Ok(())
}
