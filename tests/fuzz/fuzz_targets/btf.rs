//! Any description of the kernel's types: reading it ends, and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::watch::bpf::btf::Btf;

fuzz_target!(|bytes: &[u8]| {
    let Some(btf) = Btf::parse(bytes) else { return };
    for path in [["sk_protocol"].as_slice(), &["__sk_common", "skc_num"]] {
        let _ = btf.offset("sock", path, 2);
    }
});
