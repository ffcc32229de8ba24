//! Several sources to one seed: meta-data key by key, everything else whole.

use std::collections::BTreeMap;

use super::medium::Contents;
use super::{Datasource, DsMode, MediumAt, Note, Seed, Unreadable};
use crate::config::yaml::{self, Map, Node, Value};

/// A seed that grows source by source.
#[derive(Default)]
pub(super) struct Draft {
    origins: Vec<String>,
    pub(super) meta_data: Map,
    files: BTreeMap<String, Vec<u8>>,
    unreadable: Vec<Unreadable>,
    pub(super) medium: Option<MediumAt>,
    pub(super) remote: Option<String>,
}

/// The seed that one medium is by itself.
pub(super) fn single(contents: Contents, origin: &str, notes: &mut Vec<Note>) -> Seed {
    let mut draft = Draft::default();
    draft.add(origin, contents, notes);
    let disabled = "its dsmode is \"disabled\"; it is used because it was named";
    let (mut seed, is_disabled) = draft.finish(notes);
    if is_disabled {
        notes.push(Note::new("dsmode-disabled", origin, disabled));
    }
    origin.clone_into(&mut seed.origin);
    seed
}

impl Draft {
    /// Names a source that has something for this machine.
    pub(super) fn found(&mut self, origin: &str) {
        self.origins.push(origin.to_owned());
    }

    /// Whether any source has.
    pub(super) fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Puts the meta-data of a source below what is known.
    pub(super) fn fill(&mut self, meta_data: Map) {
        self.meta_data.fill(meta_data);
    }

    /// Adds the files of a source. A file replaces an earlier one of its name, but an empty
    /// network-config replaces none.
    pub(super) fn add(&mut self, origin: &str, contents: Contents, notes: &mut Vec<Note>) {
        self.found(origin);
        if let Some(text) = contents.files.get("meta-data") {
            self.fill(meta_data(text, origin, notes));
        }
        for (name, bytes) in contents.files {
            if name != "network-config" || !bytes.is_empty() {
                self.files.insert(name, bytes);
            }
        }
        self.unreadable.extend(contents.unreadable);
    }

    /// Forgets blobs that a `seedfrom` replaces, by nothing if it lacks them.
    pub(super) fn forget_blobs(&mut self) {
        for file in ["user-data", "vendor-data"] {
            self.files.remove(file);
            self.unreadable.retain(|lost| lost.file != file);
        }
    }

    /// The seed with its defaults, and whether its dsmode says that it does not count.
    pub(super) fn finish(mut self, notes: &mut Vec<Note>) -> (Seed, bool) {
        let origin = self.origins.join(",");
        let mut defaults = Map::default();
        defaults.set("instance-id", Value::Str("nocloud".to_owned()));
        defaults.set("dsmode", Value::Str("net".to_owned()));
        self.meta_data.fill(defaults);
        let dsmode = self.meta_data.get("dsmode").and_then(Node::text).unwrap_or_default();
        let (dsmode, disabled) = match dsmode {
            "local" => (DsMode::Local, false),
            "net" => (DsMode::Net, false),
            "disabled" => (DsMode::Net, true),
            other => {
                let message = format!("dsmode {other:?} is not known and counts as \"net\"");
                notes.push(Note::new("dsmode-unknown", &origin, message));
                (DsMode::Net, false)
            }
        };
        let seed = Seed {
            datasource: Datasource::NoCloud,
            origin,
            medium: self.medium,
            files: self.files,
            unreadable: self.unreadable,
            meta_data: self.meta_data,
            dsmode,
            remote: self.remote,
        };
        (seed, disabled)
    }
}

/// The keys of a meta-data file. What is no YAML is told by whoever reads the file for its own
/// sake; here it has no keys.
fn meta_data(text: &[u8], origin: &str, notes: &mut Vec<Note>) -> Map {
    let Ok(parsed) = yaml::parse(text) else { return Map::default() };
    for (mark, key) in parsed.duplicates {
        let message = format!("meta-data, {mark}: {key:?} is there twice; the later one counts");
        notes.push(Note::new("duplicate-key", origin, message));
    }
    match parsed.root.value {
        Value::Map(map) => map,
        Value::Null => Map::default(),
        other => {
            let message = format!("meta-data is {} instead of a mapping", other.kind());
            notes.push(Note::new("meta-data-shape", origin, message));
            Map::default()
        }
    }
}

/// A text of lines, a list, or a mapping of names to texts and lists.
pub(super) fn public_keys(meta_data: &Map) -> Vec<String> {
    let texts = |items: &[Node]| -> Vec<String> {
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    match meta_data.get("public-keys").map(|node| &node.value) {
        Some(Value::Str(text)) => text.lines().map(str::to_owned).collect(),
        Some(Value::Seq(items)) => texts(items),
        Some(Value::Map(named)) => {
            let keys = named.iter().flat_map(|(_, value)| match &value.value {
                Value::Str(key) => vec![key.clone()],
                Value::Seq(items) => texts(items),
                _ => Vec::new(),
            });
            keys.filter(|key| !key.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}
