//! [`Scratch`]: a folder that stands for a machine.
//!
//! Files are real files below the folder. Everything that would need root or a kernel is written
//! down: owners, mounts, commands. What is written down is kept in [`Scratch::STATE`] in the
//! folder, so that a second run finds the machine as the first one left it.

mod disks;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::tree::Tree;
use crate::{
    Attrs, Backing, Change, Clock, Command, CommandError, Commands, Ended, FileError, Files,
    Finished, GuestPath, Links, Lock, Mount, MountError, MountSpec, Mounts, Network, NetworkError,
    Owner, PathError, ReadAt, Redirect, Stat, WriteError,
};

/// A machine in a folder.
#[derive(Debug)]
pub struct Scratch {
    tree: Tree,
    state: State,
    commands: Vec<Command>,
}

/// What a folder cannot hold by itself.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct State {
    /// How often the machine was started again.
    boots: u32,
    /// Owners that are not root, by path.
    owners: BTreeMap<GuestPath, Owner>,
    mounts: Vec<Mount>,
    backings: BTreeMap<GuestPath, Backing>,
    /// How commands end, by a piece of their command line; others exit with 0.
    answers: BTreeMap<String, Answer>,
    /// The time, in seconds after 1970, if it is not [`Scratch::NOW`].
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<u64>,
    /// Programs that are not there; all others are.
    absent: BTreeSet<String>,
    /// Tables of redirects.
    redirects: BTreeMap<String, Vec<Redirect>>,
    /// Sources that cannot be mounted, and why.
    refused_mounts: BTreeMap<String, Refusal>,
    /// Owners of what is mounted, by source: a folder has no share with files of its own.
    share_owners: BTreeMap<String, Owner>,
    /// Whether the kernel maps owners.
    maps_owners: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Refusal {
    /// There is no such device.
    Refuse,
    /// It does not answer.
    Hang,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Exit(i32),
    Hang,
    NoInterpreter,
    /// Exit code and last words.
    Fail(i32, String),
}

impl Scratch {
    /// Where the folder keeps what files cannot say.
    pub const STATE: &str = "/.nixvm-scratch.json";

    /// A fixed time, so that two runs write the same: 2026-01-01 00:00:00 UTC.
    const NOW: Duration = Duration::from_hours(490_896);

    /// Opens the folder; its state file may be missing.
    pub fn open(folder: &str) -> io::Result<Self> {
        let mut tree = Tree::open(folder, Some(BTreeMap::new()))?;
        let bytes = tree.read(&Self::state_path()?, 1 << 24).map_err(io::Error::other)?;
        let mut state: State = match bytes {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            None => State::default(),
        };
        tree.owners = Some(std::mem::take(&mut state.owners));
        Ok(Self { tree, state, commands: Vec::new() })
    }

    /// What was run so far, in order.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Owners that are not root, by path.
    pub fn owners(&self) -> BTreeMap<GuestPath, Owner> {
        self.tree.owners.clone().unwrap_or_default()
    }

    /// Redirects by the name of their table.
    pub fn redirects(&self) -> &BTreeMap<String, Vec<Redirect>> {
        &self.state.redirects
    }

    /// A new boot: mounts and redirects are gone. The caller empties `/run`.
    pub fn reboot(&mut self) -> io::Result<()> {
        self.state.boots += 1;
        self.state.mounts.clear();
        self.state.redirects.clear();
        self.save()
    }

    /// Keeps the state in the folder. Called after every change of it.
    fn save(&mut self) -> io::Result<()> {
        self.state.owners = self.owners();
        let text = serde_json::to_vec_pretty(&self.state).map_err(io::Error::other)?;
        self.state.owners.clear();
        let path = Self::state_path()?;
        self.tree
            .write(&path, &text, Attrs::root(0o644), Links::Follow)
            .map_err(io::Error::other)?;
        Ok(())
    }

    fn state_path() -> io::Result<GuestPath> {
        GuestPath::new(Self::STATE).map_err(io::Error::other)
    }

    /// How this command is to end.
    fn answer(&self, program: &str, args: &[&str]) -> Option<&Answer> {
        let line = format!("{program} {}", args.join(" "));
        self.state.answers.iter().find(|(piece, _)| line.contains(*piece)).map(|(_, a)| a)
    }

    fn kept(
        &mut self,
        path: &GuestPath,
        done: Result<Change, WriteError>,
    ) -> Result<Change, WriteError> {
        if matches!(done, Ok(Change::Changed)) {
            self.save().map_err(|source| WriteError::Write { path: path.clone(), source })?;
        }
        done
    }
}

impl Files for Scratch {
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
        let done = self.tree.write(path, contents, attrs, links);
        self.kept(path, done)
    }

    fn make_dir(
        &mut self,
        path: &GuestPath,
        attrs: Attrs,
        links: Links<'_>,
    ) -> Result<Change, WriteError> {
        let done = self.tree.make_dir(path, attrs, links);
        self.kept(path, done)
    }

    fn link(&mut self, path: &GuestPath, target: &str) -> Result<Change, WriteError> {
        self.tree.link(path, target)
    }

    fn remove(&mut self, path: &GuestPath) -> Result<Change, WriteError> {
        self.tree.remove(path)
    }

    fn tell(&mut self, path: &GuestPath, value: &str) -> Result<Change, WriteError> {
        // The folder has no kernel that would keep the file, so it is an ordinary one.
        self.tree.write(path, format!("{value}\n").as_bytes(), Attrs::root(0o644), Links::Follow)
    }

    fn set_mode(&mut self, path: &GuestPath, mode: u32) -> Result<Change, WriteError> {
        self.tree.set_mode(path, mode)
    }
}

impl Commands for Scratch {
    fn run(&mut self, command: &Command) -> Result<Finished, CommandError> {
        self.commands.push(command.clone());
        let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
        let mut tail = String::new();
        let ended = match self.answer(&command.program, &args) {
            Some(Answer::NoInterpreter) => {
                let program = command.program.clone();
                return Err(CommandError::NoInterpreter {
                    program,
                    interpreter: "/bin/nope".into(),
                });
            }
            Some(Answer::Hang) => Ended::TimedOut,
            Some(Answer::Exit(code)) => Ended::Exit(*code),
            Some(Answer::Fail(code, words)) => {
                tail.clone_from(words);
                Ended::Exit(*code)
            }
            None => Ended::Exit(0),
        };
        Ok(Finished { ended, tail })
    }

    fn has(&self, program: &str) -> bool {
        !self.state.absent.contains(program)
    }
}

impl Mounts for Scratch {
    fn mounts(&self) -> Result<Vec<Mount>, MountError> {
        Ok(self.state.mounts.clone())
    }

    fn mount(&mut self, spec: &MountSpec, links: Links<'_>) -> Result<(), MountError> {
        let failed = |source: io::Error| MountError::of(spec, source);
        let folder = self.tree.mount_point(&spec.target, links).map_err(failed)?;
        match self.state.refused_mounts.get(&spec.source) {
            Some(Refusal::Refuse) => return Err(failed(io::ErrorKind::NotFound.into())),
            Some(Refusal::Hang) => return Err(MountError::hung(spec, Duration::from_secs(10))),
            None => {}
        }
        // As the kernel does: the table has the place, not the way to it.
        let target = self.tree.path_of(&folder).map_err(failed)?;
        let (source, fstype) = (spec.source.clone(), spec.fstype.clone());
        if let (Some(owner), Some(owners)) =
            (self.state.share_owners.get(&source), &mut self.tree.owners)
        {
            owners.insert(target.clone(), *owner);
        }
        self.state.mounts.push(Mount { source, target, fstype });
        self.save().map_err(failed)
    }

    fn exchange_owners(
        &mut self,
        mount_point: &GuestPath,
        _one: Owner,
        other: Owner,
    ) -> Result<(), MountError> {
        let failed = |source| MountError::Owners { target: mount_point.clone(), source };
        if !self.state.maps_owners {
            return Err(failed(io::Error::from_raw_os_error(libc::EINVAL)));
        }
        self.tree.owners.get_or_insert_default().insert(mount_point.clone(), other);
        self.save().map_err(failed)
    }

    fn backing(&self, mount_point: &GuestPath) -> Result<Option<Backing>, MountError> {
        Ok(self.state.backings.get(mount_point).cloned())
    }

    fn grow(&mut self, mount_point: &GuestPath, backing: &Backing) -> Result<Change, MountError> {
        let mut grown = backing.clone();
        grown.filesystem_room = 0;
        if let Some(partition) = &mut grown.partition {
            partition.bytes += std::mem::take(&mut partition.room);
        }
        self.state.backings.insert(mount_point.clone(), grown);
        self.save().map_err(|error| MountError::Grow {
            device: backing.device.clone(),
            reason: error.to_string(),
        })?;
        Ok(Change::Changed)
    }
}

impl Clock for Scratch {
    fn now(&self) -> Duration {
        self.state.now.map_or(Self::NOW, Duration::from_secs)
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("scratch-boot-{}", self.state.boots))
    }

    fn cpu(&self) -> (Duration, Duration) {
        (Duration::ZERO, Duration::ZERO)
    }

    fn pause(&self, _time: Duration) {}

    fn set_now(&mut self, now: Duration) -> io::Result<()> {
        self.state.now = Some(now.as_secs());
        self.save()
    }

    fn random(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        // The same in each run, so that two runs write the same.
        for (byte, value) in bytes.iter_mut().zip((1..=251).cycle()) {
            *byte = value;
        }
        Ok(())
    }
}

impl Network for Scratch {
    /// The folder of the interface in `/sys/class/net` moves: that is where names are read.
    fn rename_interface(&mut self, from: &str, to: &str) -> Result<Change, NetworkError> {
        let failed = |source: io::Error| NetworkError::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
            source,
        };
        let path = |name: &str| {
            GuestPath::new(&format!("/sys/class/net/{name}"))
                .and_then(
                    |path| if path.name() == name { Ok(path) } else { Err(PathError::Parent) },
                )
                .map_err(io::Error::other)
        };
        let (old, new) = (path(from).map_err(failed)?, path(to).map_err(failed)?);
        self.tree.rename(&old, &new).map_err(failed)?;
        Ok(Change::Changed)
    }

    fn redirect(&mut self, name: &str, redirects: &[Redirect]) -> Result<Change, NetworkError> {
        let old = self.state.redirects.remove(name).unwrap_or_default();
        if !redirects.is_empty() {
            self.state.redirects.insert(name.to_owned(), redirects.to_vec());
        }
        let failed = |source| NetworkError::Table { name: name.to_owned(), source };
        self.save().map_err(failed)?;
        Ok(if old == redirects && old.is_empty() { Change::Unchanged } else { Change::Changed })
    }
}
