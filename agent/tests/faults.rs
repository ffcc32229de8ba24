//! Calls of the golden cases fail, one in each run: the outcome says so, the rest is applied, and the
//! next run without faults reaches the same machine. The power goes once at each of them too.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

#[path = "faults/faulty.rs"]
mod faulty;
#[path = "golden/machine.rs"]
#[allow(dead_code, reason = "the golden cases use the rest")]
mod machine;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use faulty::{Calls, Fault, Faulty, PowerLost};
use machine::Case;
use nixvm_agent::apply::{Outcome, StepResult};
use nixvm_agent::plan::Options;
use nixvm_agent::report::Report;
use nixvm_agent::run;
use nixvm_agent::step::Stage;
use nixvm_system::Mounts;

const OPTIONS: Options = Options { script_limit: 1800 };
/// ENOSPC, EIO, EROFS, EPERM, and a program that is killed.
const FAULTS: [Fault; 5] =
    [Fault::Error(28), Fault::Error(5), Fault::Error(30), Fault::Error(1), Fault::Killed];

/// Calls whose fault harms nothing or is told in another way: the agent's own notes; the user's
/// systemd, without which a script runs all the same.
const MAY_FAIL: [&str; 4] = [
    "write /run/nixvm-agent/",
    "/var/lib/nixvm-agent/ledger",
    "list /var/lib/nixvm-agent/scripts",
    "systemctl start user@",
];

/// All that a run leaves.
struct After {
    tree: BTreeMap<String, String>,
    mounts: Vec<nixvm_system::Mount>,
    outcomes: BTreeMap<String, StepResult>,
    exits: Vec<u8>,
}

/// One boot. Returns the number of calls, and the call that failed.
fn boot(case: &Case, calls: Calls, at: Option<usize>, fault: Fault) -> (usize, Option<String>) {
    let mut system = Faulty::new(case.open(), calls, at, fault);
    let named = case.named();
    for stage in Stage::ALL {
        run::stage(stage, named.as_deref(), &mut system, OPTIONS, &mut |_| {});
    }
    (system.count(), system.hit())
}

fn after(case: &Case) -> After {
    let report = Report::read(&case.open()).unwrap();
    let outcomes = report.stages.iter().flat_map(|stage| stage.outcomes.clone());
    let is_own = |path: &String| path.contains("/nixvm-agent/") || path.ends_with("/nixvm-agent");
    let mut mounts = case.open().mounts().unwrap();
    mounts.sort_by(|one, other| one.target.cmp(&other.target));
    let tree = case.tree().into_iter().filter(|(path, _)| !is_own(path));
    After {
        tree: tree.map(|(path, text)| (path.clone(), in_any_order(&path, text))).collect(),
        mounts,
        outcomes: outcomes.map(|Outcome { step, result, .. }| (step, result)).collect(),
        exits: report.stages.iter().map(|stage| stage.exit).collect(),
    }
}

/// A user who is made later stands later in the account files.
fn in_any_order(path: &str, text: String) -> String {
    if !["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"].contains(&path) {
        return text;
    }
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// What a case reaches without faults, and how many calls that takes.
fn clean(case: &Case, calls: Calls) -> (After, usize) {
    let case = case.again();
    let (count, _) = boot(&case, calls, None, Fault::Killed);
    (after(&case), count)
}

fn each_call_fails_once(name: &str, calls: Calls, wrong: &mut Vec<String>) {
    let Some(new) = Case::new(name) else { return };
    let (clean, count) = clean(&new, calls);
    // Each case begins elsewhere, so that all cases together meet every fault at every call.
    for at in (name.len() % stride(calls)..count).step_by(stride(calls)) {
        let case = new.again();
        let fault = *FAULTS.iter().cycle().nth((at + name.len()) % FAULTS.len()).unwrap();
        let (_, hit) = boot(&case, calls, Some(at), fault);
        let hit = format!("{name}, {fault:?} at call {at}, {}", hit.unwrap_or_default());
        told(&clean, &after(&case), &hit, calls, wrong);
        if hit.contains("read /var/lib/nixvm-agent/ledger") {
            // Nothing is known of earlier boots then, and passwords are left alone.
            continue;
        }
        boot(&case, calls, None, fault);
        same(&clean, &after(&case), &hit, wrong);
    }
}

/// Every effect, and of the many looks a sample; all of them if `FAULTS=all`.
fn stride(calls: Calls) -> usize {
    match calls {
        Calls::Looks if !is_all() => 16,
        _ => 1,
    }
}

/// The fault is told by the exit code, and nothing is lost but its step and what stands on it.
fn told(clean: &After, faulted: &After, hit: &str, calls: Calls, wrong: &mut Vec<String>) {
    if MAY_FAIL.iter().any(|call| hit.contains(call)) {
        return;
    }
    // A mount that may fail (`nofail`) is skipped with the kernel's word, and the exit code stays 0.
    let is_allowed = |result: &StepResult| matches!(result, StepResult::Skipped { reason } if reason.contains("os error"));
    let is_told =
        faulted.exits.iter().any(|exit| *exit != 0) || faulted.outcomes.values().any(is_allowed);
    if calls == Calls::Effects && !is_told {
        wrong.push(format!("{hit}: nothing was told"));
    }
    let mut failed = 0;
    for (step, result) in &clean.outcomes {
        match faulted.outcomes.get(step) {
            Some(now) if now == result => {}
            Some(StepResult::Changed | StepResult::Unchanged) => {}
            Some(StepResult::Failed { .. }) => failed += 1,
            Some(StepResult::Skipped { reason }) if reason.starts_with("needs ") => {}
            Some(now) if is_allowed(now) => {}
            // What cannot be seen is left alone, if that is told.
            _ if calls == Calls::Looks && is_told => {}
            other => wrong.push(format!("{hit}: {step} became {other:?}")),
        }
    }
    if calls == Calls::Effects && failed > 1 {
        wrong.push(format!("{hit}: {failed} steps failed"));
    }
}

fn same(clean: &After, now: &After, hit: &str, wrong: &mut Vec<String>) {
    let paths: std::collections::BTreeSet<_> = clean.tree.keys().chain(now.tree.keys()).collect();
    for path in paths {
        if clean.tree.get(path) != now.tree.get(path) {
            let (was, is) = (clean.tree.get(path), now.tree.get(path));
            wrong.push(format!("{hit}: then {path}\n  instead of {was:?}\n  is {is:?}"));
        }
    }
    if clean.mounts != now.mounts {
        wrong.push(format!("{hit}: then mounts {:?}", now.mounts));
    }
}

/// The power goes at each call that changes something; the next boot ends complete.
fn power_goes_at_each_call(name: &str, wrong: &mut Vec<String>) {
    let Some(new) = Case::new(name) else { return };
    let (clean, count) = clean(&new, Calls::Effects);
    for at in (name.len() % stride(Calls::Effects)..count).step_by(stride(Calls::Effects)) {
        let case = new.again();
        let cut = catch_unwind(AssertUnwindSafe(|| {
            boot(&case, Calls::Effects, Some(at), Fault::Power);
        }));
        if let Err(panic) = cut
            && !panic.is::<PowerLost>()
        {
            std::panic::resume_unwind(panic);
        }
        case.reboot();
        boot(&case, Calls::Effects, None, Fault::Power);
        same(&clean, &after(&case), &format!("{name}, power lost at call {at}"), wrong);
    }
}

/// Cases that together have steps of every kind; every case if `FAULTS=all`, which takes long.
const SAMPLE: &[&str] = &["lima_first_boot", "medium_with_fat"];

fn cases() -> Vec<String> {
    let entries = std::fs::read_dir(machine::cases()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_wanted = |name: &String| is_all() || SAMPLE.contains(&name.as_str());
    let mut names: Vec<String> = names.filter(|name| name != "base" && is_wanted(name)).collect();
    names.sort();
    names
}

fn is_all() -> bool {
    std::env::var_os("FAULTS").is_some_and(|which| which == "all")
}

/// Every case; all that went wrong in any of them.
fn in_all_cases(check: impl Fn(&str, &mut Vec<String>)) {
    let mut wrong = Vec::new();
    for name in cases() {
        check(&name, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_effect_that_fails_loses_only_its_step() {
    in_all_cases(|name, wrong| each_call_fails_once(name, Calls::Effects, wrong));
}

#[test]
fn a_look_that_fails_loses_only_what_depends_on_it() {
    in_all_cases(|name, wrong| each_call_fails_once(name, Calls::Looks, wrong));
}

#[test]
fn a_boot_after_lost_power_ends_complete() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<PowerLost>() {
            loud(panic);
        }
    }));
    in_all_cases(power_goes_at_each_call);
}
