//! What a running machine offers to discovery.

use std::collections::BTreeMap;

use nixvm_system::{FileError, Files, GuestPath, System};

use super::fat::Fat;
use super::folder::Folder;
use super::iso9660::Iso9660;
use super::medium::{Contents, FILE_LIMIT, MediumError, gather};
use super::nocloud::{Candidate, Surroundings};
use super::{Note, block};
use crate::config::yaml::{self, Map, Node, Value};

/// The most bytes of a text that the kernel makes.
const TEXT_LIMIT: u64 = 64 << 10;

/// A machine.
pub(super) struct Machine<'a> {
    files: &'a dyn Files,
}

/// What the system configuration of cloud-init says about `NoCloud`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Label of media, in any one case; `None` if none are to be looked for.
    pub label: Option<String>,
    /// Where the seed is.
    pub seedfrom: Option<String>,
    /// A seed in the configuration itself: meta-data that is a mapping, and the texts.
    pub inline: Option<(Map, Contents)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { label: Some("cidata".to_owned()), seedfrom: None, inline: None }
    }
}

impl Settings {
    /// Reads `datasource.NoCloud` of a whole configuration.
    pub fn read(config: &Map) -> Self {
        let section = |map: &Map, key| map.get(key).and_then(Node::as_map).cloned();
        let own = section(config, "datasource").and_then(|map| section(&map, "NoCloud"));
        let Some(own) = own else { return Self::default() };
        let text = |key| own.get(key).and_then(Node::as_str).map(str::to_owned);
        let label = match own.get("fs_label") {
            None => Self::default().label,
            Some(label) => label.text().filter(|_| !label.is_null()).map(str::to_owned),
        };
        Self {
            label,
            seedfrom: text("seedfrom").filter(|from| !from.is_empty()),
            inline: inline(&own),
        }
    }
}

/// Both meta-data and user-data must be given.
fn inline(own: &Map) -> Option<(Map, Contents)> {
    let meta_data = own.get("meta-data")?;
    own.get("user-data")?;
    let names = ["meta-data", "user-data", "vendor-data", "network-config"];
    let file = |name: &str| Some((name.to_owned(), own.get(name)?.as_str()?.as_bytes().to_vec()));
    let files: BTreeMap<_, _> = names.into_iter().filter_map(file).collect();
    let contents = Contents { files, ..Contents::default() };
    Some((meta_data.as_map().cloned().unwrap_or_default(), contents))
}

impl<'a> Machine<'a> {
    pub(super) fn new(system: &'a dyn System) -> Self {
        Self { files: system }
    }

    /// A text of the kernel's; one that cannot be read is none.
    fn text(&self, path: &str) -> Option<String> {
        let path = GuestPath::new(path).ok()?;
        let bytes = self.files.read(&path, TEXT_LIMIT).ok()??;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn in_container(&self) -> bool {
        self.text("/run/systemd/container").is_some()
    }

    /// The files that make up the system configuration, the one that counts most first.
    fn config_files(&self) -> Vec<GuestPath> {
        let folder = GuestPath::new("/etc/cloud/cloud.cfg.d");
        let names = folder.as_ref().ok().and_then(|folder| self.files.list(folder).ok()?);
        let names = names.unwrap_or_default().into_iter().rev();
        let below = names.filter(|name| name.strip_suffix(".cfg").is_some());
        let below = below.filter_map(|name| folder.as_ref().ok()?.join(&name).ok());
        below.chain(GuestPath::new("/etc/cloud/cloud.cfg")).collect()
    }
}

impl Surroundings for Machine<'_> {
    fn serial(&self) -> Option<String> {
        if self.in_container() {
            return None;
        }
        // A serial number of only 0xff bytes, as sysfs shows it, is an empty one.
        self.text("/sys/class/dmi/id/product_serial")
            .filter(|serial| !serial.trim().chars().all(|c| c == '\u{fffd}' || c == '\u{ff}'))
    }

    fn cmdline(&self) -> Option<String> {
        if self.in_container() {
            return self.text("/proc/1/cmdline").map(|text| text.replace('\0', " "));
        }
        self.text("/proc/cmdline")
    }

    fn settings(&self, notes: &mut Vec<Note>) -> Settings {
        let mut config = Map::default();
        for path in self.config_files() {
            let origin = path.as_str();
            match self.files.read(&path, FILE_LIMIT) {
                Ok(None) => {}
                Ok(Some(text)) => match yaml::parse(&text).map(|parsed| parsed.root.value) {
                    Ok(Value::Map(map)) => config.fill(map),
                    Ok(_) => {}
                    Err(error) => {
                        let message = format!("{}: {error}", error.mark);
                        notes.push(Note::new("config-syntax", origin, message));
                    }
                },
                Err(error) => notes.push(Note::new("config-unreadable", origin, reason(&error))),
            }
        }
        Settings::read(&config)
    }

    fn folder(&self, path: &GuestPath) -> Result<Option<Contents>, MediumError> {
        let folder = Folder::new(self.files, path);
        if self.files.stat(path).is_ok_and(|stat| stat.is_none()) {
            return Ok(None);
        }
        gather(&folder).map(Some)
    }

    fn candidates(&self, notes: &mut Vec<Note>) -> Vec<Candidate> {
        block::candidates(self.files, notes)
    }

    fn read(&self, candidate: &Candidate) -> Result<Contents, MediumError> {
        let what = candidate.device.to_string();
        let device = match self.files.open(&candidate.device) {
            Ok(Some(device)) => device,
            Ok(None) => return Err(MediumError::Broken { what, reason: "the device has gone" }),
            Err(FileError::Read { source, .. }) => return Err(MediumError::Io { what, source }),
            Err(FileError::TooLarge { limit, .. }) => {
                return Err(MediumError::TooLarge { what, limit });
            }
        };
        if let Some(iso) = Iso9660::open(&*device)? {
            let owner = iso.owner();
            return Ok(Contents { owner, ..gather(&iso)? });
        }
        match Fat::open(&*device)? {
            Some(fat) => gather(&fat),
            None => Err(MediumError::Broken { what, reason: "the file system has gone" }),
        }
    }
}

/// An error with its cause, in one line.
pub(super) fn reason(error: &FileError) -> String {
    match error {
        FileError::Read { source, .. } => format!("{error}: {source}"),
        FileError::TooLarge { .. } => error.to_string(),
    }
}
