//! Any FAT image: reading a seed from it ends, and does not panic.
#![no_main]

mod image;

use image::Image;
use libfuzzer_sys::fuzz_target;
use nixvm_agent::source::{fat::Fat, from_medium};

fuzz_target!(|bytes: &[u8]| {
    let image = Image { bytes, before: 0 };
    if let Ok(Some(fat)) = Fat::open(&image) {
        let _ = fat.labels();
        let _ = from_medium(&fat, "fuzz");
    }
});
