//! The clock: forward only.

use std::time::Duration;

use nixvm_system::{Change, System};

use super::Fault;

pub fn forward(system: &mut dyn System, not_before: u64) -> Result<Change, Fault> {
    let wanted = Duration::from_secs(not_before);
    if system.now() >= wanted {
        return Ok(Change::Unchanged);
    }
    system.set_now(wanted).map_err(|error| {
        Fault::new("clock-not-set", format!("setting the clock: {error}"))
            .hint("certificates may seem not valid yet until a time service is reached")
    })?;
    Ok(Change::Changed)
}
