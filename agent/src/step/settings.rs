//! What steps of the system's settings carry.

use nixvm_system::GuestPath;
use serde::Serialize;

use crate::config::certificates::Certificate;
use crate::config::regional::{Keyboard, LocaleName};
use crate::config::types::UserName;
use crate::facts::platform::TrustStore;

/// Certificates to trust.
#[derive(Clone, Debug, Serialize)]
pub struct Trust {
    /// Where; `None`: nothing here is known to keep any.
    pub store: Option<TrustStore>,
    /// All of them: what an earlier run added and is not among them goes.
    pub trusted: Vec<Certificate>,
    /// Whether the distribution's own are switched off.
    pub remove_defaults: bool,
}

/// Where a family keeps keyboard and language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// `/etc/default`, and tools that make more of it.
    Debian,
    /// `/etc/vconsole.conf`, `/etc/locale.conf`.
    Other,
}

/// Keyboard of the console.
#[derive(Clone, Debug, Serialize)]
pub struct KeyboardStep {
    /// The wish.
    pub keyboard: Keyboard,
    /// Where it goes.
    pub family: Family,
}

/// Language of programs.
#[derive(Clone, Debug, Serialize)]
pub struct LocaleStep {
    /// The name.
    pub name: LocaleName,
    /// The file that holds it.
    pub file: GuestPath,
    /// Whether it has to be made first.
    pub family: Family,
}

/// A group and what to do where it is missing.
#[derive(Clone, Debug, Serialize)]
pub struct Membership {
    /// Its name.
    pub group: &'static str,
    /// Whether it is made; otherwise there is nothing to join.
    pub is_made: bool,
}

/// Apple's translator of x86-64 programs, in a share of the host.
#[derive(Clone, Debug, Serialize)]
pub struct Rosetta {
    /// Whether the kernel hands it every x86-64 program; if not, a registration of before goes.
    pub is_registered: bool,
    /// Whose containers may use its cache.
    pub user: UserName,
}
