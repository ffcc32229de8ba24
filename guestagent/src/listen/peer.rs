//! Who is at the other end of a connection.

/// The other end, as far as the kernel tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user on whose behalf ports are dialled: who connected, when that
    /// was not root. Root connects for others (sshd does), and so does a host.
    pub owner: Option<u32>,
    /// For logs: `uid 501`, `vsock host`, `virtio port NAME`.
    pub name: String,
}

impl Peer {
    /// A process of this machine.
    pub fn user(uid: u32) -> Self {
        Self { owner: (uid != 0).then_some(uid), name: format!("uid {uid}") }
    }

    /// Whoever holds the other end of a device.
    pub fn named(name: impl Into<String>) -> Self {
        Self { owner: None, name: name.into() }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}
