//! A machine on which one call fails, or on which the power goes at one call.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use nixvm_system::{
    Attrs, Backing, Change, Clock, Command, CommandError, Commands, Disk, DiskError, Disks, Ended,
    FileError, Files, Finished, Fresh, GuestPath, Links, Lock, Mount, MountError, MountSpec,
    Mounts, Network, NetworkError, Owner, Part, ReadAt, Redirect, Scratch, Stat, WriteError,
};

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The kernel says no.
    Error(i32),
    /// The program that is run is killed; another call fails with EIO.
    Killed,
    /// The machine loses its power: the agent comes no further.
    Power,
}

/// Which calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Those that change something.
    Effects,
    /// Those that only look.
    Looks,
}

/// The panic that stands for the end of power.
pub struct PowerLost;

/// A machine with one fault.
pub struct Faulty {
    inner: Scratch,
    calls: Calls,
    /// Number of the call, from 0, at which it happens; `None`: never.
    at: Option<usize>,
    fault: Fault,
    count: Cell<usize>,
    hit: RefCell<Option<String>>,
}

impl Faulty {
    /// The machine `inner`, whose call number `at` fails.
    pub fn new(inner: Scratch, calls: Calls, at: Option<usize>, fault: Fault) -> Self {
        Self { inner, calls, at, fault, count: Cell::new(0), hit: RefCell::new(None) }
    }

    /// How many calls were made so far.
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// The call that failed.
    pub fn hit(&self) -> Option<String> {
        self.hit.borrow().clone()
    }

    /// Counts a call. `Some`: it is the one.
    fn meets(&self, calls: Calls, what: impl Fn() -> String) -> Option<io::Error> {
        if calls != self.calls {
            return None;
        }
        let number = self.count.replace(self.count.get() + 1);
        if Some(number) != self.at {
            return None;
        }
        *self.hit.borrow_mut() = Some(what());
        match self.fault {
            Fault::Error(code) => Some(io::Error::from_raw_os_error(code)),
            Fault::Killed => Some(io::Error::from_raw_os_error(5)),
            Fault::Power => std::panic::panic_any(PowerLost),
        }
    }

    fn look(&self, name: &str, path: &GuestPath) -> Result<(), FileError> {
        let fault = self.meets(Calls::Looks, || format!("{name} {path}"));
        fault.map_or(Ok(()), |source| Err(FileError::Read { path: path.clone(), source }))
    }

    fn change(&self, name: &str, path: &GuestPath) -> Result<(), WriteError> {
        let fault = self.meets(Calls::Effects, || format!("{name} {path}"));
        fault.map_or(Ok(()), |source| {
            Err(match source.raw_os_error() {
                Some(30) => WriteError::ReadOnly { path: path.clone() },
                _ => WriteError::Write { path: path.clone(), source },
            })
        })
    }

    fn disk(&self, calls: Calls, what: &str) -> Result<(), DiskError> {
        let fault = self.meets(calls, || what.to_owned());
        fault.map_or(Ok(()), |source| Err(DiskError::Read { what: what.to_owned(), source }))
    }

    fn table(&self, name: &str) -> Result<(), MountError> {
        let fault = self.meets(Calls::Looks, || name.to_owned());
        fault.map_or(Ok(()), |source| Err(MountError::Read { what: name.to_owned(), source }))
    }
}

impl Files for Faulty {
    fn read(&self, path: &GuestPath, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        self.look("read", path)?;
        self.inner.read(path, limit)
    }

    fn read_below(
        &self,
        path: &GuestPath,
        base: &GuestPath,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, FileError> {
        self.look("read_below", path)?;
        self.inner.read_below(path, base, limit)
    }

    fn resolve(&self, path: &GuestPath) -> Result<Option<GuestPath>, FileError> {
        self.look("resolve", path)?;
        self.inner.resolve(path)
    }

    fn open(&self, path: &GuestPath) -> Result<Option<Box<dyn ReadAt>>, FileError> {
        self.look("open", path)?;
        Files::open(&self.inner, path)
    }

    fn stat(&self, path: &GuestPath) -> Result<Option<Stat>, FileError> {
        self.look("stat", path)?;
        self.inner.stat(path)
    }

    fn list(&self, dir: &GuestPath) -> Result<Option<Vec<String>>, FileError> {
        self.look("list", dir)?;
        self.inner.list(dir)
    }

    fn read_link(&self, path: &GuestPath) -> Result<Option<String>, FileError> {
        self.look("read_link", path)?;
        self.inner.read_link(path)
    }

    fn wait_for_change(&self, dir: &GuestPath, limit: Duration) -> Result<bool, FileError> {
        self.inner.wait_for_change(dir, limit)
    }

    fn lock(&mut self, path: &GuestPath, limit: Duration) -> Result<Lock, WriteError> {
        self.change("lock", path)?;
        self.inner.lock(path, limit)
    }

    fn write(
        &mut self,
        path: &GuestPath,
        contents: &[u8],
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        self.change("write", path)?;
        self.inner.write(path, contents, attrs, links)
    }

    fn make_dir(
        &mut self,
        path: &GuestPath,
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        self.change("make_dir", path)?;
        self.inner.make_dir(path, attrs, links)
    }

    fn link(&mut self, path: &GuestPath, target: &str) -> Result<Change, WriteError> {
        self.change("link", path)?;
        self.inner.link(path, target)
    }

    fn remove(&mut self, path: &GuestPath) -> Result<Change, WriteError> {
        self.change("remove", path)?;
        self.inner.remove(path)
    }

    fn tell(&mut self, path: &GuestPath, value: &str) -> Result<Change, WriteError> {
        self.change("tell", path)?;
        self.inner.tell(path, value)
    }

    fn set_mode(&mut self, path: &GuestPath, mode: u32) -> Result<Change, WriteError> {
        self.change("set_mode", path)?;
        self.inner.set_mode(path, mode)
    }
}

impl Commands for Faulty {
    fn run(&mut self, command: &Command) -> Result<Finished, CommandError> {
        let name = || format!("run {} {}", command.program, command.args.join(" "));
        match self.meets(Calls::Effects, name) {
            None => self.inner.run(command),
            Some(_) if self.fault == Fault::Killed => {
                Ok(Finished { ended: Ended::Signal(9), tail: String::new() })
            }
            Some(source) => Err(CommandError::Start { program: command.program.clone(), source }),
        }
    }

    fn has(&self, program: &str) -> bool {
        self.inner.has(program)
    }
}

impl Mounts for Faulty {
    fn mounts(&self) -> Result<Vec<Mount>, MountError> {
        self.table("the mount table")?;
        self.inner.mounts()
    }

    fn mount(&mut self, spec: &MountSpec, links: Links<'_>) -> Result<(), MountError> {
        match self.meets(Calls::Effects, || format!("mount {}", spec.target)) {
            None => self.inner.mount(spec, links),
            Some(source) => Err(MountError::Mount {
                source_name: spec.source.clone(),
                target: spec.target.clone(),
                fstype: spec.fstype.clone(),
                source,
            }),
        }
    }

    fn exchange_owners(
        &mut self,
        mount_point: &GuestPath,
        one: Owner,
        other: Owner,
    ) -> Result<(), MountError> {
        self.exchange(mount_point)?;
        self.inner.exchange_owners(mount_point, one, other)
    }

    fn backing(&self, mount_point: &GuestPath) -> Result<Option<Backing>, MountError> {
        self.table("the device below")?;
        self.inner.backing(mount_point)
    }

    fn grow(&mut self, mount_point: &GuestPath, backing: &Backing) -> Result<Change, MountError> {
        match self.meets(Calls::Effects, || format!("grow {}", backing.device)) {
            None => self.inner.grow(mount_point, backing),
            Some(source) => {
                Err(MountError::Grow { device: backing.device.clone(), reason: source.to_string() })
            }
        }
    }
}

impl Faulty {
    fn exchange(&self, mount_point: &GuestPath) -> Result<(), MountError> {
        let fault = self.meets(Calls::Effects, || format!("exchange_owners {mount_point}"));
        let what = mount_point.to_string();
        fault.map_or(Ok(()), |source| Err(MountError::Read { what, source }))
    }
}

impl Clock for Faulty {
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

    fn pause(&self, time: Duration) {
        self.inner.pause(time);
    }

    fn set_now(&mut self, now: Duration) -> io::Result<()> {
        self.meets(Calls::Effects, || "set_now".to_owned()).map_or(Ok(()), Err)?;
        self.inner.set_now(now)
    }

    fn random(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.meets(Calls::Effects, || "random".to_owned()).map_or(Ok(()), Err)?;
        self.inner.random(bytes)
    }
}

impl Disks for Faulty {
    fn disks(&self) -> Result<Vec<String>, DiskError> {
        self.disk(Calls::Looks, "the disks")?;
        self.inner.disks()
    }

    fn examine(&self, disk: &str) -> Result<Disk, DiskError> {
        self.disk(Calls::Looks, disk)?;
        self.inner.examine(disk)
    }

    fn is_begun(&self, fresh: &Fresh) -> Result<bool, DiskError> {
        self.disk(Calls::Looks, &fresh.disk)?;
        self.inner.is_begun(fresh)
    }

    fn format(&mut self, fresh: &Fresh) -> Result<Lock, DiskError> {
        self.disk(Calls::Effects, &format!("format {}", fresh.disk))?;
        self.inner.format(fresh)
    }

    fn enlarge_swap(&mut self, disk: &str, part: &Part) -> Result<Change, DiskError> {
        self.disk(Calls::Effects, &format!("enlarge_swap {disk}"))?;
        self.inner.enlarge_swap(disk, part)
    }

    fn swap_on(&mut self, device: &str) -> Result<Change, DiskError> {
        self.disk(Calls::Effects, &format!("swap_on {device}"))?;
        self.inner.swap_on(device)
    }
}

impl Network for Faulty {
    fn rename_interface(&mut self, from: &str, to: &str) -> Result<Change, NetworkError> {
        match self.meets(Calls::Effects, || format!("rename_interface {from}")) {
            None => self.inner.rename_interface(from, to),
            Some(source) => {
                Err(NetworkError::Rename { from: from.to_owned(), to: to.to_owned(), source })
            }
        }
    }

    fn redirect(&mut self, name: &str, redirects: &[Redirect]) -> Result<Change, NetworkError> {
        match self.meets(Calls::Effects, || format!("redirect {name}")) {
            None => self.inner.redirect(name, redirects),
            Some(source) => Err(NetworkError::Table { name: name.to_owned(), source }),
        }
    }
}
