//! Any text: parsing ends, and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_agent::config::{sniff, yaml};

fuzz_target!(|text: &[u8]| {
    let _ = sniff::sniff(text);
    let _ = yaml::parse(text);
});
