//! Where a file really lies, and whose the folders on the way are.
//!
//! A folder that only root can change leads where the administrator wants, links included. From the
//! first one on that somebody else can change, a link may be a trap: there none is followed, neither
//! now nor when the file is opened, which the kernel sees to.

use nixvm_system::{Attrs, FileKind, GuestPath, Links, Owner, Stat, System};

use super::Fault;
use super::owner::Who;

/// The kernel's own limit of links in a path.
const LINK_LIMIT: u32 = 40;

/// A place for a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Without the links that root made.
    pub path: GuestPath,
    /// The first folder that others than root can change.
    pub base: Option<GuestPath>,
}

impl Place {
    /// Walks from the root to the file.
    pub fn of(system: &dyn System, wanted: &GuestPath) -> Result<Self, Fault> {
        let mut here = GuestPath::root();
        let mut ahead: Vec<String> = wanted.as_str().split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    here = here.parent();
                    continue;
                }
                _ => {}
            }
            let next = here.join(&part)?;
            match system.stat(&next)? {
                None => return Ok(Self { path: behind(&next, ahead)?, base: None }),
                Some(stat) if stat.kind == FileKind::Link => {
                    links += 1;
                    let target = system.read_link(&next)?.filter(|_| links <= LINK_LIMIT);
                    let target = target.ok_or_else(|| link_in_the_way(&next))?;
                    if target.starts_with('/') {
                        here = GuestPath::root();
                    }
                    ahead.extend(target.split('/').rev().map(str::to_owned));
                }
                Some(stat) if stat.kind == FileKind::Dir && !is_roots_alone(stat) => {
                    return Ok(Self { path: behind(&next, ahead)?, base: Some(next) });
                }
                Some(_) => here = next,
            }
        }
        Ok(Self { path: here, base: None })
    }

    /// What to do about links below.
    pub fn links(&self) -> Links<'_> {
        self.base.as_ref().map_or(Links::Follow, Links::RefuseBelow)
    }

    /// What the file is now; an error if it is no file.
    pub fn file(&self, system: &dyn System) -> Result<Option<Stat>, Fault> {
        match system.stat(&self.path)? {
            Some(stat) if stat.kind == FileKind::Link => Err(link_in_the_way(&self.path)),
            Some(stat) if stat.kind != FileKind::File => {
                Err(Fault::new("not-a-file", format!("{} is there and is no file", self.path))
                    .hint("write the name of a file, with the folder before it"))
            }
            other => Ok(other),
        }
    }

    /// What is in the file.
    pub fn read(&self, system: &dyn System, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(match &self.base {
            Some(base) => system.read_below(&self.path, base, limit)?,
            None => system.read(&self.path, limit)?,
        })
    }

    /// Makes the folders that are missing: the owner's where the owner could have made them, else
    /// root's.
    pub fn make_parents(&self, system: &mut dyn System, who: &Who) -> Result<(), Fault> {
        let mut missing = Vec::new();
        let mut folder = self.path.parent();
        let mut above = loop {
            if let Some(stat) = system.stat(&folder)? {
                break stat;
            }
            missing.push(folder.clone());
            folder = folder.parent();
        };
        for folder in missing.iter().rev() {
            let owner = if who.may(above, 0o3) { who.owner() } else { Owner::ROOT };
            system.make_dir(folder, Attrs { mode: 0o755, owner }, self.links())?;
            above = Stat { kind: FileKind::Dir, mode: 0o755, owner, size: 0 };
        }
        Ok(())
    }
}

fn behind(path: &GuestPath, ahead: Vec<String>) -> Result<GuestPath, Fault> {
    let rest: Vec<String> = ahead.into_iter().rev().collect();
    Ok(path.join(&rest.join("/"))?)
}

fn is_roots_alone(stat: Stat) -> bool {
    stat.owner.uid == 0 && stat.mode & 0o022 == 0
}

fn link_in_the_way(path: &GuestPath) -> Fault {
    Fault::new("link-in-the-way", format!("{path} is a symbolic link"))
        .hint("name the file that the link leads to, or remove the link")
}
