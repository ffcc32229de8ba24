//! What kubectl prints, after a byte for the size of pieces: any bytes are events
//! or refused, alike in pieces and whole, and do not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::port::Port;
use nixvm_guestagent::watch::kubernetes::service::Services;
use nixvm_guestagent::watch::kubernetes::stream::Objects;

/// The ports at the end, and whether all was understood.
fn read(bytes: &[u8], piece: usize) -> (Vec<Port>, bool) {
    let (mut objects, mut services) = (Objects::default(), Services::default());
    services.begin();
    let mut good = true;
    for piece in bytes.chunks(piece) {
        let pushed = objects.push(piece, |event| good = good && services.apply(event).is_ok());
        good = good && pushed.is_ok();
        if !good {
            break;
        }
    }
    services.listed();
    (services.ports().into_keys().collect(), good)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let whole = read(bytes, usize::MAX);
    assert!(whole.0.iter().all(|port| port.number != 0));
    assert_eq!(whole, read(bytes, usize::from(*size).max(1)));
});
