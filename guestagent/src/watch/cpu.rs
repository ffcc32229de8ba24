//! Which CPUs are online, and news of those that come and go.
//!
//! A tracepoint is followed on each CPU by itself, so one that is plugged in
//! later needs a ring of its own, and one that comes back a new one. The kernel
//! tells of both by a uevent (`online@/devices/system/cpu/cpu3`), a netlink
//! message that everybody may read. A filter keeps all other uevents away.

use super::filter;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType};
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The kernel's own uevents; group 2 would be udev's.
const GROUP: u32 = 1;
const ONLINE: u32 = u32::from_be_bytes(*b"onli");
const OFFLINE: u32 = u32::from_be_bytes(*b"offl");

/// A CPU that has come or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It runs now.
    Online(i32),
    /// It no longer does.
    Offline(i32),
    /// News were lost, or are of another device.
    Other,
}

/// The numbers of all CPUs that are online.
///
/// # Errors
/// No sysfs.
pub fn online() -> io::Result<Vec<i32>> {
    Ok(numbers(&std::fs::read_to_string("/sys/devices/system/cpu/online")?).collect())
}

/// A socket that hears of CPUs.
#[derive(Debug)]
pub struct Changes(AsyncFd<OwnedFd>);

impl Changes {
    /// Opens the socket.
    ///
    /// # Errors
    /// Not permitted.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::NETLINK;
        let protocol = Some(netlink::KOBJECT_UEVENT);
        let socket = net::socket_with(family, SocketType::RAW, flags, protocol)?;
        filter::attach(&socket, &program())?;
        net::bind(&socket, &SocketAddrNetlink::new(0, GROUP))?;
        // SAFETY: an `OwnedFd` keeps the one descriptor it names until it is dropped.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        Ok(Self(socket))
    }

    /// The next news.
    ///
    /// # Errors
    /// The event loop is gone.
    pub async fn next(&self) -> io::Result<News> {
        loop {
            let mut ready = self.0.readable().await?;
            let Ok(news) = ready.try_io(|socket| receive(socket.get_ref())) else { continue };
            return Ok(news.unwrap_or_else(|error| {
                tracing::debug!(%error, "news of CPUs lost");
                News::Other
            }));
        }
    }
}

fn receive(socket: &OwnedFd) -> io::Result<News> {
    let mut message = [0; 256];
    let (length, _) = net::recv(socket, message.as_mut_slice(), RecvFlags::empty())?;
    Ok(news(message.get(..length).unwrap_or_default()))
}

const fn program() -> [libc::sock_filter; 5] {
    [
        filter::load_word(0),
        filter::if_equal(ONLINE, 1, 0),
        filter::if_equal(OFFLINE, 0, 1),
        filter::keep(),
        filter::drop(),
    ]
}

/// The first text of a message: what happened, `@`, and the device.
fn news(message: &[u8]) -> News {
    let text = message.split(|byte| *byte == 0).next().unwrap_or_default();
    let read = || {
        let (action, device) = std::str::from_utf8(text).ok()?.split_once('@')?;
        let cpu = device.strip_prefix("/devices/system/cpu/cpu")?.parse().ok()?;
        match action {
            "online" => Some(News::Online(cpu)),
            "offline" => Some(News::Offline(cpu)),
            _ => None,
        }
    };
    read().unwrap_or(News::Other)
}

/// The numbers in a list such as `0-3,6`.
fn numbers(online: &str) -> impl Iterator<Item = i32> {
    online.trim().split(',').flat_map(|range| {
        let (start, end) = range.split_once('-').unwrap_or((range, range));
        let bounds = start.parse::<i32>().ok().zip(end.parse().ok());
        bounds.map(|(start, end)| start..=end).into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_read() {
        for (text, expected) in [
            ("0\n", vec![0]),
            ("0-3\n", vec![0, 1, 2, 3]),
            ("0-1,4,6-7\n", vec![0, 1, 4, 6, 7]),
            ("\n", vec![]),
        ] {
            assert_eq!(numbers(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn uevents_are_read() {
        for (text, expected) in [
            ("online@/devices/system/cpu/cpu3\0ACTION=online\0", News::Online(3)),
            ("offline@/devices/system/cpu/cpu12", News::Offline(12)),
            ("online@/devices/system/memory/memory3\0", News::Other),
            ("online@/devices/system/cpu/cpufreq\0", News::Other),
            ("", News::Other),
        ] {
            assert_eq!(news(text.as_bytes()), expected, "{text}");
        }
    }

    /// The kernel repeats a uevent for whoever writes to this file.
    #[tokio::test]
    async fn a_cpu_that_comes_online_is_heard_of() {
        let changes = Changes::open().expect("uevents");
        let file = "/sys/devices/system/cpu/cpu0/uevent";
        if let Err(error) = std::fs::write(file, "online") {
            println!("SKIP a_cpu_that_comes_online_is_heard_of: {file}: {error}");
            return;
        }
        assert_eq!(changes.next().await.expect("news"), News::Online(0));
    }
}
