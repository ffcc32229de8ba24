//! Why a tunnel was not opened, for people and for the host.

use super::text;
use crate::grpc::{Code, Status};
use std::io;

/// Why a tunnel was not opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// None of the three.
    #[error("dial {0}: only tcp, udp and unix are allowed in a tunnel")]
    Protocol(String),
    /// Not an address and a port.
    #[error("dial: {0:?} is not an IP address with a port")]
    Address(String),
    /// Not a path.
    #[error("dial: {0:?} is not an absolute path without ..")]
    Path(String),
    /// A rule, or no owner to dial for.
    #[error("dial {target}: {reason}")]
    Denied {
        /// Where to.
        target: String,
        /// The rule.
        reason: String,
    },
    /// The account files, or the switch to another user.
    #[error("dial: taking the owner's rights: {source}")]
    Rights {
        /// What the kernel says.
        source: io::Error,
    },
    /// Nobody answered there.
    #[error("dial {target}: connect: {}", text(source))]
    Connect {
        /// Where to.
        target: String,
        /// What the kernel says.
        source: io::Error,
    },
}

impl DialError {
    /// Whether the agent would not, where another might have.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Protocol(_) | Self::Denied { .. } | Self::Path(_) => true,
            // The owner may not, and root might have.
            Self::Connect { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            Self::Address(_) | Self::Rights { .. } => false,
        }
    }
}

impl From<&DialError> for Status {
    fn from(error: &DialError) -> Self {
        let code = match error {
            DialError::Protocol(_) | DialError::Denied { .. } => Code::PermissionDenied,
            DialError::Address(_) | DialError::Path(_) => Code::InvalidArgument,
            DialError::Rights { .. } => Code::Internal,
            // Lima's own agent gives no better code, and hosts know this one.
            DialError::Connect { .. } => Code::Unknown,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_owner_may_not_open_is_a_refusal_and_a_closed_port_is_none() {
        use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
        for (kind, refusal) in
            [(PermissionDenied, true), (NotFound, false), (ConnectionRefused, false)]
        {
            let error = DialError::Connect { target: "unix /x".into(), source: kind.into() };
            assert_eq!(error.is_refusal(), refusal, "{error}");
        }
    }
}
