//! The ledger: which step was done, with which digest. Two files, for the two lifetimes: what
//! lasts is kept on disk, what ends with the boot is kept in `/run`.

use std::collections::BTreeMap;

use nixvm_system::{Attrs, GuestPath, Links, System, WriteError};
use serde::{Deserialize, Serialize};

use crate::config::Finding;
use crate::step::{Lifetime, Step};

/// Where what lasts is kept.
pub const DISK: &str = "/var/lib/nixvm-agent/ledger.json";
/// Where what ends with the boot is kept.
pub const BOOT: &str = "/run/nixvm-agent/ledger.json";
const LIMIT: u64 = 16 << 20;
const VERSION: u32 = 1;

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    disk: Page,
    boot: Page,
    /// Whether the page on disk could not be read: then nothing is known of what was.
    pub is_lost: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Page {
    version: u32,
    /// The boot that it is about; empty on disk.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    boot_id: String,
    /// Digest by step.
    steps: BTreeMap<String, String>,
}

impl Ledger {
    /// Reads both pages. A page of another boot counts as empty; a broken one too, with a finding.
    pub fn read(system: &dyn System) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let disk = page(system, DISK, &mut findings);
        let is_lost = disk.is_none();
        let boot_id = system.boot_id().unwrap_or_default();
        let boot = page(system, BOOT, &mut findings)
            .filter(|page| page.boot_id == boot_id)
            .unwrap_or_else(|| Page { version: VERSION, boot_id, ..Page::default() });
        (Self { disk: disk.unwrap_or_default(), boot, is_lost }, findings)
    }

    /// Whether this very step was done and its effect lasts.
    pub fn has(&self, step: &Step) -> bool {
        self.page(step.lifetime).steps.get(&step.id) == Some(&step.digest())
    }

    /// Whether a step of this name was ever done, in whatever form.
    pub fn knows(&self, id: &str) -> bool {
        self.disk.steps.contains_key(id)
    }

    /// Whether no step was ever done on this machine.
    pub fn is_new(&self) -> bool {
        self.disk.steps.is_empty() && !self.is_lost
    }

    /// Notes that the step is done.
    pub fn note(&mut self, step: &Step) {
        let page = match step.lifetime {
            Lifetime::Disk => &mut self.disk,
            Lifetime::Boot => &mut self.boot,
        };
        page.steps.insert(step.id.clone(), step.digest());
    }

    /// Writes both pages. The page in `/run` first: it is the cheap one.
    pub fn write(&mut self, system: &mut dyn System) -> Result<(), WriteError> {
        self.write_page(Lifetime::Boot, system)?;
        self.write_page(Lifetime::Disk, system)
    }

    /// Writes one page.
    pub fn write_page(
        &mut self,
        lifetime: Lifetime,
        system: &mut dyn System,
    ) -> Result<(), WriteError> {
        self.disk.version = VERSION;
        let name = match lifetime {
            Lifetime::Boot => BOOT,
            Lifetime::Disk => DISK,
        };
        let path = GuestPath::new(name).unwrap_or_else(|_| GuestPath::root());
        let mut text = serde_json::to_vec_pretty(self.page(lifetime))
            .map_err(|error| WriteError::Write { path: path.clone(), source: error.into() })?;
        text.push(b'\n');
        system.write(&path, &text, Attrs::root(0o600), Links::Follow)?;
        Ok(())
    }

    fn page(&self, lifetime: Lifetime) -> &Page {
        match lifetime {
            Lifetime::Disk => &self.disk,
            Lifetime::Boot => &self.boot,
        }
    }
}

/// `None` if it is broken.
fn page(system: &dyn System, name: &str, findings: &mut Vec<Finding>) -> Option<Page> {
    let read = || -> Result<Option<Page>, String> {
        let path = GuestPath::new(name).map_err(|error| error.to_string())?;
        let bytes = system.read(&path, LIMIT).map_err(|error| crate::facts::with_cause(&error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let page: Page = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if page.version > VERSION {
            return Err(format!("was written by a newer nixvm-agent (version {})", page.version));
        }
        Ok(Some(page))
    };
    match read() {
        Ok(page) => Some(page.unwrap_or_default()),
        Err(reason) => {
            findings.push(
                Finding::warning("ledger-lost", name, reason)
                    .hint("every step is done again; keys and passwords that are there stay"),
            );
            None
        }
    }
}
