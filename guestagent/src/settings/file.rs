//! The settings file, `/etc/nixvm/guestagent.toml`:
//!
//! ```toml
//! [listen]
//! addresses = ["vsock:2222"]     # beside the one of the command line
//! [tunnel]
//! owner = "ada"                  # name or uid
//! allow = ["tcp 127.0.0.1:*"]
//! deny = ["tcp *:22"]
//! [ports]
//! ignore = ["udp *:68"]
//! [clock]
//! sync = false                   # something else keeps the clock
//! ```
//!
//! Every key may be absent. Rules are texts here: their own modules read them.

use super::finding::{Finding, Findings};
use super::toml::{Table, switch, text_or_number};
use crate::listen::Address;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Where it is unless the command line says otherwise.
pub const DEFAULT: &str = "/etc/nixvm/guestagent.toml";

/// More than anybody writes by hand.
const LIMIT: u64 = 1 << 20;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Further places to listen. The owner of Unix sockets is still 0.
    pub listen: Vec<Address>,
    /// `[tunnel]`.
    pub tunnel: Tunnel,
    /// `[ports]`.
    pub ports: Ports,
    /// `[clock]`.
    pub clock: Clock,
}

/// On whose behalf ports are dialled, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// A user's name or uid.
    pub owner: Option<String>,
    /// Rules of what may be dialled; without any, all that `deny` lets.
    pub allow: Vec<String>,
    /// Rules of what may not.
    pub deny: Vec<String>,
}

/// Which ports the host is told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Rules of ports to keep from it. None: the built-in ones.
    pub ignore: Option<Vec<String>>,
}

/// What to do when the host tells the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Whether the clock may be set at all.
    pub sync: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { sync: true }
    }
}

/// Reads the file that was named, which must exist, or the usual one, which
/// need not.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn read(named: Option<&Path>) -> Result<(File, Vec<Finding>), ReadError> {
    let path = named.unwrap_or(Path::new(DEFAULT));
    match text(path) {
        Ok(text) => Ok(parse(path, &text)),
        Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
            Ok(Default::default())
        }
        Err(source) => Err(ReadError { path: path.to_owned(), source }),
    }
}

fn text(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, LIMIT + 1), &mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(text)
}

/// Reads the text of a file. What cannot be used is left out and found.
pub fn parse(path: &Path, text: &str) -> (File, Vec<Finding>) {
    let mut findings = Findings::about(path, text);
    let all = &mut findings;
    let mut root = Table::parse(text, all);
    let file = File {
        listen: listen(root.table("listen", all), all),
        tunnel: tunnel(root.table("tunnel", all), all),
        ports: ports(root.table("ports", all), all),
        clock: clock(root.table("clock", all), all),
    };
    root.finish(all);
    findings.found.sort_by_key(|finding| finding.line);
    (file, findings.found)
}

fn listen(mut table: Table<'_>, findings: &mut Findings<'_>) -> Vec<Address> {
    let read = |text: &str| Address::parse(text).map_err(|error| error.to_string());
    let hint = "write for example addresses = [\"vsock:2222\"]";
    let addresses = table.list("addresses", findings, read, hint);
    table.finish(findings);
    addresses
}

fn tunnel(mut table: Table<'_>, findings: &mut Findings<'_>) -> Tunnel {
    let hint = "write for example [\"tcp 127.0.0.1:8080\"]";
    let owner = "write a user's name in quotes, or a uid";
    let tunnel = Tunnel {
        owner: table.take("owner", findings, text_or_number, owner),
        allow: table.list("allow", findings, as_it_is, hint),
        deny: table.list("deny", findings, as_it_is, hint),
    };
    table.finish(findings);
    tunnel
}

fn ports(mut table: Table<'_>, findings: &mut Findings<'_>) -> Ports {
    let said = table.has("ignore");
    let ignore = table.list("ignore", findings, as_it_is, "write for example [\"udp *:68\"]");
    table.finish(findings);
    Ports { ignore: said.then_some(ignore) }
}

fn clock(mut table: Table<'_>, findings: &mut Findings<'_>) -> Clock {
    let sync = table.take("sync", findings, switch, "write true or false, without quotes");
    table.finish(findings);
    Clock { sync: sync.unwrap_or(Clock::default().sync) }
}

/// A text that somebody else understands.
#[allow(clippy::unnecessary_wraps, reason = "others of its kind have something to refuse")]
fn as_it_is(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// The file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("reading the settings file {path:?}")]
pub struct ReadError {
    path: PathBuf,
    source: io::Error,
}

#[cfg(test)]
mod tests;
