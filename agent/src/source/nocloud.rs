//! `NoCloud`: which sources a machine has, and which of them count.
//!
//! In this order: the SMBIOS serial number, the kernel command line, the first seed folder, the
//! system configuration, the first valid medium with the right label, and last the place that the
//! meta-data found so far names as `seedfrom`. For meta-data an earlier source wins key by key; of
//! user-data, vendor-data and network-config the last one counts. The order and its exceptions are
//! those of cloud-init 26.2.

use nixvm_system::GuestPath;

use super::medium::MediumError;
use super::merge::Draft;
use super::{MediumAt, Note, Seed, cmdline, seedfrom};
use crate::config::yaml::{Map, Value};

pub use super::machine::Settings;
pub use super::medium::Contents;

/// Folders with a seed; only the first that exists is used.
const FOLDERS: [&str; 2] = ["/var/lib/cloud/seed/nocloud", "/var/lib/cloud/seed/nocloud-net"];

/// What discovery asks of a machine. Each question is asked at most once, and only when the answer
/// matters.
pub trait Surroundings {
    /// Serial number that the firmware tells of the machine.
    fn serial(&self) -> Option<String>;

    /// Kernel command line.
    fn cmdline(&self) -> Option<String>;

    /// What `/etc/cloud` says about `NoCloud`.
    fn settings(&self, notes: &mut Vec<Note>) -> Settings;

    /// What is in a folder; `None` if there is none.
    fn folder(&self, path: &GuestPath) -> Result<Option<Contents>, MediumError>;

    /// Block devices with a file system that can hold a seed.
    fn candidates(&self, notes: &mut Vec<Note>) -> Vec<Candidate>;

    /// What is on such a device.
    fn read(&self, candidate: &Candidate) -> Result<Contents, MediumError>;
}

/// A block device that may hold a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Device.
    pub device: GuestPath,
    /// `iso9660` or `vfat`.
    pub fstype: &'static str,
    /// Its labels: that of the volume first, and for FAT that of the boot sector.
    pub labels: Vec<String>,
}

/// The seed of a machine, and what was found on the way.
pub fn discover(machine: &dyn Surroundings) -> (Option<Seed>, Vec<Note>) {
    let mut notes = Vec::new();
    let mut draft = Draft::default();
    tokens(machine, &mut draft);
    folders(machine, &mut draft, &mut notes);
    let settings = machine.settings(&mut notes);
    configured(&settings, &mut draft, &mut notes);
    if let Some(label) = &settings.label {
        media(machine, label, &mut draft, &mut notes);
    }
    if draft.is_empty() {
        return (None, notes);
    }
    follow(machine, &mut draft, &mut notes);
    let (seed, disabled) = draft.finish(&mut notes);
    if disabled {
        notes.push(Note::new("dsmode-disabled", &seed.origin, "its dsmode is \"disabled\""));
        return (None, notes);
    }
    (Some(seed), notes)
}

fn tokens(machine: &dyn Surroundings, draft: &mut Draft) {
    for (origin, text) in [("dmi", machine.serial()), ("cmdline", machine.cmdline())] {
        let Some(token) = text.as_deref().and_then(cmdline::token) else { continue };
        let mut meta_data = Map::default();
        for (key, value) in token.pairs {
            meta_data.set(&key, value.map_or(Value::Null, Value::Str));
        }
        if let Some(dsmode) = token.dsmode {
            meta_data.set("dsmode", Value::Str(dsmode.to_owned()));
        }
        draft.found(origin);
        draft.fill(meta_data);
    }
}

fn folders(machine: &dyn Surroundings, draft: &mut Draft, notes: &mut Vec<Note>) {
    for path in FOLDERS {
        let Ok(folder) = GuestPath::new(path) else { continue };
        match machine.folder(&folder) {
            Ok(None) => {}
            Ok(Some(contents)) => {
                if is_seed(&contents, path, notes) {
                    return draft.add(path, contents, notes);
                }
            }
            Err(error) => notes.push(Note::new("seed-unreadable", path, error.reason())),
        }
    }
}

fn configured(settings: &Settings, draft: &mut Draft, notes: &mut Vec<Note>) {
    if let Some(from) = &settings.seedfrom {
        draft.found("ds_config_seedfrom");
        draft.meta_data.set("seedfrom", Value::Str(from.clone()));
    }
    if let Some((meta_data, contents)) = &settings.inline {
        draft.fill(meta_data.clone());
        draft.add("ds_config", contents.clone(), notes);
    }
}

fn media(machine: &dyn Surroundings, label: &str, draft: &mut Draft, notes: &mut Vec<Note>) {
    let wanted = [label.to_uppercase(), label.to_lowercase()];
    let mut candidates = machine.candidates(notes);
    candidates.retain(|candidate| candidate.labels.iter().any(|label| wanted.contains(label)));
    candidates.sort_by(|a, b| b.device.cmp(&a.device));
    let mut used: Option<GuestPath> = None;
    for candidate in candidates {
        let origin = candidate.device.as_str();
        if let Some(used) = &used {
            let message = format!("it has the label of a seed too, but {used} comes first");
            notes.push(Note::new("medium-ignored", origin, message));
            continue;
        }
        match machine.read(&candidate) {
            Err(error) => notes.push(Note::new("medium-unreadable", origin, error.reason())),
            Ok(contents) if !is_seed(&contents, origin, notes) => {}
            Ok(contents) => {
                let (made, owner) = (contents.made, contents.owner);
                draft.add(origin, contents, notes);
                let label = candidate.labels.first().cloned().unwrap_or_default();
                let (device, fstype) = (candidate.device.clone(), candidate.fstype);
                draft.medium = Some(MediumAt { device, fstype, label, made, owner });
                used = Some(candidate.device);
            }
        }
    }
}

/// Goes where `seedfrom` points, if that is on this machine. What it points to in the network is
/// only written down.
fn follow(machine: &dyn Surroundings, draft: &mut Draft, notes: &mut Vec<Note>) {
    let Some(from) = draft.meta_data.get("seedfrom") else { return };
    let from = from.text().unwrap_or_default().to_owned();
    if seedfrom::is_remote(&from) {
        draft.remote = Some(from);
        return;
    }
    let Some(folder) = seedfrom::folder(&from) else {
        let message = "seedfrom is no path and no URL that is known; the rest of the seed is used";
        return notes.push(Note::new("seedfrom-unusable", &from, message));
    };
    match machine.folder(&folder) {
        Ok(Some(contents)) if is_seed(&contents, &from, notes) => {
            draft.forget_blobs();
            draft.add(&from, contents, notes);
        }
        Ok(Some(_)) => {}
        Ok(None) => notes.push(Note::new("seedfrom-absent", &from, "there is no such folder")),
        Err(error) => notes.push(Note::new("seedfrom-unreadable", &from, error.reason())),
    }
}

/// Whether meta-data and user-data are both there. An unreadable one counts: the label says that
/// this is a seed, and the rest of it is better than nothing.
fn is_seed(contents: &Contents, origin: &str, notes: &mut Vec<Note>) -> bool {
    let missing = contents.missing();
    if !missing.is_empty() {
        let message = format!("it is no seed: there is no {}", missing.join(" and no "));
        notes.push(Note::new("seed-incomplete", origin, message));
    }
    missing.is_empty()
}
