//! Any message of the host's that is small, its kind in the first byte: decoding and
//! checking it ends, and does not panic.
#![no_main]

mod fake;

use fake::FakeKernel;
use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::clock::Clock;
use nixvm_guestagent::file_events::mounts::Table;
use nixvm_guestagent::proto::{Inotify, TimeSyncRequest};
use prost::Message;
use std::path::Path;

const TABLE: &[u8] =
    b"30 1 0:40 / /mnt rw - virtiofs mount0 rw\n31 30 0:41 / /mnt/a rw - tmpfs x rw\n";

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind {
        0 => decoded::<Inotify>(bytes, |message| {
            let path = Path::new(&message.mount_path);
            if Table::parse(TABLE, &["virtiofs"]).find(path).is_ok() {
                assert!(path.starts_with("/mnt") && !path.starts_with("/mnt/a"));
            }
        }),
        _ => decoded::<TimeSyncRequest>(bytes, |message| {
            let answer = Clock::new(FakeKernel::default()).sync(message.host_time);
            assert!(answer.error.is_empty() || !answer.adjusted);
        }),
    }
});

fn decoded<M: Message + Default + PartialEq>(bytes: &[u8], check: impl FnOnce(M)) {
    if let Ok(message) = M::decode(bytes) {
        assert!(M::decode(message.encode_to_vec().as_slice()).as_ref() == Ok(&message));
        check(message);
    }
}
