//! What Lima's drivers add: Rosetta with vz, graphics with krunkit; and modules of the kernel.

use super::user::groups;
use super::{Draft, needs, step};
use crate::config::lima::Lima;
use crate::config::types::UserName;
use crate::step::{Action, Lifetime, Membership, Rosetta, Stage, Step};

/// What container engines use and may not be able to load later: as users, or because an upgrade
/// has taken the running kernel's files away.
const MODULES: &[&str] = &[
    "fuse",
    "tun",
    "tap",
    "bridge",
    "veth",
    "ip_tables",
    "ip6_tables",
    "iptable_nat",
    "ip6table_nat",
    "iptable_filter",
    "ip6table_filter",
    "nf_tables",
    "x_tables",
    "xt_MASQUERADE",
    "xt_addrtype",
    "xt_comment",
    "xt_conntrack",
    "xt_mark",
    "xt_multiport",
    "xt_nat",
    "xt_tcpudp",
    "overlay",
];

pub fn steps(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    let vm_type = lima.variable("VMTYPE").unwrap_or_default();
    if vm_type == "vz" && lima.variable("ROSETTA_ENABLED") == Some("true") {
        rosetta(user, lima, draft);
    }
    if vm_type == "krunkit" && !draft.facts.platform.is_fedora {
        graphics(user, draft);
    }
    modules(draft);
}

/// Late: it may take a second, and nobody who logs in waits for it.
fn modules(draft: &mut Draft<'_>) {
    let action = Action::Modules { names: MODULES };
    let title = "load modules of the kernel for containers";
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, ..step("modules", title, Stage::Late, action) });
}

/// Registering opens the translator, so its share comes first.
fn rosetta(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    let is_registered = lima.variable("ROSETTA_BINFMT") == Some("true");
    let title = if is_registered {
        "run programs for x86-64 by Rosetta"
    } else {
        "run no program by Rosetta unasked"
    };
    let action = Action::Rosetta(Rosetta { is_registered, user: user.clone() });
    let needs = [needs(user), vec!["mount:/mnt/lima-rosetta".to_owned()]].concat();
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, needs, ..step("rosetta", title, Stage::Early, action) });
}

fn graphics(user: &UserName, draft: &mut Draft<'_>) {
    let membership = |group| Membership { group, is_made: true };
    groups(user, vec![membership("render"), membership("video")], draft);
    let title = "open the nodes of graphics cards to everybody";
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, ..step("graphics", title, Stage::Early, Action::Graphics) });
}
