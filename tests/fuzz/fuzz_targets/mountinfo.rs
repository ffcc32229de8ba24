//! Any path and, after a zero byte, any table of mounts: looking the path up ends,
//! does not panic, and never leads out of a share.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::file_events::mounts::Table;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let path = Path::new(OsStr::from_bytes(parts.next().unwrap_or_default()));
    let table = Table::parse(parts.next().unwrap_or_default(), &["9p", "virtiofs"]);
    if let Ok(Some((share, below))) = table.find(path) {
        assert!(below.components().all(|part| matches!(part, Component::Normal(_))));
        assert_eq!(share.point.join(below), path);
    }
});
