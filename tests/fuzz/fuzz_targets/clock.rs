//! Any calls about the clock, each with any clocks: deciding does not overflow, and
//! says what it did.
#![no_main]

mod fake;

use fake::FakeKernel;
use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::clock::Clock;
use prost_types::Timestamp;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use nixvm_guestagent::clock::Nanos;
use nixvm_guestagent::clock::kernel::{Kernel, Now};

/// Six clocks, the host's seconds and nanoseconds, and flags.
const CALL: usize = 6 * 8 + 8 + 4 + 1;

/// A kernel whose clocks can be changed between calls.
#[derive(Clone)]
struct Shared(Rc<RefCell<(FakeKernel, usize)>>);

impl Kernel for Shared {
    fn read(&mut self) -> io::Result<Now> {
        self.0.borrow_mut().0.read()
    }

    fn step(&mut self, by: Nanos) -> io::Result<Nanos> {
        let mut inner = self.0.borrow_mut();
        let at = inner.0.step(by)?;
        inner.1 += 1;
        Ok(at)
    }

    fn slew(&mut self, by: Nanos) -> io::Result<()> {
        self.0.borrow_mut().0.slew(by)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let kernel = Shared(Rc::new(RefCell::new((FakeKernel::default(), 0))));
    let mut clock = Clock::new(kernel.clone());
    for call in bytes.chunks_exact(CALL) {
        let number = |index: usize| {
            let bytes = call[index * 8..][..8].try_into().expect("eight");
            i64::from_le_bytes(bytes)
        };
        let flags = call[CALL - 1];
        let nanos = i32::from_le_bytes(call[56..60].try_into().expect("four"));
        let host = Timestamp { seconds: number(6), nanos };
        let steps = {
            let mut inner = kernel.0.borrow_mut();
            inner.0 = FakeKernel {
                numbers: std::array::from_fn(number),
                synchronised: flags & 1 != 0,
                forbidden: flags & 2 != 0,
            };
            inner.1
        };
        let answer = clock.sync((flags & 4 == 0).then_some(host));
        assert_eq!(answer.adjusted, kernel.0.borrow().1 > steps);
        assert!(answer.error.is_empty() || !answer.adjusted);
    }
    assert_eq!(clock.last_step().is_some(), kernel.0.borrow().1 > 0);
});
