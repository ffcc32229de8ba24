//! Any chains, rules, sets and elements of nftables, each with a byte for its
//! list and two for its length: reading them and walking them with every dial
//! ends, and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::watch::nft::list;
use nixvm_guestagent::watch::rules::translated::within;

/// The messages of one list.
fn messages(mut bytes: &[u8], list: u8) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([head[1], head[2]])).min(rest.len());
        let (message, rest) = rest.split_at(length);
        bytes = rest;
        Some((head[0], message))
    })
    .filter_map(move |(of, message)| (of == list).then_some(message))
}

/// So many that each kind of expression is met, and few enough for many runs.
const STEPS: usize = 2000;

fuzz_target!(|bytes: &[u8]| {
    let read = list::collect(&mut |kind, _, each| {
        messages(bytes, kind.to_le_bytes()[0]).for_each(each);
        Ok(())
    });
    let (tables, _) = read.expect("nobody refused");
    let own = [[10, 0, 0, 1].into(), [0xfd; 16].into()].into();
    let found = within(STEPS, &tables, &own);
    assert!(found.ports.len() <= 4096);
    assert!(found.ports.keys().all(|port| port.number != 0));
});
