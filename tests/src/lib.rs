//! What the tests on real guests share: the rig that makes and boots them, and a small host client.

pub mod client;
pub mod rig;
