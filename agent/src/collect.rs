//! What a bug report needs, in one archive, and nothing that is secret.
//!
//! Nothing is taken whole that may hold a secret: of the seed's files only names and sizes, and digests
//! of those from which nobody could guess what is in them; of `lima.env` the variables that Lima is
//! known to write; of the ledger whether a step is as the seed has it, and not its digest, by which a
//! short secret could be guessed too; of the journal our own lines and not those of scripts. Besides,
//! every value of `param.env` and `etc_environment` is struck out wherever it stands.

mod redact;
mod tar;

use std::fmt::Write;
use std::time::Duration;

use nixvm_system::{Command, GuestPath, System};
use sha2::{Digest, Sha256};

use crate::drift;
use crate::plan::{Options, Plan};
use crate::report::{self, Report, show};
use crate::run::{self, Read};

/// Most bytes of a file that are taken.
const LIMIT: u64 = 1 << 20;

/// Files of the seed that may be as short as a password: a digest would tell what is in them.
const GUESSABLE: &[&str] = &["etc_environment", "param.env", "user-data", "vendor-data"];
/// Lines of the journal: ours, and systemd's about our units.
const JOURNAL: &[&str] = &[
    "--boot",
    "--no-pager",
    "--output=short-monotonic",
    "--lines=2000",
    "--unit=nixvm-agent-local.service",
    "--unit=nixvm-agent-early.service",
    "--unit=nixvm-agent-late.service",
    "--unit=nixvm-guestagent.service",
    "--identifier=nixvm-agent",
    "--identifier=nixvm-guestagent",
    "--identifier=systemd",
];

/// A file of the archive.
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub text: String,
}

/// Gathers all of it. What cannot be had says so in its place.
pub fn gather(read: Option<&Read>, options: Options, system: &mut dyn System) -> Vec<Member> {
    let mut members = machine(system);
    if let Some(read) = read {
        members.extend(of_seed(read, options, system));
    }
    let secrets = redact::Secrets::of(read.map(|read| &read.config));
    for member in &mut members {
        member.text = secrets.hide(&member.text);
    }
    members
}

/// The members as one archive, in a folder.
pub fn archive(members: &[Member], date: Duration) -> Vec<u8> {
    let mut archive = tar::Archive::new(date.as_secs());
    for member in members {
        archive.add(&format!("nixvm-report/{}", member.name), member.text.as_bytes());
    }
    archive.end()
}

fn machine(system: &mut dyn System) -> Vec<Member> {
    let failed = ["list-units", "--failed", "--plain", "--no-legend", "--full", "--no-pager"];
    let of_report = Report::read(system).map_or_else(
        |reason| format!("{reason}\n"),
        |report| show::report(&report, show::Colour::Off),
    );
    vec![
        Member { name: "status.txt", text: of_report },
        Member { name: "report.json", text: file(system, report::PATH) },
        Member { name: "os-release", text: file(system, "/etc/os-release") },
        Member { name: "kernel", text: file(system, "/proc/version") },
        Member { name: "mounts", text: file(system, "/proc/self/mountinfo") },
        Member { name: "failed-units", text: said(system, "systemctl", &failed) },
        Member { name: "journal", text: said(system, "journalctl", JOURNAL) },
    ]
}

fn of_seed(read: &Read, options: Options, system: &dyn System) -> Vec<Member> {
    let (plan, ledger, findings) = run::draft(read, system, options);
    let report = Report::read(system).unwrap_or_default();
    let all = drift::compare(&plan, &ledger, &report, system);
    let found: String =
        findings.iter().map(|it| show::finding(it, show::Colour::Off) + "\n").collect();
    let text = |name: &str| {
        let bytes = read.seed.files.get(name);
        bytes.map_or("there is none\n".to_owned(), |it| String::from_utf8_lossy(it).into_owned())
    };
    vec![
        Member { name: "plan.txt", text: show::plan(&plan, show::Colour::Off) },
        Member { name: "diff.txt", text: drift::show::all(&all, show::Colour::Off) },
        Member { name: "findings.txt", text: found },
        Member { name: "ledger.txt", text: ledger_text(&plan, &ledger) },
        Member { name: "seed-files.txt", text: files(read) },
        Member { name: "lima.env", text: redact::lima_env(&text("lima.env")) },
        Member { name: "network-config", text: redact::network(&text("network-config")) },
    ]
}

fn ledger_text(plan: &Plan, ledger: &crate::ledger::Ledger) -> String {
    let mut text = String::new();
    for step in plan.steps.iter().map(|planned| &planned.step) {
        let word = if ledger.has(step) {
            "done"
        } else if ledger.knows(&step.id) {
            "done otherwise"
        } else {
            "not done"
        };
        let _ = writeln!(text, "{word:<15} {}", step.id);
    }
    text
}

fn files(read: &Read) -> String {
    let mut text = format!("{}\n", read.seed.origin);
    for (name, bytes) in &read.seed.files {
        let digest = if GUESSABLE.contains(&name.as_str()) || name.starts_with("provision.") {
            "-".to_owned()
        } else {
            Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let _ = writeln!(text, "{:>9} {digest:<64} {name}", bytes.len());
    }
    for lost in &read.seed.unreadable {
        let _ = writeln!(text, "unreadable: {}: {}", lost.file, lost.reason);
    }
    text
}

fn file(system: &dyn System, name: &str) -> String {
    let read = GuestPath::new(name).map(|path| system.read(&path, LIMIT));
    match read {
        Ok(Ok(Some(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(Ok(None)) => format!("there is no {name}\n"),
        Ok(Err(error)) => format!("{}\n", crate::facts::with_cause(&error)),
        Err(error) => format!("{error}\n"),
    }
}

/// The last 64 KiB of what a program says.
fn said(system: &mut dyn System, program: &str, args: &[&str]) -> String {
    match system.run(&Command::tool(program, args)) {
        Ok(finished) => finished.tail,
        Err(error) => format!("{}\n", crate::facts::with_cause(&error)),
    }
}
