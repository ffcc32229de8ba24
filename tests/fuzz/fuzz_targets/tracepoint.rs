//! Any description of a tracepoint and, after a zero byte, any record: reading them
//! ends, and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::watch::format::Format;
use nixvm_guestagent::watch::perf::{self, RECORD};
use nixvm_guestagent::watch::tracepoint::record::{Layout, Listen, Reader};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let bytes = parts.next().unwrap_or_default();
    let listen = Format::parse(text).and_then(|format| Listen::in_format(&format).ok());
    let mut record = [0; RECORD];
    let length = bytes.len().min(RECORD);
    record[..length].copy_from_slice(&bytes[..length]);
    let mut reader = Reader::new(Layout { listen, ..Layout::default() });
    let mut count = 0;
    perf::deliver(&record, &mut |record| {
        let _ = reader.hint(&record, tokio::time::Instant::now());
        count += 1;
    });
    assert!(count <= 1);
});
