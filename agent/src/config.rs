//! What a seed asks for.

pub mod scalars;
pub mod sniff;
pub mod yaml;
