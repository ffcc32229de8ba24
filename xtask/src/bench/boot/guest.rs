//! A machine's first two boots, each with the guest's own account of it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nixvm_e2e::rig::cidata::Cidata;
use nixvm_e2e::rig::layer::Image;
use nixvm_e2e::rig::load::Watch;
use nixvm_e2e::rig::machine::{Machine, Share};
use nixvm_e2e::rig::seed::MountType;
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::vm::Vm;

use super::side::Side;
use crate::progress::say;

const ACCOUNT: &str = include_str!("account.sh");
/// The user of the template.
const USER: &str = "john";
/// The CPU time of every service, in nanoseconds, the longest first.
const OTHERS: &str = r"systemctl show --property=Id,CPUUsageNSec '*.service' |
    awk -F'\n' -v RS= '{ print $2, $1 }' | grep -v 'not set' | sort -t= -k2nr";
/// Begins the name of a unit's CPU time.
const UNIT: &str = "unit:";
/// How long a boot may take.
const BOOT: Duration = Duration::from_mins(6);

/// Numbers by name.
pub type Account = BTreeMap<String, f64>;

/// Boots a new machine twice.
pub fn boots(side: Side, image: &Image, cidata: &Cidata) -> Result<[Account; 2]> {
    let mut machine = Machine::new(&format!("bench_boot_{side}"), image)?;
    let (tag, folder) = (cidata.tag()?, cidata.shared());
    machine.share(Share { tag, folder, kind: MountType::NineP });
    let first = boot(side, &mut machine, cidata, End::PowerButton).context("the first boot")?;
    // Each start of limactl writes its medium anew, with another instance-id.
    cidata.renew().context("the medium of the second boot")?;
    let second = boot(side, &mut machine, cidata, End::PowerCut).context("the second boot")?;
    Ok([first, second])
}

/// How a machine is switched off.
#[derive(Clone, Copy)]
enum End {
    PowerButton,
    PowerCut,
}

fn boot(side: Side, machine: &mut Machine, cidata: &Cidata, end: End) -> Result<Account> {
    let watch = Watch::begin()?;
    let mut vm = machine.boot_cidata(cidata, USER)?;
    let ssh = vm.ssh()?;
    end_of_units(&ssh)?;
    vm.boot_done(&ssh)?;
    let account = account(side, &ssh)?;
    keep_profile(side, &vm, &ssh)?;
    say(&line(&account, watch.others(vm.pid())?));
    drop(ssh);
    match end {
        End::PowerButton => vm.shutdown()?,
        End::PowerCut => vm.cut_power(),
    }
    Ok(account)
}

/// Waits for the end of all units, since the one that says so is not the last. The guest waits by
/// itself, which costs it nothing. Lima's scripts end the user's sessions, and so this question too.
/// Degraded is an end as well: an image has units that are neither side's.
fn end_of_units(ssh: &Ssh) -> Result<()> {
    let begin = Instant::now();
    loop {
        let said = ssh.output("timeout 50 systemctl is-system-running --wait")?.stdout;
        match said.trim() {
            "running" | "degraded" => return Ok(()),
            _ if begin.elapsed() > BOOT => bail!("the guest is still {said}"),
            _ => {}
        }
    }
}

/// What each step took, kept with the logs: where to look when a figure is bad.
fn keep_profile(side: Side, vm: &Vm<'_>, ssh: &Ssh) -> Result<()> {
    let path = vm.machine().logs().join(format!("profile-{}", vm.machine().boots()));
    let units = ssh.run(OTHERS)?;
    fs::write(&path, ssh.output(side.profile())?.stdout + &units)
        .with_context(|| format!("writing {}", path.display()))
}

fn account(side: Side, ssh: &Ssh) -> Result<Account> {
    let units = side.units().join(" ");
    parse(&ssh.run(&format!("sudo sh -s {units} <<'ACCOUNT'\n{ACCOUNT}\nACCOUNT\n"))?)
}

/// From what the script prints to the figures of the table.
fn parse(text: &str) -> Result<Account> {
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    let raw: BTreeMap<&str, f64> =
        pairs.filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect();
    let of = |name: &str| raw.get(name).copied().with_context(|| format!("no {name} in\n{text}"));
    let since_start = |name: &str| Ok::<f64, anyhow::Error>(of(name)? - of("now_s")? + of("up_s")?);
    let mut account: Account = [
        ("units_s", of("units_us")? / 1e6),
        ("pid1_s", of("pid1_us")? / 1e6),
        ("others_s", of("others_us")? / 1e6),
        ("floor_s", of("floor_ns")? / 1e9),
        ("peak_mb", of("peak_bytes")? / 1e6),
        ("read_mb", of("read_bytes")? / 1e6),
        ("disk_mb", of("disk_bytes")? / 1e6),
        ("sshd_s", of("sshd_us")? / 1e6),
        ("ready_s", since_start("ready_s")?),
        ("done_s", since_start("done_s")?),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let units = raw.iter().filter(|(name, _)| name.starts_with(UNIT));
    account.extend(units.map(|(name, ns)| ((*name).to_owned(), ns / 1e9)));
    ensure!(account.get("units_s") > Some(&0.0), "the units of this side took nothing:\n{text}");
    Ok(account)
}

fn line(account: &Account, others: f64) -> String {
    let of = |name: &str| account.get(name).copied().unwrap_or_default();
    let units = account.iter().filter_map(|(name, s)| Some((name.strip_prefix(UNIT)?, s)));
    let units: Vec<_> = units.map(|(unit, s)| format!("{unit} {s:.2}")).collect();
    format!(
        "      CPU {:.2} s ({}), PID 1 {:.2} s; sshd at {:.1} s, done at {:.1} s; \
         {others:.1} processors were busy with other things",
        of("units_s"),
        units.join(", "),
        of("pid1_s"),
        of("sshd_s"),
        of("done_s"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_files_count_from_the_start_of_the_kernel() {
        let text = "units_us 250000\npid1_us 2000000\nothers_us 9000000\nfloor_ns 30000000\npeak_bytes 8000000\n\
            read_bytes 0\ndisk_bytes 1000000\nsshd_us 9500000\nnow_s 1700000100.5\nup_s 40.5\n\
            ready_s 1700000069.000000000\ndone_s 1700000090.0\nunit:cloud-final 200000000\n";
        let account = parse(text).unwrap();
        assert_eq!((account["units_s"], account["ready_s"], account["done_s"]), (0.25, 9.0, 30.0));
        assert!(account.contains_key("unit:cloud-final"));
        assert!(parse("units_us 1\n").is_err());
        assert!(parse(&text.replace("250000", "0")).is_err());
    }
}
