//! `cargo xtask bench boot`: the boot work of cloud-init with Lima's scripts and of nixvm, in the same
//! image, with the same medium made by the real limactl.
//!
//! ```text
//! for each round and side: a new disk -> first boot -> power button -> second boot
//! each boot: a medium of its own start of limactl -> the guest's own account -> Figures -> table
//! ```
//!
//! Each side's units run in a slice of their own, whose cgroup outlives them: it holds what they and
//! all that they started took. What PID 1 and its generators took more than on the other side is
//! added. Left out on both sides, because it is not the host's boot work: user scripts, packages to
//! download, and making the host keys of sshd, which on both sides is done by sshd's unit.

mod guest;
mod rows;
mod side;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use nixvm_e2e::rig::arch::Arch;
use nixvm_e2e::rig::cidata::Cidata;
use nixvm_e2e::rig::layer::Image;
use nixvm_e2e::rig::{peers, wait, workspace};
use serde_json::json;

use self::rows::Figures;
use self::side::Side;
use super::table::{self, Other};
use crate::progress::{Phases, say};
use crate::setup::{self, Purpose};

const TEMPLATE: &str = include_str!("boot/instance.yaml");
const CLOUD_INIT: Other = Other { title: "cloud-init", key: "cloud_init" };

/// Measure the boot of a guest with nixvm against cloud-init and Lima's scripts (4 minutes a round)
///
/// The same Debian image, disk and medium of the real limactl, once with cloud-init and once with
/// nixvm; each is booted twice, the second time with the medium of another start. CPU is what the
/// cgroup of each side's units used, children included, and what PID 1 used more than on the other
/// side. Times and memory are as the guest has them. A missed aim does not change the exit code.
/// Needs Go for limactl, and the right to make the image. Nothing else should run meanwhile: where
/// the processor is emulated, work of others makes times longer on both sides.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// One round
    #[arg(long)]
    quick: bool,
    /// Also write the figures into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only boots with nixvm, for the profile that each boot leaves with the logs
    #[arg(long)]
    profile: bool,
    /// Rounds, of which the median counts [default: 5, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    wait::stop_on_signals()?;
    setup::prepare(Purpose::Guests)?;
    let _lock = workspace::lock("bench")?;
    let begin = Instant::now();
    let mut phases = Phases::new(2);
    let sides = if options.profile { &[Side::Ours][..] } else { &Side::BOTH };
    let images = phases.run("programs and images", "5 min the first time", || images(sides))?;
    let cidata = phases.run("medium by limactl", "2 min the first time", cidata)?;
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 5 });
    let mut figures = Figures::default();
    let mut failed = Vec::new();
    for round in (1..=rounds).take_while(|_| !wait::stopped()) {
        if let Err(error) = measure(round, rounds, &images, &cidata, &mut figures) {
            say(&format!("      did not run: {error:#}"));
            failed.push(round);
        }
    }
    if !options.profile {
        publish(options, &figures)?;
    }
    if !failed.is_empty() {
        say(&format!("rounds that did not run: {failed:?}"));
    }
    say(&format!("took {} s", begin.elapsed().as_secs()));
    Ok(ExitCode::from(u8::from(!failed.is_empty() || wait::stopped())))
}

fn images(sides: &[Side]) -> Result<Vec<(Side, Image)>> {
    sides.iter().map(|side| Ok((*side, side.image()?))).collect()
}

fn cidata() -> Result<Cidata> {
    let peers = peers::folder()?;
    let template = TEMPLATE.replace("ARCH", Arch::host()?.name());
    Cidata::new(&peers.join("limactl"), &peers.join("lima-guestagent"), &template)
}

/// A round counts as a whole: PID 1 of each side is compared with the other's.
fn measure(
    round: u32,
    rounds: u32,
    images: &[(Side, Image)],
    cidata: &Cidata,
    figures: &mut Figures,
) -> Result<()> {
    let mut boots = Vec::new();
    for (side, image) in images {
        say(&format!("round {round} of {rounds}: {side}"));
        let [first, second] =
            guest::boots(*side, image, cidata).with_context(|| format!("booting {side}"))?;
        boots.push((first, second));
    }
    // A side alone has only its profile.
    let [cloud_init, ours] = &boots[..] else { return Ok(()) };
    figures.add(rows::FIRST, [&cloud_init.0, &ours.0]);
    figures.add(rows::SECOND, [&cloud_init.1, &ours.1]);
    Ok(())
}

fn publish(options: &Options, figures: &Figures) -> Result<()> {
    let lines = rows::lines(figures);
    say(&table::text(&lines, CLOUD_INIT));
    let Some(path) = &options.json else { return Ok(()) };
    let lines: Vec<_> = lines.iter().map(|line| line.json(CLOUD_INIT)).collect();
    super::write(path, &json!({ "rows": lines, "rounds": figures.json() }))
}
