//! Mounts and what they need.

use nixvm_system::{Attrs, Change, GuestPath, Links, Mount, MountError, MountSpec, Owner, System};

use super::Fault;
use super::accounts::find;
use crate::config::types::UserName;

pub(super) fn mount(
    system: &mut dyn System,
    spec: &MountSpec,
    owner: Option<&UserName>,
) -> Result<Change, Fault> {
    if let Some(there) = mounted(system, &spec.target)? {
        return if (there.source, there.fstype) == (spec.source.clone(), spec.fstype.clone()) {
            Ok(Change::Unchanged)
        } else {
            Err(Fault::new(
                "mount-point-taken",
                format!("{} is a mount point already", spec.target),
            ))
        };
    }
    let place = match owner {
        Some(user) => Place::of(system, user.as_str(), &spec.target)?,
        None => Place::ROOTS,
    };
    place.make(system, &spec.target)?;
    system.mount(spec, place.links()).map_err(|error| explain(error, spec))?;
    Ok(Change::Changed)
}

/// What is mounted there. The table has the place itself, not a way to it through links.
pub(super) fn mounted(system: &dyn System, target: &GuestPath) -> Result<Option<Mount>, Fault> {
    let Some(place) = system.resolve(target)? else { return Ok(None) };
    Ok(system.mounts()?.into_iter().rev().find(|mount| mount.target == place))
}

/// With `nofail` the machine is right without what cannot be mounted; a link that somebody planted
/// is a fault all the same.
fn explain(error: MountError, spec: &MountSpec) -> Fault {
    let hint = match error {
        MountError::LinkInTheWay { .. } => "remove the link; what it points to is left alone",
        MountError::Hung { .. } => "does the host still serve the share? nothing is mounted there",
        _ => "is the share attached, and its file system in the kernel?",
    };
    let is_allowed = !matches!(error, MountError::LinkInTheWay { .. })
        && spec.options.split(',').any(|option| option.trim() == "nofail");
    let fault = Fault::from(error).hint(hint);
    if is_allowed { fault.allowed() } else { fault }
}

/// In whose folders a mount point lies.
pub(super) struct Place {
    /// Home of the user, as the way to the mount point names it; below it no link is followed.
    home: Option<GuestPath>,
    /// Owner of the folders that are missing.
    owner: Owner,
}

impl Place {
    const ROOTS: Self = Self { home: None, owner: Owner::ROOT };

    /// The seed's idea of a home may not be the account's, where the image had the user before:
    /// what lies outside the account's home is root's.
    pub(super) fn of(system: &dyn System, user: &str, target: &GuestPath) -> Result<Self, Fault> {
        let account = find(system, user)?;
        let home = on_the_way(system, target, &GuestPath::new(&account.home)?)?;
        let owner = Owner { uid: account.uid, gid: account.gid };
        Ok(home.map_or(Self::ROOTS, |home| Self { home: Some(home), owner }))
    }

    /// The mount point is to be this user's wherever it lies.
    pub(super) fn given_to(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }

    fn links(&self) -> Links<'_> {
        self.home.as_ref().map_or(Links::Follow, Links::RefuseBelow)
    }

    /// Makes the mount point. Below a home, each missing folder on the way belongs to its user.
    pub(super) fn make(
        &self,
        system: &mut dyn System,
        target: &GuestPath,
    ) -> Result<Change, Fault> {
        if system.stat(target)?.is_some() {
            return Ok(Change::Unchanged);
        }
        let is_users = |folder: &GuestPath| {
            self.home.as_ref().is_some_and(|home| folder.below(home).is_some())
        };
        let mut missing = vec![target.clone()];
        let mut folder = target.parent();
        while is_users(&folder) && system.stat(&folder)?.is_none() {
            missing.push(folder.clone());
            folder = folder.parent();
        }
        let attrs = Attrs { mode: 0o755, owner: self.owner };
        for folder in missing.iter().rev() {
            system.make_dir(folder, attrs, self.links())?;
        }
        Ok(Change::Changed)
    }
}

/// The folder on the way to `target` that is `home`, maybe by another name: `/home/ht.linux` can be
/// a link to it. The search begins at the root, so the user's own links have no say.
fn on_the_way(
    system: &dyn System,
    target: &GuestPath,
    home: &GuestPath,
) -> Result<Option<GuestPath>, Fault> {
    // The home of a service may be the root itself; that makes nothing below it the service's.
    if *home == GuestPath::root() {
        return Ok(None);
    }
    if target.below(home).is_some() {
        return Ok(Some(home.clone()));
    }
    let Some(real) = system.resolve(home)? else { return Ok(None) };
    let mut way = GuestPath::root();
    for part in target.parent().relative().split('/') {
        way = way.join(part)?;
        match system.resolve(&way)? {
            Some(place) if place == real => return Ok(Some(way)),
            Some(_) => {}
            None => break,
        }
    }
    Ok(None)
}

/// Only what is left of a fault of one mount is lost: growing never stops the boot.
pub(super) fn grow_root(system: &mut dyn System) -> Result<Change, Fault> {
    let root = GuestPath::root();
    match system.backing(&root)? {
        Some(backing) if backing.can_grow() => Ok(system.grow(&root, &backing)?),
        _ => Ok(Change::Unchanged),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]

    use std::os::unix::fs::symlink;
    use std::path::Path;

    use nixvm_system::{Files, Mounts, Scratch};

    use super::*;

    const HT: Owner = Owner { uid: 501, gid: 1000 };

    /// A machine with the user `ht`, whose home is `/home/ht`.
    fn machine() -> (tempfile::TempDir, Scratch) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("home/ht")).unwrap();
        std::fs::create_dir_all(folder.path().join("etc")).unwrap();
        let passwd = "ht:x:501:1000::/home/ht:/bin/sh\nsvc:x:9:9::/:/bin/sh\n";
        std::fs::write(folder.path().join("etc/passwd"), passwd).unwrap();
        std::fs::write(folder.path().join("etc/group"), "").unwrap();
        let system = Scratch::open(folder.path().to_str().unwrap()).unwrap();
        (folder, system)
    }

    fn path(text: &str) -> GuestPath {
        GuestPath::new(text).unwrap()
    }

    fn share(system: &mut Scratch, target: &str, user: Option<&str>) -> Result<Change, Fault> {
        let spec = MountSpec {
            source: "lima-0".to_owned(),
            target: path(target),
            fstype: "9p".to_owned(),
            options: String::new(),
        };
        let user = user.map(|user| UserName::new(user).unwrap());
        mount(system, &spec, user.as_ref())
    }

    fn owner(system: &Scratch, file: &str) -> Owner {
        system.stat(&path(file)).unwrap().unwrap().owner
    }

    fn planted(link: &Path, target: &str) {
        symlink(target, link).unwrap();
    }

    #[test]
    fn folders_below_the_home_are_the_users() {
        let (_folder, mut system) = machine();
        assert_eq!(share(&mut system, "/home/ht/a/b", Some("ht")).unwrap(), Change::Changed);
        assert_eq!(owner(&system, "/home/ht/a"), HT);
        assert_eq!(owner(&system, "/home/ht/a/b"), HT);
        assert_eq!(share(&mut system, "/home/ht/a/b", Some("ht")).unwrap(), Change::Unchanged);
    }

    #[test]
    fn folders_outside_the_accounts_home_are_roots() {
        let (_folder, mut system) = machine();
        share(&mut system, "/home/ht.guest/a", Some("ht")).unwrap();
        assert_eq!(owner(&system, "/home/ht.guest"), Owner::ROOT);
        assert_eq!(owner(&system, "/home/ht.guest/a"), Owner::ROOT);
        share(&mut system, "/srv/a", Some("svc")).unwrap();
        assert_eq!(owner(&system, "/srv/a"), Owner::ROOT, "its home is the root itself");
    }

    #[test]
    fn a_planted_link_loses_the_mount_by_whatever_name_the_home_is_reached() {
        let (folder, mut system) = machine();
        planted(&folder.path().join("home/ht/my"), "/etc");
        planted(&folder.path().join("home/ht.linux"), "ht");
        for target in ["/home/ht/my", "/home/ht.linux/my", "/home/ht.linux/my/new"] {
            let fault = share(&mut system, target, Some("ht")).unwrap_err();
            assert_eq!(fault.code, "link-in-the-way", "{target}");
        }
        assert_eq!(system.mounts().unwrap(), []);
        share(&mut system, "/home/ht.linux/a", Some("ht")).unwrap();
        assert_eq!(owner(&system, "/home/ht.linux/a"), HT);
    }

    #[test]
    fn a_mount_reached_by_a_link_is_not_stacked() {
        let (folder, mut system) = machine();
        std::fs::create_dir_all(folder.path().join("var/mnt")).unwrap();
        planted(&folder.path().join("mnt"), "/var/mnt");
        assert_eq!(share(&mut system, "/mnt/x", None).unwrap(), Change::Changed);
        assert_eq!(share(&mut system, "/mnt/x", None).unwrap(), Change::Unchanged);
        assert_eq!(system.mounts().unwrap().len(), 1);
    }
}
