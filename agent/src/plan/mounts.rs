//! The cidata medium itself, and the mounts of the seed.

use nixvm_system::{GuestPath, MountSpec};

use super::accounts::home;
use super::{Draft, fixed, share_owner, step};
use crate::config::types::{MountEntry, UserName};
use crate::config::{Config, Finding};
use crate::facts::Line;
use crate::source::Seed;
use crate::step::{Action, Lifetime, Stage, Step};

/// Lima's host reads files below this very path for the whole uptime.
pub const CIDATA: &str = "/mnt/lima-cidata";

/// How Lima mounts its medium: hidden from all but root, executable although Rock Ridge says 0644,
/// root's although it carries the ids of a host user.
const CIDATA_OPTIONS: &str = "ro,mode=0700,dmode=0700,overriderockperm,exec,uid=0";

pub fn steps(seed: &Seed, config: &Config, draft: &mut Draft<'_>) {
    if let Some(lima) = &config.lima {
        cidata(seed, lima.no_cloud_init, draft);
    }
    let mut entries: Vec<_> = config.mounts.iter().collect();
    // What is mounted below another mount goes after it, or nobody would see it.
    entries.sort_by_key(|entry| entry.target.relative().split('/').count());
    for entry in entries {
        dropped(entry, draft);
        mount(entry, seed, config, draft);
    }
}

fn cidata(seed: &Seed, is_folder: bool, draft: &mut Draft<'_>) {
    let (source, fstype, options) = match &seed.medium {
        Some(medium) if medium.fstype == "iso9660" => {
            (medium.device.as_str(), medium.fstype, CIDATA_OPTIONS)
        }
        Some(medium) => (medium.device.as_str(), medium.fstype, "ro,umask=0077,exec"),
        None if is_folder && seed.origin != CIDATA => (seed.origin.as_str(), "none", "bind,ro"),
        None => return,
    };
    let spec = MountSpec {
        source: source.to_owned(),
        target: fixed(CIDATA),
        fstype: fstype.to_owned(),
        options: options.to_owned(),
    };
    let action = Action::Mount { spec, owner: None };
    let title = format!("mount the cidata medium on {CIDATA}");
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, ..step("mount:cidata", title, Stage::Early, action) });
}

fn mount(entry: &MountEntry, seed: &Seed, config: &Config, draft: &mut Draft<'_>) {
    let MountEntry { source, target, fstype, mark, .. } = entry;
    let owner = owner(target, config);
    let spec = MountSpec {
        source: source.clone(),
        target: target.clone(),
        fstype: fstype.clone(),
        options: labelled(entry, draft.facts.selinux),
    };
    let title = format!("mount {source} ({fstype}) on {target}");
    let needs = owner.iter().map(|name| format!("account:{}", name.as_str())).collect();
    let action = Action::Mount { spec, owner };
    let step = Step {
        lifetime: Lifetime::Boot,
        needs,
        origin: format!("user-data:{}", mark.line),
        ..step(format!("mount:{target}"), title, Stage::Early, action)
    };
    if let Some(line) = systemds(entry, draft) {
        return draft.skip(step, format!("line {line} of /etc/fstab mounts it"));
    }
    draft.add(step);
    share_owner::step_for(entry, seed, config, draft);
}

/// The line of `/etc/fstab` by which systemd mounts the same, if there is one: two that mount at
/// once would mount twice. One that mounts something else there is told.
fn systemds(entry: &MountEntry, draft: &mut Draft<'_>) -> Option<usize> {
    let is_it = |line: &&Line| line.target == entry.target && !line.is_on_demand;
    let line = draft.facts.fstab.iter().rfind(is_it)?;
    if line.source == entry.source {
        return Some(line.number);
    }
    let whose = if line.is_cloud_inits { ", left by cloud-init," } else { "" };
    let message = format!("this line{whose} mounts {} on {} too", line.source, line.target);
    let finding = Finding::warning("fstab-line", "/etc/fstab", message).line(line.number);
    draft.find(finding.hint("remove the line; nixvm-agent leaves the file alone"));
    None
}

/// Options with the label that the files of a share get where `SELinux` is in use: shares carry none
/// of their own. Rosetta's are programs.
fn labelled(entry: &MountEntry, selinux: bool) -> String {
    let is_share = matches!(entry.fstype.as_str(), "9p" | "virtiofs");
    if !selinux || !is_share || entry.options.contains("context=") {
        return entry.options.clone();
    }
    let kind = if entry.source.contains("rosetta") { "bin_t" } else { "nfs_t" };
    format!("{},context=system_u:object_r:{kind}:s0", entry.options)
}

/// Options that only a unit of systemd could have.
fn dropped(entry: &MountEntry, draft: &mut Draft<'_>) {
    let options = entry.options.split(',').map(str::trim);
    let names: Vec<_> = options.filter(|option| option.starts_with("x-systemd.")).collect();
    if names.is_empty() {
        return;
    }
    let message =
        format!("{} means nothing here: the mount is no unit of systemd", names.join(","));
    let finding = Finding::info("option-dropped", "user-data", message);
    draft.find(finding.at(entry.mark, format!("mounts: {}", entry.target)));
}

/// The user whose home holds the mount point; of nested homes the inner one.
fn owner(target: &GuestPath, config: &Config) -> Option<UserName> {
    config
        .users
        .iter()
        .map(|user| (home(user), &user.name))
        // A home that is the root itself would make every mount point that user's.
        .filter(|(home, _)| *home != GuestPath::root() && target.below(home).is_some())
        .max_by_key(|(home, _)| home.as_str().len())
        .map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::Mark;

    #[test]
    fn shares_get_a_label_where_labels_are_in_use() {
        let options = |source: &str, fstype: &str, options: &str, selinux: bool| {
            let entry = MountEntry {
                source: source.to_owned(),
                target: fixed("/x"),
                fstype: fstype.to_owned(),
                options: options.to_owned(),
                mark: Mark::START,
            };
            labelled(&entry, selinux)
        };
        let label = |kind: &str| format!("rw,context=system_u:object_r:{kind}:s0");
        assert_eq!(options("lima-0", "virtiofs", "rw", true), label("nfs_t"));
        assert_eq!(options("lima-0", "9p", "rw", true), label("nfs_t"));
        assert_eq!(options("vz-rosetta", "virtiofs", "rw", true), label("bin_t"));
        for (fstype, given, selinux) in
            [("virtiofs", "rw", false), ("tmpfs", "rw", true), ("9p", "rw,fscontext=x", true)]
        {
            assert_eq!(options("lima-0", fstype, given, selinux), given);
        }
    }
}
