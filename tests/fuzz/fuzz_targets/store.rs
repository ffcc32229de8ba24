//! The agent's own files, which an earlier version or Lima's agent may have
//! written, their kind in the first byte: any bytes are read or refused, what was
//! read is read again from what is written of it, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::port::store::{file, journal};
use nixvm_guestagent::report::status::Status;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind {
        b'j' => {
            let ports = journal::ports(bytes);
            let text = journal::text(ports.iter());
            assert_eq!(journal::ports(text.as_bytes()), ports);
        }
        b'e' => {
            if let Ok(ports) = file::parse(bytes) {
                let text = file::text(&ports).expect("JSON");
                assert_eq!(file::parse(&text).expect("own JSON"), ports);
            }
        }
        _ => {
            if let Ok(status) = Status::parse(bytes) {
                assert!(status.text().lines().count() >= 6);
            }
        }
    }
});
