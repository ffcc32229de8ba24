//! What the kernel or another program would be asked for.

use std::io;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::Dry;
use crate::{
    Backing, Change, Clock, Command, CommandError, Commands, Disk, DiskError, Disks, Ended, Files,
    Finished, Fresh, GuestPath, Links, Lock, Mount, MountError, MountSpec, Mounts, Network,
    NetworkError, Owner, Part, Redirect,
};

/// A lock that keeps nobody out: nothing is written under it.
pub(super) fn nothing_locked() -> io::Result<Lock> {
    Ok(Lock(memfd_create("nixvm-dry", MemfdFlags::CLOEXEC)?))
}

impl Commands for Dry<'_> {
    fn run(&mut self, _command: &Command) -> Result<Finished, CommandError> {
        Ok(Finished { ended: Ended::Exit(0), tail: String::new() })
    }

    fn has(&self, program: &str) -> bool {
        self.inner.has(program)
    }
}

impl Mounts for Dry<'_> {
    fn mounts(&self) -> Result<Vec<Mount>, MountError> {
        let mut mounts = self.inner.mounts()?;
        mounts.extend(self.mounts.iter().cloned());
        Ok(mounts)
    }

    fn mount(&mut self, spec: &MountSpec, links: Links<'_>) -> Result<(), MountError> {
        let failed = |source| MountError::of(spec, source);
        if self.refuse_links(&spec.target, links).is_err() {
            return Err(failed(io::Error::from_raw_os_error(libc::ELOOP)));
        }
        let target = self.resolve(&spec.target).map_err(|error| failed(io::Error::other(error)))?;
        let target = target.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let (source, fstype) = (spec.source.clone(), spec.fstype.clone());
        self.effects.push(format!("mount {source} ({fstype}) on {target}"));
        self.mounts.push(Mount { source, target, fstype });
        Ok(())
    }

    fn backing(&self, mount_point: &GuestPath) -> Result<Option<Backing>, MountError> {
        // What would be mounted has no device that could be looked at.
        if self.mounts.iter().any(|mount| mount.target == *mount_point) {
            return Ok(None);
        }
        self.inner.backing(mount_point)
    }

    fn grow(&mut self, mount_point: &GuestPath, backing: &Backing) -> Result<Change, MountError> {
        self.effects.push(format!("grow {} below {mount_point}", backing.device));
        Ok(Change::Changed)
    }

    fn exchange_owners(
        &mut self,
        mount_point: &GuestPath,
        one: Owner,
        other: Owner,
    ) -> Result<(), MountError> {
        self.effects.push(format!(
            "show what belongs to {} below {mount_point} as belonging to {}",
            one.uid, other.uid
        ));
        Ok(())
    }
}

impl Clock for Dry<'_> {
    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn uptime(&self) -> Duration {
        self.inner.uptime()
    }

    fn boot_id(&self) -> Option<String> {
        self.inner.boot_id()
    }

    fn cpu(&self) -> (Duration, Duration) {
        self.inner.cpu()
    }

    fn pause(&self, _time: Duration) {}

    fn set_now(&mut self, _now: Duration) -> io::Result<()> {
        self.effects.push("set the clock".to_owned());
        Ok(())
    }

    /// Nothing that is made of it is ever used.
    fn random(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(0);
        Ok(())
    }
}

impl Disks for Dry<'_> {
    fn disks(&self) -> Result<Vec<String>, DiskError> {
        self.inner.disks()
    }

    fn examine(&self, disk: &str) -> Result<Disk, DiskError> {
        self.inner.examine(disk)
    }

    fn is_begun(&self, fresh: &Fresh) -> Result<bool, DiskError> {
        self.inner.is_begun(fresh)
    }

    fn format(&mut self, fresh: &Fresh) -> Result<Lock, DiskError> {
        self.effects.push(format!("format {} as {}", fresh.disk, fresh.fstype));
        nothing_locked().map_err(|source| DiskError::Write { device: fresh.disk.clone(), source })
    }

    fn enlarge_swap(&mut self, _disk: &str, _part: &Part) -> Result<Change, DiskError> {
        Ok(Change::Unchanged)
    }

    fn swap_on(&mut self, device: &str) -> Result<Change, DiskError> {
        self.effects.push(format!("use {device} for swapping"));
        Ok(Change::Changed)
    }
}

impl Network for Dry<'_> {
    fn rename_interface(&mut self, from: &str, to: &str) -> Result<Change, NetworkError> {
        self.effects.push(format!("rename the interface {from} to {to}"));
        Ok(Change::Changed)
    }

    /// A table of the kernel is replaced as a whole and not read: whether it would differ is unknown.
    fn redirect(&mut self, _name: &str, _redirects: &[Redirect]) -> Result<Change, NetworkError> {
        Ok(Change::Unchanged)
    }
}
