//! `ca_certs`.

use super::{Draft, step};
use crate::config::certificates::Certificates;
use crate::config::{Config, Finding};
use crate::facts::platform::TrustStore;
use crate::step::{Action, Stage, Trust};

const ID: &str = "certificates";

/// A key that is gone takes back what an earlier boot trusted: whoever makes the seed decides.
pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    let wanted = match &config.certificates {
        Some(wanted) => wanted.clone(),
        None if draft.ledger.knows(ID) => Certificates::default(),
        None => return,
    };
    let is_known = draft.ledger.knows(ID);
    if wanted.trusted.is_empty() && !wanted.remove_defaults && !is_known {
        return;
    }
    let store = draft.facts.platform.trust;
    let can_remove = store == Some(TrustStore::Debian);
    let remove_defaults = wanted.remove_defaults && can_remove;
    if wanted.remove_defaults && !can_remove {
        draft.find(defaults_stay());
    }
    let title = match wanted.trusted.len() {
        1 => "trust a certificate".to_owned(),
        count => format!("trust {count} certificates"),
    };
    let action = Action::Trust(Trust { store, trusted: wanted.trusted, remove_defaults });
    let step = step(ID, title, Stage::Early, action);
    if draft.facts.platform.is_nixos {
        return draft.skip(step, "owned by NixOS: set security.pki.certificates");
    }
    draft.add(step);
}

/// Elsewhere the distribution's own are files of a package, which come back with its next version.
fn defaults_stay() -> Finding {
    let message = "the distribution's own certificates are still trusted: only Debian's family has \
        a list to strike them from";
    let mut finding = Finding::error("not-possible-here", "user-data", message)
        .hint("make the image without them, or block them there: update-ca-trust(8)");
    "ca_certs.remove_defaults".clone_into(&mut finding.key);
    finding
}
