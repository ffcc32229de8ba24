//! The clock at boot. A machine without a real-time clock starts in the past, where no certificate
//! of the present is valid yet. It is later than the moment at which its seed was made: that much is
//! sure, and the rest is for whoever keeps the time.

use std::time::Duration;

use super::{Draft, step};
use crate::calendar::Moment;
use crate::config::Config;
use crate::source::Seed;
use crate::step::{Action, Lifetime, Stage, Step};

/// A seed from later than 2100-01-01 is a mistake of its author's clock.
const LATEST: u64 = 4_102_444_800;
/// A clock that is behind by less is as right as clocks are.
const SLACK: Duration = Duration::from_secs(2);

pub fn step_forward(seed: &Seed, config: &Config, draft: &mut Draft<'_>) {
    let Some(not_before) = moment(seed, config).filter(|seconds| *seconds < LATEST) else { return };
    if draft.facts.now + SLACK >= Duration::from_secs(not_before) {
        return;
    }
    let title = format!("set the clock forward to {}", Moment::of(not_before));
    let origin = "meta-data".to_owned();
    let lifetime = Lifetime::Boot;
    let action = Action::Clock { not_before };
    draft.add(Step { lifetime, origin, ..step("clock", title, Stage::Local, action) });
}

/// Lima's instance-id is the second at which the host made the medium: `iid-SECONDS`. Of any other
/// seed the medium may know.
fn moment(seed: &Seed, config: &Config) -> Option<u64> {
    let iid = config.lima.as_ref().and(config.instance_id.as_deref());
    let lima = iid.and_then(|iid| iid.strip_prefix("iid-")?.parse().ok());
    lima.or_else(|| seed.medium.as_ref()?.made)
}
