//! What is done with an additional disk.

use nixvm_system::{Fresh, GuestPath};
use serde::Serialize;

/// An additional disk.
#[derive(Clone, Debug, Serialize)]
pub struct DataDisk {
    /// Its name.
    pub name: String,
    /// What is done.
    pub task: Task,
}

/// What is done with it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// It carries a file system: mount it.
    Mount {
        /// Name of the whole disk.
        disk: String,
        /// Partition, or the whole disk.
        device: String,
        /// Type that it has.
        fstype: String,
    },
    /// It carries swap space: use it.
    Swap {
        /// Name of the whole disk.
        disk: String,
        /// Partition, or the whole disk.
        device: String,
    },
    /// It is blank: format it, then use it.
    Format {
        /// How.
        fresh: Fresh,
    },
    /// It is left alone.
    Refuse {
        /// Stable name of the cause.
        code: &'static str,
        /// Why.
        reason: String,
        /// What to do.
        hint: String,
    },
}

impl DataDisk {
    /// Where it is mounted.
    pub fn mount_point(name: &str) -> GuestPath {
        // Names are plain, so this is a path.
        GuestPath::new(&format!("/mnt/lima-{name}")).unwrap_or_else(|_| GuestPath::root())
    }

    /// What the step does, for people.
    pub fn title(&self) -> String {
        let point = Self::mount_point(&self.name);
        match &self.task {
            Task::Mount { device, fstype, .. } => format!("mount {device} ({fstype}) on {point}"),
            Task::Swap { device, .. } => format!("swap to {device}"),
            Task::Format { fresh } if fresh.fstype == "swap" => {
                format!("make {} swap space and use it", fresh.disk)
            }
            Task::Format { fresh } => {
                format!("format {} as {} and mount it on {point}", fresh.disk, fresh.fstype)
            }
            Task::Refuse { .. } => format!("use the disk {}", self.name),
        }
    }
}
