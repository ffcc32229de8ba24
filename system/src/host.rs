//! [`Host`]: the running machine.

mod chance;
mod disks;
mod filesystems;
mod format;
mod interfaces;
mod mounting;
mod netlink;
mod nftables;
mod partitions;
mod relay;
mod run;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use crate::tree::Tree;
use crate::{
    Attrs, Backing, Change, Clock, Command, CommandError, Commands, Disk, DiskError, Disks,
    FileError, Files, Finished, Fresh, GuestPath, Links, Lock, LogFile, Mount, MountError,
    MountSpec, Mounts, Network, NetworkError, Owner, Part, ReadAt, Redirect, Stat, WriteError,
};

/// How long a mount may take. A share answers within milliseconds, under emulation too.
const MOUNT_LIMIT: Duration = Duration::from_secs(10);

/// The machine this program runs on.
#[derive(Debug)]
pub struct Host {
    tree: Tree,
    mount_limit: Duration,
    log: Option<Arc<LogFile>>,
}

impl Host {
    /// The machine from `/` on.
    pub fn new() -> io::Result<Self> {
        Self::below("/")
    }

    /// The machine, with files and mounts below `root`. Commands still run on the machine; their
    /// working directory is below `root`.
    pub fn below(root: &str) -> io::Result<Self> {
        Ok(Self { tree: Tree::open(root, None)?, mount_limit: MOUNT_LIMIT, log: None })
    }

    /// The same machine with another patience for what does not answer when it is mounted.
    #[must_use]
    pub fn with_mount_limit(self, mount_limit: Duration) -> Self {
        Self { mount_limit, ..self }
    }

    /// The same machine; what goes to the journal from programs goes to this log too.
    #[must_use]
    pub fn with_log(self, log: Option<Arc<LogFile>>) -> Self {
        Self { log, ..self }
    }
}

impl Files for Host {
    fn read(&self, path: &GuestPath, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        self.tree.read(path, limit)
    }

    fn read_below(
        &self,
        path: &GuestPath,
        base: &GuestPath,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, FileError> {
        self.tree.read_below(path, base, limit)
    }

    fn resolve(&self, path: &GuestPath) -> Result<Option<GuestPath>, FileError> {
        self.tree.resolve(path)
    }

    fn open(&self, path: &GuestPath) -> Result<Option<Box<dyn ReadAt>>, FileError> {
        self.tree.open_at(path)
    }

    fn stat(&self, path: &GuestPath) -> Result<Option<Stat>, FileError> {
        self.tree.stat(path)
    }

    fn list(&self, dir: &GuestPath) -> Result<Option<Vec<String>>, FileError> {
        self.tree.list(dir)
    }

    fn read_link(&self, path: &GuestPath) -> Result<Option<String>, FileError> {
        self.tree.read_link(path)
    }

    fn wait_for_change(&self, dir: &GuestPath, limit: Duration) -> Result<bool, FileError> {
        self.tree.wait_for_change(dir, limit)
    }

    fn lock(&mut self, path: &GuestPath, limit: Duration) -> Result<Lock, WriteError> {
        self.tree.lock(path, limit)
    }

    fn write(
        &mut self,
        path: &GuestPath,
        contents: &[u8],
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        self.tree.write(path, contents, attrs, links)
    }

    fn make_dir(
        &mut self,
        path: &GuestPath,
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        self.tree.make_dir(path, attrs, links)
    }

    fn link(&mut self, path: &GuestPath, target: &str) -> Result<Change, WriteError> {
        self.tree.link(path, target)
    }

    fn remove(&mut self, path: &GuestPath) -> Result<Change, WriteError> {
        self.tree.remove(path)
    }

    fn tell(&mut self, path: &GuestPath, value: &str) -> Result<Change, WriteError> {
        self.tree.tell(path, value)
    }

    fn set_mode(&mut self, path: &GuestPath, mode: u32) -> Result<Change, WriteError> {
        self.tree.set_mode(path, mode)
    }
}

impl Commands for Host {
    fn run(&mut self, command: &Command) -> Result<Finished, CommandError> {
        run::run(&self.tree, command, self.log.as_ref())
    }

    fn has(&self, program: &str) -> bool {
        run::find(program).is_some()
    }
}

impl Mounts for Host {
    fn mounts(&self) -> Result<Vec<Mount>, MountError> {
        mounting::table(&self.tree)
    }

    fn mount(&mut self, spec: &MountSpec, links: Links<'_>) -> Result<(), MountError> {
        mounting::mount(&self.tree, spec, links, self.mount_limit)
    }

    fn backing(&self, mount_point: &GuestPath) -> Result<Option<Backing>, MountError> {
        disks::backing(&self.tree, mount_point)
    }

    fn grow(&mut self, mount_point: &GuestPath, backing: &Backing) -> Result<Change, MountError> {
        disks::grow(&self.tree, mount_point, backing)
    }

    fn exchange_owners(
        &mut self,
        mount_point: &GuestPath,
        one: Owner,
        other: Owner,
    ) -> Result<(), MountError> {
        mounting::ownership::exchange(&self.tree, mount_point, one, other)
            .map_err(|source| MountError::Owners { target: mount_point.clone(), source })
    }
}

impl Clock for Host {
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn uptime(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    fn boot_id(&self) -> Option<String> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(text.trim().to_owned())
    }

    fn cpu(&self) -> (Duration, Duration) {
        (run::cpu_of(libc::RUSAGE_SELF), run::cpu_of(libc::RUSAGE_CHILDREN))
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn set_now(&mut self, now: Duration) -> io::Result<()> {
        let tv_sec = i64::try_from(now.as_secs()).map_err(io::Error::other)?;
        let time = Timespec { tv_sec, tv_nsec: now.subsec_nanos().into() };
        Ok(clock_settime(ClockId::Realtime, time)?)
    }

    fn random(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        chance::fill(bytes)
    }
}

impl Disks for Host {
    fn disks(&self) -> Result<Vec<String>, DiskError> {
        crate::disks::names(self)
    }

    fn examine(&self, disk: &str) -> Result<Disk, DiskError> {
        let claimed = disks::claimed()
            .map_err(|source| DiskError::Read { what: "what is mounted".to_owned(), source })?;
        crate::disks::examine(self, disk, &claimed)
    }

    fn is_begun(&self, fresh: &Fresh) -> Result<bool, DiskError> {
        format::is_begun(self, fresh)
    }

    fn format(&mut self, fresh: &Fresh) -> Result<Lock, DiskError> {
        format::format(self, fresh)
    }

    fn enlarge_swap(&mut self, disk: &str, part: &Part) -> Result<Change, DiskError> {
        format::enlarge_swap(disk, part)
    }

    fn swap_on(&mut self, device: &str) -> Result<Change, DiskError> {
        format::swap_on(device)
    }
}

impl Network for Host {
    fn rename_interface(&mut self, from: &str, to: &str) -> Result<Change, NetworkError> {
        interfaces::rename(from, to)
    }

    fn redirect(&mut self, name: &str, redirects: &[Redirect]) -> Result<Change, NetworkError> {
        nftables::redirect(name, redirects)
    }
}
