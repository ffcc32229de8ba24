//! Any ISO 9660 image: reading a seed from it ends, and does not panic.
#![no_main]

mod image;

use image::Image;
use libfuzzer_sys::fuzz_target;
use nixvm_agent::source::{from_medium, iso9660::Iso9660};

/// What comes before the volume descriptors.
const UNUSED: u64 = 16 * 2048;

fuzz_target!(|bytes: &[u8]| {
    let image = Image { bytes, before: UNUSED };
    if let Ok(Some(iso)) = Iso9660::open(&image) {
        let _ = from_medium(&iso, "fuzz");
    }
});
