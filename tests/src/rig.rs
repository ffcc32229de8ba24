//! The rig: real guests for tests, benchmarks and `cargo xtask up`.
//!
//! ```text
//! base (mmdebstrap, once) -> layer (our programs and units) -> Image
//! Image + Seed -> Machine (a disk of its own) -> boot -> Vm -> Ssh, Console
//! ```
//!
//! Everything a guest needs lives in one temporary folder and in processes that die with the value
//! that owns them. Logs stay in `.nixvm/logs/NAME`. No port is fixed, no wait is without a limit.

pub mod accel;
pub mod arch;
pub mod base;
pub mod cidata;
pub mod console;
pub mod guest_build;
pub mod health;
pub mod inventory;
pub mod iso;
pub mod layer;
pub mod lima_host;
pub mod load;
pub mod machine;
pub mod peers;
pub mod process;
mod qemu;
pub mod qmp;
pub mod seed;
pub mod ssh;
pub mod suite;
pub mod tool;
pub mod virtiofs;
pub mod vm;
pub mod vsock;
pub mod wait;
pub mod workspace;
