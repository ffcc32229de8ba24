//! Sockets as the kernel lists them, and which of them make a port. Pure.
//!
//! TCP is simple: a socket in LISTEN. A UDP socket serves while it is not
//! connected, but a server may connect to the first peer that writes to it
//! (`nc -u -l` does), and keeps its port all the same. So a UDP socket that was
//! once seen unconnected is followed by its cookie until it is gone, under the
//! address it had then: connecting also moves `0.0.0.0` to an address.

use super::{Port, Protocol};

/// Which sockets to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// TCP in LISTEN, or UDP.
    pub protocol: Protocol,
    /// Only those with this port number.
    pub number: Option<u16>,
    /// Connected UDP sockets too.
    pub connected: bool,
    /// Sockets of which families.
    pub families: Families,
    /// What about UDP sockets whose number the kernel chose.
    pub autobound: Autobound,
}

/// IPv4 alone, or with IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// `AF_INET`.
    V4,
    /// `AF_INET` and `AF_INET6`.
    Both,
}

/// What to do with sockets whose port number the kernel chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autobound {
    /// List them as all others.
    Listed,
    /// Leave them out.
    Skipped,
}

/// A socket that has a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    /// Where it listens.
    pub port: Port,
    /// What tells it from every other, as long as the machine is up.
    pub cookie: u64,
    /// The inode of `/proc/PID/fd/N -> socket:[inode]`.
    pub inode: u32,
    /// Whether it is a UDP socket with a peer.
    pub connected: bool,
    /// Whether it is of `AF_INET6`; its address may be an IPv4 one.
    pub v6: bool,
}

impl Query {
    /// All sockets of a protocol that listen.
    pub const fn all(protocol: Protocol) -> Self {
        let (families, autobound) = (Families::Both, Autobound::Listed);
        Self { protocol, number: None, connected: false, families, autobound }
    }
}

/// The UDP sockets that serve, followed over time.
#[derive(Debug, Default)]
pub struct Followed {
    /// In the order of their cookies.
    sockets: Vec<Socket>,
}

impl Followed {
    /// All of them, each under the address that it had at first.
    pub fn sockets(&self) -> &[Socket] {
        &self.sockets
    }

    /// Whether a socket is followed.
    pub fn has(&self, cookie: u64) -> bool {
        self.place(cookie).is_ok()
    }

    /// Whether connected sockets must be listed too, to see all that are
    /// followed.
    pub fn any_connected(&self) -> bool {
        self.sockets.iter().any(|socket| socket.connected)
    }

    /// Whether some are not in a list: they are gone, or connected by now.
    pub fn misses(&self, listed: &[Socket]) -> bool {
        let mut cookies: Vec<u64> = listed.iter().map(|socket| socket.cookie).collect();
        cookies.sort_unstable();
        self.sockets.iter().any(|socket| cookies.binary_search(&socket.cookie).is_err())
    }

    /// Takes a list as the truth: new ones that are not connected are followed
    /// from now on, and those that are not in it no longer. `listed` is left
    /// with what was followed before.
    pub fn update(&mut self, listed: &mut Vec<Socket>) {
        listed.retain(|socket| !socket.connected || self.has(socket.cookie));
        for socket in listed.iter_mut() {
            if let Some(known) = self.place(socket.cookie).ok().and_then(|at| self.sockets.get(at))
            {
                socket.port = if socket.connected { known.port } else { socket.port };
            }
        }
        listed.sort_unstable_by_key(|socket| socket.cookie);
        std::mem::swap(&mut self.sockets, listed);
    }

    fn place(&self, cookie: u64) -> Result<usize, usize> {
        self.sockets.binary_search_by_key(&cookie, |socket| socket.cookie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(cookie: u64, host: u8, connected: bool) -> Socket {
        let port = Port::new(Protocol::Udp, [host, 0, 0, host].into(), 53);
        Socket { port, cookie, inode: 0, connected, v6: false }
    }

    fn updated(followed: &mut Followed, listed: &[Socket]) -> Vec<Socket> {
        followed.update(&mut listed.to_vec());
        followed.sockets().to_vec()
    }

    #[test]
    fn a_server_that_connects_keeps_its_port_until_it_is_gone() {
        let mut followed = Followed::default();
        updated(&mut followed, &[socket(7, 0, false)]);
        assert!(followed.misses(&[]) && !followed.any_connected());
        let connected = Socket { connected: true, ..socket(7, 0, false) };
        assert_eq!(updated(&mut followed, &[socket(7, 127, true)]), [connected]);
        assert!(followed.any_connected() && !followed.misses(&[connected]));
        assert_eq!(updated(&mut followed, &[]), []);
    }

    #[test]
    fn a_client_that_was_never_unconnected_is_not_followed() {
        let mut followed = Followed::default();
        let listed = [socket(8, 127, true), socket(7, 127, false)];
        assert_eq!(updated(&mut followed, &listed), [socket(7, 127, false)]);
        assert!(followed.has(7) && !followed.has(8));
    }
}
