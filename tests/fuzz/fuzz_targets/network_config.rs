//! Any network-config: reading and rendering ends, and no value makes a line of its own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_agent::config::network;
use nixvm_agent::render::{network_manager, networkd};

fuzz_target!(|text: &[u8]| {
    let Some(network) = network::parse(text, &mut Vec::new()) else { return };
    let mut files = networkd::render(&network, networkd::Extras { multicast_dns: true });
    files.extend(network_manager::render(&network).0);
    for (name, text) in files {
        assert!(!name.contains('/'), "{name:?}");
        for line in text.lines().filter(|line| !line.is_empty()) {
            let is_section = line.starts_with('[') && line.ends_with(']');
            let has_key = line.split_once('=').is_some_and(|(key, _)| {
                !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            });
            assert!(is_section || has_key, "{name}: {line:?}");
        }
    }
});
