//! What `bpf(2)` is given: the first fields of `union bpf_attr` (`linux/bpf.h`),
//! and the numbers of what we use.

use std::os::fd::RawFd;

/// What a program may be run by, and what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tracepoint; its arguments.
    RawTracepoint,
    /// A socket of a control group that has got its port.
    Bound(Family),
    /// A socket of a control group that asks for a port.
    Asks(Family),
}

/// `AF_INET` or `AF_INET6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Kind {
    /// The type of such a program, and of what it is attached to.
    pub const fn numbers(self) -> (u32, u32) {
        match self {
            Self::RawTracepoint => (17, 0),
            Self::Bound(Family::V4) => (9, 12),
            Self::Bound(Family::V6) => (9, 13),
            Self::Asks(Family::V4) => (18, 8),
            Self::Asks(Family::V6) => (18, 9),
        }
    }
}

/// To make a map.
#[repr(C)]
#[derive(Default)]
pub struct MapAttributes {
    pub kind: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub entries: u32,
    pub flags: u32,
    pub inner: u32,
    pub node: u32,
    pub name: [u8; 16],
}

/// To load a program.
#[repr(C)]
#[derive(Default)]
pub struct ProgramAttributes {
    pub kind: u32,
    pub count: u32,
    pub instructions: u64,
    pub licence: u64,
    pub log_level: u32,
    pub log_size: u32,
    pub log: u64,
    pub version: u32,
    pub flags: u32,
    pub name: [u8; 16],
    pub interface: u32,
    pub attach: u32,
}

/// To have a tracepoint run one.
#[repr(C)]
pub struct TracepointAttributes {
    pub name: u64,
    pub program: RawFd,
    pub padding: u32,
}

/// To have a control group run one.
#[repr(C)]
pub struct LinkAttributes {
    pub program: RawFd,
    pub target: RawFd,
    pub attach: u32,
    pub flags: u32,
}
