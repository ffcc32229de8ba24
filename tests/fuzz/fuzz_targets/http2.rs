//! A connection of a host that has greeted: any bytes, in two ways to cut them,
//! mean the same, hold no more than windows allow, and do not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::http2::frame::PREFACE;
use nixvm_guestagent::http2::session::{Event, Session};

/// What the bytes meant, those of DATA put together, and the answers.
fn read(bytes: &[u8], piece: usize) -> (Vec<String>, Vec<u8>) {
    let mut out = Vec::new();
    let mut session = Session::new(8, &mut out);
    let greeted = session.receive(PREFACE, &mut out);
    assert_eq!(greeted, Ok((PREFACE.len(), None)));
    let (mut told, mut data) = (Vec::new(), (0, 0));
    let (mut start, mut end) = (0, 0);
    loop {
        match session.receive(&bytes[start..end], &mut out) {
            Ok((0, None)) if end == bytes.len() => return (told, out),
            Ok((0, None)) => end = (end + piece).min(bytes.len()),
            Ok((taken, event)) => {
                if let Some(Event::Data { stream, range }) = &event {
                    assert!(range.end <= taken);
                    if data.0 == *stream {
                        told.pop();
                    } else {
                        data = (*stream, 0);
                    }
                    data.1 += range.len();
                    told.push(format!("{data:?}"));
                    session.release(*stream, range.len(), &mut out);
                } else if event.is_some() {
                    data = (0, 0);
                    told.push(format!("{event:?}"));
                }
                start += taken;
            }
            Err(fault) => {
                told.push(fault.to_string());
                return (told, out);
            }
        }
        assert!(session.open() <= 8);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (whole, _) = read(bytes, usize::MAX >> 1);
    let (pieces, _) = read(bytes, 7);
    assert_eq!(whole, pieces);
});
