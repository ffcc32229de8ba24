//! `ca_certs`.

use super::{Draft, step};
use crate::config::Config;
use crate::facts::platform::TrustStore;
use crate::step::{Action, Stage, Trust};

const ID: &str = "certificates";

/// A key that is gone takes back what an earlier boot trusted: whoever makes the seed decides.
pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    let wanted = match &config.certificates {
        Some(wanted) => wanted.clone(),
        None if draft.ledger.knows(ID) => crate::config::certificates::Certificates::default(),
        None => return,
    };
    let store = draft.facts.platform.trust;
    let can_remove = store == Some(TrustStore::Debian);
    let remove_defaults = wanted.remove_defaults && can_remove;
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
    if wanted.remove_defaults && !can_remove {
        distrust(draft);
    }
}

/// Elsewhere the distribution's own are files of a package, which come back with its next version.
fn distrust(draft: &mut Draft<'_>) {
    let action = Action::Trust(Trust { store: None, trusted: Vec::new(), remove_defaults: true });
    let title = "trust no certificate of the distribution";
    let step = step("certificates:defaults", title, Stage::Early, action);
    draft.skip(
        step,
        "only Debian's family has a list to strike them from: remove them in the image",
    );
}
