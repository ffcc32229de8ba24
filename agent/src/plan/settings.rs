//! Settings of the system that no service of its own keeps: trust, keyboard and language; what Lima
//! prepares for containers, for its host's sockets and for its drivers.

mod drivers;
mod regional;
mod rootless;
mod trust;
mod user;

pub use user::groups as join;

use super::{Draft, fixed, step};
use crate::config::types::UserName;
use crate::config::{Config, Finding};

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    trust::steps(config, draft);
    regional::steps(config, draft);
    let Some(lima) = &config.lima else { return };
    if draft.facts.platform.is_openrc {
        draft.find(not_systemd());
    }
    let Ok(user) = UserName::new(&lima.user) else { return };
    if !lima.plain {
        rootless::steps(&user, draft);
        user::steps(&user, lima, draft);
        drivers::steps(&user, lima, draft);
    }
    user::password(&user, lima, draft);
}

/// Alpine's live system, whose changes Lima keeps on a volume of their own, is the one guest of Lima
/// that boots otherwise.
fn not_systemd() -> Finding {
    Finding::warning("not-systemd", "", "this machine boots by OpenRC, not by systemd").hint(
        "nixvm-agent does not prepare Alpine, nor its volume for changes: use Lima's own scripts",
    )
}

/// The step that makes the user, whose failure holds up what is done for that user.
fn needs(user: &UserName) -> Vec<String> {
    vec![format!("account:{}", user.as_str())]
}
