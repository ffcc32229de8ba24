//! Reading what is left of a document that is not YAML as a whole.

use super::{FILE, duplicates, mapping, users};
use crate::config::Config;
use crate::config::finding::Finding;
use crate::config::types::{AuthorizedKey, UserName};
use crate::config::yaml::{self, Mark};

/// A document that is not recognised as a whole: of Lima's, the keys are taken all the same.
pub fn unrecognised(text: &[u8], config: &mut Config, findings: &mut Vec<Finding>) {
    if config.lima.is_some() {
        let text = String::from_utf8_lossy(text);
        keys(0, &text.lines().collect::<Vec<_>>(), config, findings);
    }
}

/// Reads each top-level block by itself.
pub fn blocks(text: &[u8], config: &mut Config, findings: &mut Vec<Finding>) {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    let starts: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| is_start(line)).map(|(at, _)| at).collect();
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(lines.len());
        let block = lines.get(start..end).unwrap_or_default();
        read(start, block, config, findings);
    }
}

/// A key at the left margin.
fn is_start(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_alphabetic() || first == '"' || first == '\'')
}

fn read(start: usize, block: &[&str], config: &mut Config, findings: &mut Vec<Finding>) {
    // The lines before it are blank, so that every mark is right in the whole file.
    let text = format!("{}{}\n", "\n".repeat(start), block.join("\n"));
    let name = block.first().and_then(|line| line.split(':').next()).unwrap_or_default();
    match yaml::parse(text.as_bytes()) {
        Ok(parsed) => {
            duplicates(&parsed.duplicates, findings);
            if let Some(map) = parsed.root.as_map() {
                mapping(map, config, findings);
            }
        }
        Err(error) => {
            findings.push(
                Finding::error("block-lost", FILE, format!("is lost: {error}"))
                    .at(error.mark, name),
            );
            if name == "users" {
                keys(start, block, config, findings);
            }
        }
    }
}

/// How lines with a key begin, after their options.
const KEY_TYPES: &[&str] = &["ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];

/// What may be a key in a line of YAML, without what stands around it. Options before a key stay:
/// without them it would open more than its author meant.
fn key_text(line: &str) -> &str {
    let around = ['-', ' ', '\t', '"', '\'', ',', '[', ']', '{', '}'];
    let start = KEY_TYPES.iter().filter_map(|word| line.find(word)).min();
    let (before, key) = line.split_at_checked(start.unwrap_or(0)).unwrap_or(("", line));
    if before.contains('=') { line.trim_matches(around) } else { key.trim_matches(around) }
}

/// The public keys in a broken `users` block, for Lima's user or for root.
fn keys(start: usize, block: &[&str], config: &mut Config, findings: &mut Vec<Finding>) {
    let keys: Vec<AuthorizedKey> =
        block.iter().filter_map(|line| AuthorizedKey::new(key_text(line)).ok()).collect();
    if keys.is_empty() {
        return;
    }
    let lima = config.lima.as_ref();
    let name = lima.map_or("root", |lima| lima.user.as_str());
    let Ok(name) = UserName::new(name) else { return };
    findings.push(
        Finding::warning(
            "keys-rescued",
            FILE,
            format!("its keys go to the user {}", name.as_str()),
        )
        .line(start + 1),
    );
    let mut user = users::plain(name, Mark::START);
    user.uid = lima.and_then(|lima| lima.uid);
    user.home = lima.and_then(|lima| lima.home.clone());
    user.shell = lima.and_then(|lima| lima.shell.clone());
    user.sudo = lima
        .filter(|lima| lima.passwordless_sudo)
        .map(|_| "ALL=(ALL) NOPASSWD:ALL".to_owned())
        .into_iter()
        .collect();
    user.keys = keys;
    config.users.push(user);
}
