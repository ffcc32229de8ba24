//! The boot agent: decides in pure code what a seed means for this guest, and does it in one place.

pub mod config;
