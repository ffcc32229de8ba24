//! Opening a listener whose transport is not there yet: a driver may be loaded
//! after this program has begun.

use super::{Address, Endpoint, ListenError};
use rustix::io::Errno;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// What a kernel says whose driver for the transport is not loaded.
const NOT_YET: [Errno; 4] =
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL, Errno::NODEV, Errno::PROTONOSUPPORT];

impl ListenError {
    /// Whether it may go away by itself.
    pub fn is_not_yet(&self) -> bool {
        let errno = Errno::from_io_error(&self.source);
        errno.is_some_and(|errno| NOT_YET.contains(&errno))
    }
}

/// Opens the listener as soon as its transport is there, with pauses that grow
/// to half a minute.
///
/// # Errors
/// One that waiting does not mend.
pub async fn open(address: &Address) -> Result<Endpoint, ListenError> {
    let mut pause = FIRST;
    loop {
        match Endpoint::open(address) {
            Err(error) if error.is_not_yet() => {
                tracing::debug!(%address, error = %error.source, "transport not there yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn error(source: io::Error) -> ListenError {
        ListenError { address: Address::Virtio { name: "x".into() }, source }
    }

    #[test]
    fn absent_transport_is_waited_for_and_a_taken_port_is_not() {
        assert!(error(Errno::AFNOSUPPORT.into()).is_not_yet());
        assert!(!error(Errno::ADDRINUSE.into()).is_not_yet());
        assert!(!error(io::Error::new(io::ErrorKind::AddrInUse, "taken")).is_not_yet());
    }
}
