//! Taking out what is secret.

use crate::config::Config;
use crate::config::env_file::{self, Variables};

const STRUCK: &str = "[removed]";
/// Shorter values are no secrets, and striking them out would strike out every letter.
const SHORTEST: usize = 4;
/// Words in a key whose value is nobody's business, in whatever file.
const SECRET_KEYS: &[&str] =
    &["auth", "identity", "key", "pass", "private", "psk", "secret", "token"];

/// Values that may stand nowhere.
pub struct Secrets(Vec<String>);

impl Secrets {
    /// All parameters and what logins get: passwords of proxies, for example. A user writes there what
    /// the user likes, so all of it counts.
    pub fn of(config: Option<&Config>) -> Self {
        let lima = config.and_then(|config| config.lima.as_ref());
        let mut values: Vec<String> = lima
            .iter()
            .flat_map(|lima| [lima.params.reveal(), lima.environment.reveal()])
            .flat_map(|variables: &Variables| variables.iter().map(|(_, value)| value.clone()))
            .filter(|value| value.len() >= SHORTEST)
            .collect();
        // One may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// The text without them.
    pub fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, STRUCK))
    }
}

/// `lima.env` with the values of Lima's own variables alone.
pub fn lima_env(text: &str) -> String {
    let variables = env_file::plain("lima.env", text.as_bytes(), &mut Vec::new());
    let line = |(name, value): &(String, String)| {
        let is_open = name.starts_with("LIMA_CIDATA_") && !is_secret_key(name);
        format!("{name}={}\n", if is_open { value } else { STRUCK })
    };
    variables.iter().map(line).collect()
}

/// network-config without the values of keys that name a secret, in block or flow style. What is
/// deeper than such a key belongs to it.
pub fn network(text: &str) -> String {
    let mut kept = String::new();
    let mut struck_at = None;
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        if struck_at.is_some_and(|at| depth > at || line.trim().is_empty()) {
            continue;
        }
        let begin = secret_begins(line);
        struck_at = begin.map(|_| depth);
        match begin.and_then(|at| line.get(..at)) {
            Some(open) => kept.push_str(&format!("{open} {STRUCK}\n")),
            None => kept.push_str(&format!("{line}\n")),
        }
    }
    kept
}

/// Where in a line the first value begins that is nobody's business. What comes behind it on the line
/// goes too: nothing is worth taking a value apart for.
fn secret_begins(line: &str) -> Option<usize> {
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once(':') {
        let key = before.rsplit(['{', ',', ' ', '[']).next().unwrap_or_default();
        let key = key.trim_matches(['"', '\'']);
        if is_secret_key(key) || matches!(key, "wifis" | "access-points") {
            return Some(line.len() - behind.len());
        }
        rest = behind;
    }
    None
}

fn is_secret_key(name: &str) -> bool {
    let name = name.to_lowercase();
    // PASSWORDLESS_SUDO says whether there is one, and not which.
    let name = name.replace("passwordless", "");
    SECRET_KEYS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_of_limas_keep_their_values() {
        let text = "LIMA_CIDATA_USER=ht\nLIMA_CIDATA_PASSWORDLESS_SUDO=1\n\
            LIMA_CIDATA_API_TOKEN=s3cr3t\nOTHER=s3cr3t\n";
        let want = "LIMA_CIDATA_USER=ht\nLIMA_CIDATA_PASSWORDLESS_SUDO=1\n\
            LIMA_CIDATA_API_TOKEN=[removed]\nOTHER=[removed]\n";
        assert_eq!(lima_env(text), want);
    }

    #[test]
    fn passwords_of_networks_are_struck_out() {
        let text = "version: 2\n\"psk\": |\n\n  s3cr3t\n  s3cr3t\nethernets:\n\
            \x20 eth0: {dhcp4: true, auth: {password: s3cr3t}}\n  eth1: {dhcp6: true}\n\
            wifis: {w: {access-points: {home: {password: s3cr3t}}}}\n  x:\n    y: s3cr3t\n";
        let want = "version: 2\n\"psk\": [removed]\nethernets:\n\
            \x20 eth0: {dhcp4: true, auth: [removed]\n  eth1: {dhcp6: true}\n\
            wifis: [removed]\n";
        assert_eq!(network(text), want);
    }
}
