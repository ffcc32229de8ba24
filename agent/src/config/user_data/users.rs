//! `users`: a list of names and mappings.

use nixvm_system::GuestPath;

use super::FILE;
use crate::config::Config;
use crate::config::finding::Finding;
use crate::config::reader::Reader;
use crate::config::scalars;
use crate::config::types::{AuthorizedKey, User, UserName};
use crate::config::yaml::{Map, Mark, Node};

const KNOWN: &[&str] =
    &["gecos", "homedir", "lock_passwd", "name", "shell", "ssh_authorized_keys", "sudo", "uid"];

/// Reads all users; one that cannot be read is lost by name.
pub fn parse(map: &Map, config: &mut Config, findings: &mut Vec<Finding>) {
    let Some(node) = map.get("users").filter(|node| !node.is_null()) else { return };
    let Some(items) = node.as_seq() else {
        findings.push(
            Finding::error("bad-value", FILE, format!("is {}, not a list of users", node.kind()))
                .at(node.mark, "users"),
        );
        return;
    };
    for (index, item) in items.iter().enumerate() {
        let path = format!("users[{index}]");
        let user = match (item.as_map(), item.text()) {
            (Some(map), _) => from_mapping(path, map, item.mark, findings),
            (None, Some("default")) => {
                findings.push(
                    Finding::error("no-default-user", FILE, "there is no default user here")
                        .at(item.mark, path)
                        .hint("write the user's name"),
                );
                None
            }
            (None, Some(name)) => from_name(path, name, item, findings),
            (None, None) => {
                findings.push(
                    Finding::error("bad-value", FILE, format!("is {}, not a user", item.kind()))
                        .at(item.mark, path),
                );
                None
            }
        };
        config.users.extend(user);
    }
}

/// A user of this name with defaults for all else.
pub fn plain(name: UserName, mark: Mark) -> User {
    User {
        name,
        uid: None,
        gecos: String::new(),
        home: None,
        shell: None,
        sudo: Vec::new(),
        lock_password: true,
        keys: Vec::new(),
        mark,
    }
}

fn from_name(path: String, name: &str, node: &Node, findings: &mut Vec<Finding>) -> Option<User> {
    match UserName::new(name) {
        Ok(name) => Some(plain(name, node.mark)),
        Err(reason) => {
            let message = format!("{name:?} {reason}");
            findings.push(Finding::error("bad-value", FILE, message).at(node.mark, path));
            None
        }
    }
}

fn from_mapping(path: String, map: &Map, mark: Mark, findings: &mut Vec<Finding>) -> Option<User> {
    let mut reader = Reader::new(FILE, path, map, findings);
    if reader.node("name").is_none() {
        reader.note("name", Finding::error("missing-key", FILE, "is missing; the user is skipped"));
        return None;
    }
    let mut user = plain(reader.text("name", UserName::new)?, mark);
    user.uid = reader.text("uid", uid);
    user.gecos = reader.text("gecos", gecos).unwrap_or_default();
    user.home = reader.text("homedir", account_path);
    user.shell = reader.text("shell", account_path);
    user.lock_password = reader.truth("lock_passwd").unwrap_or(true);
    user.sudo = sudo(&mut reader);
    user.keys = keys(&mut reader);
    reader.unknown(KNOWN);
    Some(user)
}

/// 65535 and 4294967295 mean "no user" to system calls (`uid_is_valid()` of systemd).
fn uid(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(0xffff | u32::MAX) | Err(_) => Err("is no user id"),
        Ok(uid) => Ok(uid),
    }
}

/// A path that passwd can keep.
pub fn account_path(text: &str) -> Result<GuestPath, &'static str> {
    if text.contains([':', '\n']) {
        return Err("holds a colon or a line end, which passwd cannot keep");
    }
    GuestPath::new(text).map_err(|_| "is no absolute path")
}

fn gecos(text: &str) -> Result<String, &'static str> {
    if text.contains([':', '\n', '\0']) {
        Err("holds a colon or a line end, which passwd cannot keep")
    } else {
        Ok(text.to_owned())
    }
}

/// Rules; `false` is none. What a line of sudoers cannot hold is refused.
fn sudo(reader: &mut Reader<'_, '_>) -> Vec<String> {
    if reader.node("sudo").is_some_and(|node| scalars::truth(&node.value) == Some(false)) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    for (key, mark, rule) in reader.texts("sudo") {
        if rule.contains(['\n', '\r', '\0', '#', '\\']) {
            reader.bad_at(&key, mark, "holds a character that no sudo rule may hold here");
        } else if !rule.trim().is_empty() {
            rules.push(rule.trim().to_owned());
        }
    }
    rules
}

/// Keys that are given to the machine and not to a user.
pub fn top_level_keys(reader: &mut Reader<'_, '_>) -> Vec<AuthorizedKey> {
    keys(reader)
}

/// They go to the first user, or to root where there is none.
pub fn give_keys(keys: Vec<AuthorizedKey>, config: &mut Config) {
    if keys.is_empty() {
        return;
    }
    if config.users.is_empty()
        && let Ok(root) = UserName::new("root")
    {
        config.users.push(User { lock_password: false, ..plain(root, Mark::START) });
    }
    if let Some(user) = config.users.first_mut() {
        for key in keys {
            if user.keys.iter().all(|other| other.blob() != key.blob()) {
                user.keys.push(key);
            }
        }
    }
}

fn keys(reader: &mut Reader<'_, '_>) -> Vec<AuthorizedKey> {
    let mut keys: Vec<AuthorizedKey> = Vec::new();
    for (key, mark, text) in reader.texts("ssh_authorized_keys") {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match AuthorizedKey::new(line) {
                Ok(line) if keys.iter().any(|other| other.blob() == line.blob()) => {}
                Ok(line) => keys.push(line),
                Err(reason) => reader.bad_at(&key, mark, reason),
            }
        }
    }
    keys
}
