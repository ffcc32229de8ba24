//! `nocloud`: a machine of plain values, and what discovery finds on it.
//!
//! `{serial, cmdline, seeds: {NAME: {FILE: TEXT}}, devs: {PATH: {type, label, files}}, sys_cfg}`.
//! The wanted value is that of the stage before the network, in which a seed that names a URL does
//! not count yet.

use std::collections::BTreeMap;

use nixvm_agent::config::yaml;
use nixvm_agent::source::nocloud::{Candidate, Contents, Settings, Surroundings, discover};
use nixvm_agent::source::{DsMode, MediumError, Note, Seed};
use nixvm_system::GuestPath;
use serde_json::{Value, json};

use super::compare::base64;
use super::kinds::{from_json, object, to_json};

/// The folder that the vectors write as `$CLOUD`.
const CLOUD: &str = "/var/lib/cloud";

struct Machine<'a>(&'a Value);

#[expect(clippy::unnecessary_wraps, reason = "all kinds have one signature")]
pub(super) fn run(input: &Value) -> anyhow::Result<Value> {
    let (seed, _) = discover(&Machine(input));
    Ok(match seed {
        Some(seed) if seed.remote.is_none() => found(&seed),
        _ => json!({ "found": false }),
    })
}

fn found(seed: &Seed) -> Value {
    let blob = |name: &str| match seed.files.get(name) {
        None => json!(""),
        Some(bytes) => json!({ "$bytes": base64(bytes) }),
    };
    let net = seed.files.get("network-config").and_then(|text| yaml::parse(text).ok());
    json!({
        "found": true,
        "seed": seed.origin.replace(CLOUD, "$CLOUD"),
        "instance_id": seed.instance_id(),
        "dsmode": match seed.dsmode {
            DsMode::Local => "local",
            DsMode::Net => "net",
        },
        "keys": seed.public_keys(),
        "meta": object(&seed.meta_data),
        "net": net.map(|parsed| to_json(&parsed.root.value)),
        "user": blob("user-data"),
        "vendor": blob("vendor-data"),
    })
}

impl Machine<'_> {
    fn text(&self, key: &str) -> Option<String> {
        Some(self.0.get(key)?.as_str()?.to_owned())
    }
}

impl Surroundings for Machine<'_> {
    fn serial(&self) -> Option<String> {
        self.text("serial")
    }

    fn cmdline(&self) -> Option<String> {
        self.text("cmdline")
    }

    fn settings(&self, _: &mut Vec<Note>) -> Settings {
        match self.0.get("sys_cfg").map(from_json) {
            Some(Ok(yaml::Value::Map(config))) => Settings::read(&config),
            _ => Settings::default(),
        }
    }

    fn folder(&self, path: &GuestPath) -> Result<Option<Contents>, MediumError> {
        let name = path.as_str().strip_prefix(&format!("{CLOUD}/seed/"));
        let files = name.and_then(|name| self.0.get("seeds")?.get(name));
        Ok(files.map(contents))
    }

    fn candidates(&self, _: &mut Vec<Note>) -> Vec<Candidate> {
        let devices = self.0.get("devs").and_then(Value::as_object);
        devices.into_iter().flatten().filter_map(|(path, device)| candidate(path, device)).collect()
    }

    fn read(&self, candidate: &Candidate) -> Result<Contents, MediumError> {
        let device = self.0.get("devs").and_then(|devices| devices.get(candidate.device.as_str()));
        Ok(device.and_then(|device| device.get("files")).map(contents).unwrap_or_default())
    }
}

/// Only two file systems are known, so a device with another one is none.
fn candidate(path: &str, device: &Value) -> Option<Candidate> {
    let text = |key: &str| device.get(key).and_then(Value::as_str);
    let fstype = ["iso9660", "vfat"].into_iter().find(|&known| Some(known) == text("type"))?;
    let labels = ["label", "fatboot"].into_iter().filter_map(text).map(str::to_owned).collect();
    Some(Candidate { device: GuestPath::new(path).ok()?, fstype, labels })
}

fn contents(files: &Value) -> Contents {
    let files = files.as_object().into_iter().flatten();
    let bytes = |value: &Value| value.as_str().unwrap_or_default().as_bytes().to_vec();
    let files: BTreeMap<_, _> = files.map(|(name, value)| (name.clone(), bytes(value))).collect();
    Contents { files, unreadable: Vec::new(), made: None }
}
