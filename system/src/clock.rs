//! [`Clock`]: time, which boot this is, and chance: what no two moments have in common.

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

    /// Sets the time of the whole machine.
    fn set_now(&mut self, now: Duration) -> std::io::Result<()>;

    /// Bytes that nobody can guess. Waits at most half a minute for a kernel that has just started
    /// and cannot give any yet.
    fn random(&mut self, bytes: &mut [u8]) -> std::io::Result<()>;
}
