//! Certificates: a file each in the folder that the distribution has for them, and one run of its
//! tool, which makes the bundles that programs read.

use std::time::Duration;

use nixvm_system::{Change, Command, GuestPath, System};

use super::{Fault, run_tool, write};
use crate::facts::platform::TrustStore;
use crate::step::Trust;

/// How cloud-init calls the files, with a number from 1 behind; Debian's tool wants this end.
const NAME: &str = "cloud-init-ca-cert-";
const END: &str = ".crt";
/// Debian's list of the certificates that come with the distribution.
const LIST: &str = "/etc/ca-certificates.conf";
const LIMIT: u64 = 4 << 20;
/// The tool makes hashes of some 150 certificates: seconds, under emulation a minute.
const LONGEST: Duration = Duration::from_mins(2);
/// Where Debian's tool puts the new bundle together. If there is nothing to put in, it makes none and
/// leaves the old one in force, unless an empty one is there.
const EMPTY_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt.new";

pub fn trust(system: &mut dyn System, trust: &Trust) -> Result<Change, Fault> {
    let Some(store) = trust.store else {
        return Err(Fault::new(
            "no-trust-store",
            "no folder for trusted certificates is known here",
        )
        .hint("install ca-certificates in the image"));
    };
    let mut change = files(system, store, trust)?;
    if trust.remove_defaults {
        change = change.and(strike_defaults(system)?);
    }
    if store == TrustStore::Debian && trust.trusted.is_empty() {
        write(system, EMPTY_BUNDLE, b"", 0o644)?;
    }
    run_tool(system, &Command { limit: LONGEST, ..Command::tool(store.tool(), &[]) })?;
    Ok(change)
}

/// Writes what is wanted and takes away what an earlier seed wanted.
fn files(system: &mut dyn System, store: TrustStore, trust: &Trust) -> Result<Change, Fault> {
    let folder = GuestPath::new(store.folder())?;
    let mut change = Change::Unchanged;
    let mut names = Vec::new();
    for (index, certificate) in trust.trusted.iter().enumerate() {
        let name = format!("{NAME}{}{END}", index + 1);
        let file = folder.join(&name)?;
        change = change.and(write(system, file.as_str(), certificate.as_str().as_bytes(), 0o644)?);
        names.push(name);
    }
    for name in system.list(&folder)?.unwrap_or_default() {
        if name.starts_with(NAME) && name.ends_with(END) && !names.contains(&name) {
            change = change.and(system.remove(&folder.join(&name)?)?);
        }
    }
    Ok(change)
}

/// `!` before a line keeps the tool from trusting it. New ones that a later package brings are not
/// asked for.
fn strike_defaults(system: &mut dyn System) -> Result<Change, Fault> {
    let path = GuestPath::new(LIST)?;
    let Some(now) = system.read(&path, LIMIT)? else { return Ok(Change::Unchanged) };
    let mut text = Vec::with_capacity(now.len() + 256);
    for line in now.split_inclusive(|byte| *byte == b'\n') {
        if !matches!(line.trim_ascii().first(), None | Some(b'#' | b'!')) {
            text.push(b'!');
        }
        text.extend(line);
    }
    let change = write(system, LIST, &text, 0o644)?;
    if system.has("debconf-set-selections") {
        let answers = "/run/nixvm-agent/ca-certificates.debconf";
        let text = b"ca-certificates ca-certificates/trust_new_crts select no\n";
        write(system, answers, text, 0o644)?;
        run_tool(system, &Command::tool("debconf-set-selections", &[answers]))?;
    }
    Ok(change)
}
