//! Renaming network interfaces by rtnetlink(7), without `ip`.

use std::io;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::netlink::{ACK, Batch, text};
use crate::{Change, NetworkError};

const SET_LINK: u16 = 19;
const IFLA_IFNAME: u16 = 3;
const IFF_UP: u32 = 1;

pub(super) fn rename(from: &str, to: &str) -> Result<Change, NetworkError> {
    let failed = |source: io::Error| NetworkError::Rename {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    };
    let index = index(from).map_err(failed)?;
    let name = text(IFLA_IFNAME, to);
    match set(index, 0, 0, &name) {
        // Linux before 6.2 does not rename an interface that is up.
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
            set(index, 0, IFF_UP, &[]).map_err(failed)?;
            let renamed = set(index, 0, 0, &name);
            let up = set(index, IFF_UP, IFF_UP, &[]);
            renamed.and(up).map_err(failed)?;
        }
        done => done.map_err(failed)?,
    }
    Ok(Change::Changed)
}

fn index(name: &str) -> io::Result<i32> {
    let kind = SocketType::DGRAM;
    let socket = socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
    let index = name_to_index(&socket, name)?;
    i32::try_from(index).map_err(io::Error::other)
}

/// Changes the flags of `mask` to `flags`, and what the attributes say.
fn set(index: i32, flags: u32, mask: u32, attributes: &[u8]) -> io::Result<()> {
    // ifinfomsg: family, padding, type, index, flags, mask.
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(flags.to_ne_bytes());
    body.extend(mask.to_ne_bytes());
    body.extend(attributes);
    let mut batch = Batch::default();
    batch.add(SET_LINK, ACK, &body);
    batch.send(None)
}
