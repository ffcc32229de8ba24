//! Effects on the settings of the system.

pub mod clock;
pub mod kernel;
pub mod password;
pub mod regional;
pub mod rootless;
pub mod rosetta;
pub mod trust;
pub mod user;

use super::accounts::{LOCK_LIMIT, PASSWORD_LOCK, find, no_accounts, save};
use super::{Fault, write};
