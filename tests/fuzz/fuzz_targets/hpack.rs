//! Header blocks of one connection, parted by four 0xff: each is read or
//! refused, and none becomes more than a list may be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::http2::hpack::Decoder;

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = rest.windows(4).position(|four| four == [0xff; 4]).unwrap_or(rest.len());
        let (block, after) = rest.split_at(length);
        let mut list = 0;
        let read = decoder.decode(block, |name, value| list += name.len() + value.len() + 32);
        assert!(list <= 16 * 1024);
        if read.is_err() {
            return;
        }
        rest = after.get(4..).unwrap_or_default();
    }
});
