//! The body of a tunnel's call: any bytes are read or refused, alike in any
//! pieces, and what is read is what protobuf reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::proto::TunnelMessage;
use nixvm_guestagent::tunnel::decode::{Decoder, Part};
use prost::Message;

/// All data, or how it was refused.
fn read(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, usize), String> {
    let (mut decoder, mut data, mut ends) = (Decoder::new(), Vec::new(), 0);
    for part in bytes.chunks(piece) {
        let mut at = 0;
        loop {
            let (taken, found) = decoder.next(&part[at..]).map_err(|status| status.text)?;
            match &found {
                Some(Part::Data(range)) => data.extend(&part[at..][range.clone()]),
                Some(Part::End) => ends += 1,
                None if taken == 0 => break,
                None => {}
            }
            at += taken;
        }
    }
    Ok((data, ends))
}

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, 3));
    let length = u32::try_from(bytes.len()).expect("short").to_be_bytes();
    let framed = [&[0][..], &length, bytes].concat();
    if let (Ok((data, 1)), Ok(message)) = (read(&framed, 1000), TunnelMessage::decode(bytes)) {
        // Of a field that stands twice, protobuf keeps the last.
        assert!(data.ends_with(&message.data));
    }
});
