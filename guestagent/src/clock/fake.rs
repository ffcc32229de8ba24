//! A kernel and a host made of numbers. No test sets a real clock.

use super::kernel::{Discipline, Kernel, Now};
use super::{Clock, Nanos};
use crate::proto::TimeSyncResponse;
use prost_types::Timestamp;
use std::io;

pub const MS: Nanos = 1_000_000;
pub const S: Nanos = 1_000 * MS;
/// 2026-01-01.
pub const BEGIN: Nanos = 1_767_225_600 * S;

/// The clocks of a guest, and what was done to them.
#[derive(Debug)]
pub struct FakeKernel {
    pub now: Now,
    pub steps: Vec<Nanos>,
    pub slews: Vec<Nanos>,
    pub forbidden: bool,
}

impl Kernel for FakeKernel {
    fn read(&mut self) -> io::Result<Now> {
        Ok(self.now)
    }

    fn step(&mut self, by: Nanos) -> io::Result<Nanos> {
        self.permitted()?;
        self.steps.push(by);
        self.now.guest += by;
        (self.now.slewing, self.now.discipline.synchronised) = (0, false);
        Ok(self.now.guest)
    }

    fn slew(&mut self, by: Nanos) -> io::Result<()> {
        self.permitted()?;
        self.slews.push(by);
        self.now.slewing = by;
        Ok(())
    }
}

impl FakeKernel {
    fn permitted(&self) -> io::Result<()> {
        if self.forbidden { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

/// A guest and its host in a world where true time is the host's.
pub struct World {
    pub host: Nanos,
    pub clock: Clock<FakeKernel>,
    /// Millionths by which the guest's counter is too fast.
    pub ppm: i64,
}

impl World {
    pub fn new(error: Nanos) -> Self {
        let now = Now {
            guest: BEGIN + error,
            raw: 7 * S,
            suspended: 0,
            slewing: 0,
            discipline: Discipline::default(),
        };
        let kernel = FakeKernel { now, steps: Vec::new(), slews: Vec::new(), forbidden: false };
        Self { host: BEGIN, clock: Clock::new(kernel), ppm: 0 }
    }

    pub fn now(&mut self) -> &mut Now {
        &mut self.clock.kernel.now
    }

    /// Time goes by.
    pub fn pass(&mut self, time: Nanos) {
        self.host += time;
        let ppm = self.ppm;
        let now = self.now();
        let counted = time + time / 1_000_000 * ppm;
        let most = time / 2_000;
        let slewed = now.slewing.clamp(-most, most);
        now.raw += counted;
        now.guest += counted + slewed;
        now.slewing -= slewed;
    }

    /// The hypervisor stops the guest.
    pub fn pause(&mut self, time: Nanos) {
        self.host += time;
    }

    /// The guest sleeps, and sets its clock by the hardware's when it wakes.
    pub fn suspend(&mut self, time: Nanos, hardware_error: Nanos) {
        self.host += time;
        self.now().suspended += time;
        self.now().guest += time + hardware_error;
    }

    /// A call of the host's that is so long on its way.
    pub fn call(&mut self, latency: Nanos) -> TimeSyncResponse {
        let sent = self.host;
        self.pass(latency);
        self.clock.sync(Some(timestamp(sent)))
    }

    /// Calls as Lima makes them, with these latencies.
    pub fn calls(&mut self, latencies: &[Nanos]) {
        for latency in latencies {
            self.call(*latency);
            self.pass(10 * S - latency);
        }
    }

    /// Guest minus host.
    pub fn error(&self) -> Nanos {
        self.clock.kernel.now.guest - self.host
    }

    pub fn steps(&self) -> &[Nanos] {
        &self.clock.kernel.steps
    }

    pub fn slews(&self) -> &[Nanos] {
        &self.clock.kernel.slews
    }
}

pub fn timestamp(time: Nanos) -> Timestamp {
    let nanos = i32::try_from(time.rem_euclid(S)).expect("below a second");
    Timestamp { seconds: time.div_euclid(S), nanos }
}
