//! What rules of address translation mean for a connection that is made inside
//! the guest.
//!
//! A tunnel dials from inside the guest, so a rule makes a port only if such a
//! dial meets it: to the loopback address or another address of this machine,
//! through a `nat` chain of the `output` hook. Rules of `prerouting` alone are
//! for packets that come from outside: a dial from inside never meets them,
//! and a forward to such a port would be refused. The rules are therefore not
//! guessed at but walked ([`walk`]), with a packet whose port is open
//! ([`bytes`]). This also leaves out translations of foreign addresses, as
//! Lima's own of its DNS server.
//!
//! The model is that of nftables: rules are rows of expressions over 64 bytes
//! of registers. iptables' rules, of either kind, are translated into it
//! ([`xt`]).

pub mod bytes;
mod expression;
pub mod packet;
pub mod ranges;
mod state;
mod table;
pub mod translated;
pub mod walk;
pub mod xt;

pub use expression::{
    Comparison, Expression, Field, Found, REGISTERS, Register, Rule, Sense, Target, Verdict,
};
pub use table::{Element, Hook, Set, Table, Value, Version};
