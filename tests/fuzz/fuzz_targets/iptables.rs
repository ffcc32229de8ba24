//! Any table of iptables-legacy: a byte for the version of IP (6 is IPv6), the
//! places of five hooks, the row of entries. Reading it and walking it with every
//! dial ends, and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::watch::iptables::entry;
use nixvm_guestagent::watch::rules::Version;
use nixvm_guestagent::watch::rules::translated::within;

/// So many that each kind of expression is met, and few enough for many runs.
const STEPS: usize = 2000;

fuzz_target!(|bytes: &[u8]| {
    let Some((head, row)) = bytes.split_first_chunk::<21>() else { return };
    let version = if head[0] == 6 { Version::V6 } else { Version::V4 };
    let hooks = std::array::from_fn(|hook| {
        let place = head[1 + 4 * hook..][..4].try_into().expect("four");
        u32::from_ne_bytes(place)
    });
    let (table, _) = entry::table(version, row, &hooks);
    let own = [[10, 0, 0, 1].into(), [0xfd; 16].into()].into();
    let found = within(STEPS, &[table], &own);
    let ours = |address: std::net::IpAddr| address.is_ipv6() == (version == Version::V6);
    assert!(found.ports.keys().all(|port| port.number != 0 && ours(port.address)));
});
