//! Bytes from the kernel's generator. Early in a boot it may have too little to start from; then it
//! is waited for, but not for ever: getrandom(2), random(4).

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn fill(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += match getrandom(rest, GetRandomFlags::NONBLOCK) {
            Err(Errno::AGAIN) => {
                wait()?;
                0
            }
            Err(Errno::INTR) => 0,
            other => other?,
        };
    }
    Ok(())
}

/// `/dev/random` can be read as soon as the generator has started.
fn wait() -> io::Result<()> {
    let device = fs::open("/dev/random", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let limit = Timespec { tv_sec: LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut [PollFd::new(&device, PollFlags::IN)], Some(&limit))? {
        0 => Err(io::Error::from(io::ErrorKind::TimedOut)),
        _ => Ok(()),
    }
}
