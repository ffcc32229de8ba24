//! A kernel made of numbers, for the guest's clock.

use nixvm_guestagent::clock::Nanos;
use nixvm_guestagent::clock::kernel::{Discipline, Kernel, Now};
use std::io;

#[derive(Default)]
pub struct FakeKernel {
    pub numbers: [i64; 6],
    pub synchronised: bool,
    pub forbidden: bool,
}

impl Kernel for FakeKernel {
    fn read(&mut self) -> io::Result<Now> {
        let [guest, raw, suspended, slewing, frequency, tick] = self.numbers;
        let discipline = Discipline { synchronised: self.synchronised, frequency, tick };
        Ok(Now { guest, raw, suspended, slewing, discipline })
    }

    fn step(&mut self, by: Nanos) -> io::Result<Nanos> {
        self.slew(by)?;
        Ok(self.numbers[0].saturating_add(by))
    }

    fn slew(&mut self, _: Nanos) -> io::Result<()> {
        if self.forbidden { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}
