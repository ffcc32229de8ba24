//! What a run tells, and to whom: the journal gets records with fields, the console a short block, and
//! the file that Lima's host follows gets everything.
//!
//! Lima's `limactl start --progress` follows `/var/log/cloud-init-output.log` from the last line on
//! that begins with `Cloud-init` and goes on with `finished`, until it meets the next one; where it
//! shows what went wrong, it shows the end of this file. The file is begun anew in each boot, or the
//! last line of the boot before would be taken for this one's.

use std::sync::Arc;

use nixvm_system::{Begin, GuestPath, Journal, LogFile, System, Voice};

use crate::apply::StepResult;
use crate::config::Level;
use crate::report::show::{self, Colour};
use crate::report::{Report, summary};
use crate::run::Told;
use crate::step::Stage;

/// The log.
pub const LOG: &str = "/var/log/cloud-init-output.log";
/// Units of a cloud-init that is to run; where it has a generator, that has the last word.
const UNITS: &[&str] = &[
    "/etc/systemd/system/cloud-init.target.wants",
    "/etc/systemd/system/multi-user.target.wants/cloud-init.target",
];

/// Who is told.
pub struct Announcer {
    /// `None`: the steps are told on standard output.
    pub journal: Option<Journal>,
    /// `None`: there is no log.
    pub log: Option<Arc<LogFile>>,
    /// For standard output.
    pub colour: Colour,
}

/// Opens the log, if it is ours. One that cannot be kept must not stop a boot.
pub fn log(root: &str, stages: &[Stage], system: &dyn System) -> Option<Arc<LogFile>> {
    if is_cloud_inits(system) {
        return None;
    }
    let begin = if stages.contains(&Stage::Local) { Begin::Anew } else { Begin::GoOn };
    let opened = GuestPath::new(LOG).map(|path| LogFile::open(root, &path, begin));
    match opened {
        Ok(Ok(log)) => Some(Arc::new(log)),
        Ok(Err(error)) => {
            eprintln!("nixvm-agent: no {LOG} is kept: {error}");
            None
        }
        Err(_) => None,
    }
}

/// Whether a real cloud-init is at work. Then the log is its own.
fn is_cloud_inits(system: &dyn System) -> bool {
    let is_there =
        |name: &str| GuestPath::new(name).is_ok_and(|path| !matches!(system.stat(&path), Ok(None)));
    is_there("/run/cloud-init/enabled")
        || !is_there("/run/cloud-init/disabled") && UNITS.iter().any(|name| is_there(name))
}

impl Announcer {
    /// A stage begins.
    pub fn begin(&self, stage: Stage) {
        self.add(&format!("nixvm-agent {}: {}\n", env!("CARGO_PKG_VERSION"), stage.name()));
    }

    /// Something happened in a stage.
    pub fn tell(&self, stage: Stage, told: Told<'_>) {
        self.add(&format!("{}\n", line(told, Colour::Off)));
        let is_recorded =
            self.journal.as_ref().is_some_and(|journal| record(journal, stage, told).is_ok());
        if !is_recorded {
            print(&format!("{}\n", line(told, self.colour)));
        }
    }

    /// A stage is over.
    pub fn end(&self, stage: Stage, report: &Report) {
        let text = summary::text(stage, report, Colour::Off);
        self.add(&text);
        if self.journal.is_some() || stage == Stage::Late {
            print(&summary::text(stage, report, self.colour));
        }
        if stage == Stage::Late
            && let Some(log) = &self.log
        {
            // The log being full must not stop a boot; this holds for every line of it.
            let _ = log.add(summary::last_line(report).as_bytes(), Voice::End);
        }
    }

    fn add(&self, text: &str) {
        if let Some(log) = &self.log {
            let _ = log.add(text.as_bytes(), Voice::Agent);
        }
    }
}

fn print(text: &str) {
    // The journal being full must not stop a boot.
    let _ = super::print(text);
}

fn line(told: Told<'_>, colour: Colour) -> String {
    match told {
        Told::Outcome(outcome) => show::outcome(outcome, colour),
        Told::Finding(finding) => show::finding(finding, colour),
        Told::Text(text) => text.to_owned(),
    }
}

/// Priorities are those of syslog: 3 error, 4 warning, 5 notice, 6 information, 7 for who looks for
/// faults. By the last field `journalctl --unit` finds a record also when the program was gone before
/// the journal looked at it.
fn record(journal: &Journal, stage: Stage, told: Told<'_>) -> std::io::Result<()> {
    let message = line(told, Colour::Off);
    let unit = format!("nixvm-agent-{}.service", stage.name());
    let all = |priority: &str, fields: &[(&str, &str)]| {
        let common = [
            ("MESSAGE", message.as_str()),
            ("PRIORITY", priority),
            ("SYSLOG_IDENTIFIER", "nixvm-agent"),
            ("NIXVM_STAGE", stage.name()),
            ("OBJECT_SYSTEMD_UNIT", unit.as_str()),
        ];
        journal.send(&[&common, fields].concat())
    };
    match told {
        Told::Text(_) => all("3", &[("NIXVM_RESULT", "failed")]),
        Told::Finding(finding) => {
            let priority = match finding.level {
                Level::Info => "6",
                Level::Warning => "4",
                Level::Error => "3",
            };
            let (place, hint) = (finding.place(), finding.hint.as_deref().unwrap_or_default());
            let own = [("NIXVM_CODE", &*finding.code), ("NIXVM_ORIGIN", &place)];
            all(priority, &[&own[..], &[("NIXVM_HINT", hint)]].concat())
        }
        Told::Outcome(outcome) => {
            let (priority, result, code, hint) = match &outcome.result {
                StepResult::Changed => ("6", "changed", "", None),
                StepResult::Unchanged => ("7", "unchanged", "", None),
                StepResult::Skipped { .. } => ("5", "skipped", "", None),
                StepResult::Failed { code, hint, .. } => {
                    ("3", "failed", code.as_str(), hint.as_ref())
                }
            };
            let own = [
                ("NIXVM_STEP", outcome.step.as_str()),
                ("NIXVM_RESULT", result),
                ("NIXVM_CODE", code),
                ("NIXVM_ORIGIN", &outcome.origin),
                ("NIXVM_HINT", hint.map_or("", String::as_str)),
            ];
            all(priority, &own)
        }
    }
}
