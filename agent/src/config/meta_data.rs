//! `meta-data`: the instance-id and the host name. Its merging over all sources of a NoCloud seed
//! is [`crate::source`]'s work.

use super::finding::Finding;
use super::types::{AuthorizedKey, Hostname};
use super::{Config, user_data, yaml};
use crate::source::Seed;

const FILE: &str = "meta-data";

/// `public-keys`: for the first user, once the users are known.
pub fn keys(seed: &Seed, config: &mut Config, findings: &mut Vec<Finding>) {
    let mut keys = Vec::new();
    for line in seed.public_keys().iter().filter(|line| !line.trim().is_empty()) {
        match AuthorizedKey::new(line) {
            Ok(key) => keys.push(key),
            Err(reason) => findings.push(
                Finding::error("bad-value", FILE, reason).at(yaml::Mark::START, "public-keys"),
            ),
        }
    }
    user_data::give_keys(keys, config);
}

/// Takes what the agent needs.
pub fn parse(seed: &Seed, config: &mut Config, findings: &mut Vec<Finding>) {
    if let Some(text) = seed.files.get(FILE)
        && let Err(error) = yaml::parse(text)
    {
        findings.push(
            Finding::error("yaml-syntax", FILE, format!("is not valid YAML: {error}"))
                .at(error.mark, "")
                .hint("the rest of the seed is applied without its instance-id and host name"),
        );
    }
    let text = |key: &str| seed.meta_data.get(key).and_then(|node| Some((node, node.text()?)));
    config.instance_id = text("instance-id").map(|(_, id)| id.to_owned());
    if let Some((node, name)) = text("local-hostname") {
        match Hostname::new(name) {
            Ok(name) => config.hostname = Some(name),
            Err(reason) => findings.push(
                Finding::error("bad-value", FILE, format!("{name:?} {reason}"))
                    .at(node.mark, "local-hostname")
                    .hint("the machine keeps its name"),
            ),
        }
    }
}
