//! [`Clock`]: time, and which boot this is.

use std::time::Duration;

/// Time as the agent sees it.
pub trait Clock {
    /// Seconds since 1970-01-01 UTC, with fraction.
    fn now(&self) -> Duration;

    /// Time since the kernel started.
    fn uptime(&self) -> Duration;

    /// `/proc/sys/kernel/random/boot_id`: differs between any two boots. `None` if unknown.
    fn boot_id(&self) -> Option<String>;

    /// CPU time of this process, and of the children it has waited for.
    fn cpu(&self) -> (Duration, Duration);

    /// Waits.
    fn pause(&self, time: Duration);
}
