//! Whether udev has handled all that the kernel told of, as `udevadm settle` finds out, without a
//! process for it: where the processor is emulated one costs more than all else of this.
//!
//! Events wait in the socket of udevd's that listens to the kernel (netlink(7); systemd opens it
//! before udevd runs), then in udevd's queue, which is not empty while `/run/udev/queue` is there.

use std::time::Duration;

use nixvm_system::{GuestPath, System};

/// Sockets of netlink: kernel address, family, port, groups in hex, bytes that wait, and more.
const SOCKETS: &str = "/proc/net/netlink";
/// Largest list of sockets that is read, in bytes.
const LIMIT: u64 = 1 << 20;
/// The family of events of devices (`NETLINK_KOBJECT_UEVENT`), and the kernel's group in it.
const FAMILY: &str = "15";
const KERNEL: u32 = 1;

/// How often udev is looked at, at most: with the longest round, devices are waited for 30 s.
const ROUNDS: u32 = 300;
/// A change between looking and watching is seen at the latest after this time.
const ROUND: Duration = Duration::from_millis(100);
/// How long udev must have nothing to do: an event that it has just taken is not in its queue yet.
const QUIET: Duration = Duration::from_millis(20);

/// Waits until udev has handled what was there at start: before that, neither the medium nor the
/// names of interfaces can be relied on. A machine without udev has nothing to wait for. When the
/// time is up it is no fault of ours: what is there then is used.
pub fn settle(system: &dyn System) {
    let Ok(folder) = GuestPath::new("/run/udev") else { return };
    let is_here = matches!(system.stat(&folder), Ok(Some(_)));
    let mut was_idle = !is_here;
    for _ in 0..ROUNDS {
        let is_idle = is_idle(system);
        if is_idle && was_idle {
            return;
        }
        was_idle = is_idle;
        let round = if is_idle { QUIET } else { ROUND };
        if system.wait_for_change(&folder, round).is_err() {
            return;
        }
    }
}

/// Whether nothing is waiting now. Of what cannot be read nothing is known, so it does not wait.
fn is_idle(system: &dyn System) -> bool {
    let Ok(queue) = GuestPath::new("/run/udev/queue") else { return true };
    // The sockets first: an event goes from there into the queue.
    let sockets = GuestPath::new(SOCKETS).ok().and_then(|path| system.read(&path, LIMIT).ok()?);
    let sockets = sockets.unwrap_or_default();
    !waits(&String::from_utf8_lossy(&sockets)) && !matches!(system.stat(&queue), Ok(Some(_)))
}

/// Whether an event waits in a socket that listens to the kernel.
fn waits(sockets: &str) -> bool {
    let waits = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let family = words.next()?;
        let groups = u32::from_str_radix(words.nth(1)?, 16).ok()?;
        Some(family == FAMILY && groups & KERNEL != 0 && words.next()? != "0")
    };
    sockets.lines().any(|line| waits(line).unwrap_or(false))
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "the test is the other program that changes the folder"
)]
mod tests {
    use super::*;

    const HEAD: &str = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n";

    #[test]
    fn only_events_of_the_kernel_that_nobody_has_read_wait() {
        for (line, expected) in [
            (
                "00000000a3b1c2d3 15  212        00000001 0        0        0     2        0        9",
                false,
            ),
            (
                "00000000a3b1c2d3 15  212        00000001 2304     0        0     2        0        9",
                true,
            ),
            // udev's own group, to which systemd listens.
            (
                "00000000a3b1c2d3 15  1          00000002 768      0        0     2        0        9",
                false,
            ),
            // Routes.
            (
                "00000000a3b1c2d3 0   400        00000001 768      0        0     2        0        9",
                false,
            ),
            ("cut", false),
        ] {
            assert_eq!(waits(&format!("{HEAD}{line}\n")), expected, "{line}");
        }
    }

    #[test]
    fn settling_ends_when_the_queue_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let queue = place.path().join("run/udev/queue");
        std::fs::create_dir_all(queue.parent().unwrap()).unwrap();
        std::fs::write(&queue, "").unwrap();
        let system = nixvm_system::Scratch::open(place.path().to_str().unwrap()).unwrap();
        assert!(!is_idle(&system));
        std::thread::scope(|scope| {
            scope.spawn(|| std::fs::remove_file(&queue).unwrap());
            settle(&system);
        });
        assert!(!queue.exists() && is_idle(&system));
    }
}
