//! Maps by the number of a stream.
//!
//! A stream is looked up several times for each frame, so its number's hash is
//! one multiplication. It need not withstand chosen numbers: the host's are odd,
//! each greater than the last, and only so many are open at once.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map by the number of a stream.
pub type Streams<T> = HashMap<u32, T, BuildHasherDefault<Spread>>;
/// Numbers of streams.
pub type Numbers = HashSet<u32, BuildHasherDefault<Spread>>;

/// 2 to the 64th by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads numbers over all bits.
#[derive(Debug, Default, Clone, Copy)]
pub struct Spread(u64);

impl Hasher for Spread {
    fn write_u32(&mut self, number: u32) {
        // A map looks at both ends of the result, and it is the upper bits of
        // the product that depend on all of the number.
        self.0 = u64::from(number).wrapping_mul(GOLDEN).rotate_left(26);
    }

    fn write(&mut self, bytes: &[u8]) {
        // Numbers of streams do not come this way.
        for byte in bytes {
            self.0 = (self.0.rotate_left(8) ^ u64::from(*byte)).wrapping_mul(GOLDEN);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_busy_host_are_spread_evenly() {
        let mut buckets = [0; 4096];
        for number in (1..8192).step_by(2) {
            let mut hasher = Spread::default();
            hasher.write_u32(number);
            buckets[usize::try_from(hasher.finish() % 4096).expect("a bucket")] += 1;
        }
        let fullest = buckets.into_iter().max();
        assert!(fullest <= Some(6), "{fullest:?} in one of 4096 places for 4096 numbers");
    }
}
