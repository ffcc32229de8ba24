//! Disks as far as additional ones are wanted: otherwise none is looked at.

use nixvm_system::{Disk, System};

use super::with_cause;
use crate::config::Finding;
use crate::config::disks::Wanted;

/// All disks.
#[derive(Clone, Debug, Default)]
pub struct Disks {
    /// In the kernel's order.
    pub all: Vec<Disk>,
    /// Disks on which formatting was begun, with the name that they were to have.
    pub begun: Vec<(String, String)>,
}

/// Looks at all disks. One that cannot be looked at is a finding, and no candidate for anything.
pub fn read(wanted: &Wanted, system: &dyn System) -> (Disks, Vec<Finding>) {
    let mut disks = Disks::default();
    let mut findings = Vec::new();
    if wanted.disks.is_empty() {
        return (disks, findings);
    }
    let mut note = |what: &str, error: &nixvm_system::DiskError| {
        findings.push(Finding::error("machine-unreadable", what, with_cause(error)));
    };
    let names = system.disks().map_err(|error| note("", &error)).unwrap_or_default();
    for name in names {
        match system.examine(&name) {
            Ok(disk) => disks.all.push(disk),
            Err(error) => note(&format!("/dev/{name}"), &error),
        }
    }
    let begun = disks.all.iter().filter(|disk| may_be_begun(disk)).filter_map(|disk| {
        let is_its = |wanted: &&crate::config::disks::WantedDisk| {
            // What cannot be told is not begun, and so not written to.
            wanted.fresh(&disk.name).is_ok_and(|fresh| system.is_begun(&fresh).unwrap_or(false))
        };
        let wanted = wanted.disks.iter().find(is_its)?;
        Some((disk.name.clone(), wanted.name.clone()))
    });
    disks.begun = begun.collect();
    (disks, findings)
}

/// Whether it is worth looking closer: there is a table, or a piece of one, and nothing else.
fn may_be_begun(disk: &Disk) -> bool {
    use nixvm_system::Content;
    let is_table = match &disk.content {
        Content::Marked(marks) => marks.iter().all(|mark| matches!(mark.kind, "gpt" | "dos")),
        Content::Unknown(_) => true,
        Content::Blank | Content::Unreadable(_) => false,
    };
    is_table
        && disk.claimed.is_empty()
        && disk.parts.len() < 2
        && disk.parts.iter().all(|part| part.content == Content::Blank)
}
