//! What rules are made of.

use super::Version;
use super::ranges::Ranges;
use std::net::IpAddr;

/// Bytes of registers.
pub const REGISTERS: usize = 64;

/// A part of the registers: where it starts and how long it is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// 0 to 63.
    pub start: usize,
    /// 1 to 64.
    pub length: usize,
}

/// What can be loaded into a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Bytes of the IP header from this offset.
    Network(usize),
    /// Bytes of the TCP or UDP header from this offset.
    Transport(usize),
    /// The number of the transport protocol.
    Protocol,
    /// The number of the family: 2 or 10.
    Family,
    /// The Ethernet type of the family.
    EtherType,
    /// The name of the interface that the packet comes in by.
    InterfaceIn,
    /// The name of the interface that the packet goes out by.
    InterfaceOut,
    /// The kind of the source address (`RTN_`).
    SourceKind,
    /// The kind of the destination address (`RTN_`).
    DestinationKind,
    /// The state of the connection: always new, others do not pass nat chains.
    State,
    /// Something that we cannot know.
    Unknown,
}

/// How a register is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Not the same.
    NotEqual,
    /// Less.
    Less,
    /// Less, or the same.
    LessOrEqual,
    /// More.
    Greater,
    /// More, or the same.
    GreaterOrEqual,
}

/// Whether a condition is turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// As it is.
    Plain,
    /// Turned round.
    Inverted,
}

/// Where a packet goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With the next rule.
    Continue,
    /// Nowhere in this hook: it is accepted, dropped or translated otherwise.
    End,
    /// Back to the calling chain.
    Return,
    /// To a chain, and then back here.
    Jump(String),
    /// To a chain, and then back to our own caller.
    Goto(String),
}

/// Where a rule translates to, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Said by the rule itself.
    Fixed(Option<IpAddr>, Option<u16>),
    /// In registers: the address and the port.
    Registers(Option<Register>, Option<Register>),
}

/// A condition, an assignment or an end of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Loads what is known of the packet.
    Load(Field, Register),
    /// Loads a value.
    Value(usize, Vec<u8>),
    /// `to = (from & mask) ^ xor`.
    Bitwise {
        /// What is changed.
        from: Register,
        /// Where the result begins.
        to: usize,
        /// As long as `from`.
        mask: Vec<u8>,
        /// As long as `from`.
        xor: Vec<u8>,
    },
    /// Turns round the bytes of each number of a size, between the machine's
    /// order and the network's.
    Reorder {
        /// What is changed.
        from: Register,
        /// Where the result begins.
        to: usize,
        /// 2, 4 or 8.
        size: usize,
    },
    /// Goes on if it holds.
    Compare(Register, Comparison, Vec<u8>),
    /// Goes on if the register is between the two values.
    Between(Register, Sense, Vec<u8>, Vec<u8>),
    /// Goes on if the packet is of this IP version.
    Version(Version),
    /// Goes on if the destination port is one of these.
    Ports(Ranges),
    /// Goes on if the set has the register's value.
    Lookup {
        /// The name of the set in its table.
        set: String,
        /// Where the key is; it may be shorter.
        from: Register,
        /// Whether it goes on if the set has it not.
        sense: Sense,
        /// What a map has for it.
        to: Found,
    },
    /// Goes on or not, which we cannot know, and so it is with all registers.
    Maybe,
    /// Ends the rule.
    Verdict(Verdict),
    /// Translates the destination.
    Translate(Target),
}

/// What is done with the value that a map has for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none: it is a set.
    Nothing,
    /// It is a verdict, and followed.
    Verdict,
    /// It goes to the registers from this byte on.
    Register(usize),
}

/// One rule.
pub type Rule = Vec<Expression>;
