//! Tunnel messages to the host, read from a socket straight to their place
//! between the frames' heads.
//!
//! A message is a gRPC prefix, field 1 (the id) and field 3 (the data). How
//! much data there is becomes known only when it is there, so its length is
//! written in four bytes, which a varint may always have.

use crate::grpc::PREFIX;
use crate::http2::frame::{HEAD, Head, PAYLOAD, kind};
use std::io::IoSliceMut;

const ID_KEY: u8 = 1 << 3 | 2;
const DATA_KEY: u8 = 3 << 3 | 2;
const LENGTH: usize = 4;
/// An id is echoed up to this size; no host looks at it.
const ID: usize = 127;

/// The start of every message of one tunnel.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Prefix and fields up to the data; lengths are filled in each time.
    head: Vec<u8>,
}

impl Encoder {
    /// For a tunnel that the host calls `id`.
    pub fn new(id: &str) -> Self {
        let mut head = vec![0; PREFIX];
        if let Ok(length @ 1..) = u8::try_from(id.len().min(ID + 1))
            && id.len() <= ID
        {
            head.extend([ID_KEY, length]);
            head.extend(id.bytes());
        }
        head.push(DATA_KEY);
        head.extend([0; LENGTH]);
        Self { head }
    }

    /// What a message is longer than its data.
    pub fn overhead(&self) -> usize {
        self.head.len()
    }

    /// A whole message, without frames.
    pub fn message(&self, data: &[u8]) -> Vec<u8> {
        let mut message = self.head_of(data.len());
        message.extend(data);
        message
    }

    /// Space for a message of so much data with the heads of its frames.
    pub fn space(&self, data: usize) -> usize {
        let total = self.overhead() + data;
        total + total.div_ceil(PAYLOAD) * HEAD
    }

    /// The places for data in such a space.
    pub fn places<'a>(&self, space: &'a mut [u8]) -> Vec<IoSliceMut<'a>> {
        let mut places = Vec::with_capacity(space.len() / PAYLOAD + 1);
        let mut before = HEAD + self.overhead();
        for frame in space.chunks_mut(HEAD + PAYLOAD) {
            places.extend(frame.get_mut(before..).map(IoSliceMut::new));
            before = HEAD;
        }
        places
    }

    /// Writes the heads around data that has been read: the length of all, and
    /// of what counts against windows.
    pub fn finish(&self, space: &mut [u8], stream: u32, data: usize) -> (usize, usize) {
        let total = self.overhead() + data;
        let mut left = total;
        for frame in space.chunks_mut(HEAD + PAYLOAD).take(total.div_ceil(PAYLOAD)) {
            let head = Head { length: left.min(PAYLOAD), kind: kind::DATA, flags: 0, stream };
            put(frame, &head.bytes());
            left -= head.length;
        }
        put(space.get_mut(HEAD..).unwrap_or_default(), &self.head_of(data));
        (total + total.div_ceil(PAYLOAD) * HEAD, total)
    }

    fn head_of(&self, data: usize) -> Vec<u8> {
        let mut head = self.head.clone();
        let message = u32::try_from(self.overhead() + data - PREFIX).unwrap_or(u32::MAX);
        put(head.get_mut(1..).unwrap_or_default(), &message.to_be_bytes());
        let at = head.len() - LENGTH;
        put(head.get_mut(at..).unwrap_or_default(), &padded(data));
        head
    }
}

/// A varint of four bytes, for lengths below 256 MiB.
fn padded(length: usize) -> [u8; LENGTH] {
    let part = |shift: usize| u8::try_from(length >> shift & 0x7f).unwrap_or_default();
    [part(0) | 0x80, part(7) | 0x80, part(14) | 0x80, part(21)]
}

fn put(place: &mut [u8], bytes: &[u8]) {
    for (to, from) in place.iter_mut().zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::TunnelMessage;
    use prost::Message;

    /// Fills the places with counted bytes, and takes the frames apart again.
    fn round(id: &str, data: usize) {
        let encoder = Encoder::new(id);
        let expected: Vec<u8> = (0..data).map(|n| (n % 251).to_le_bytes()[0]).collect();
        let mut space = vec![0xee; encoder.space(data)];
        let mut at = 0;
        for mut place in encoder.places(&mut space) {
            let length = place.len();
            place.copy_from_slice(&expected[at..at + length]);
            at += length;
        }
        assert_eq!(at, data);
        let (length, counted) = encoder.finish(&mut space, 7, data);
        assert_eq!(length, space.len());

        let (mut message, mut rest) = (Vec::new(), &space[..]);
        while let Some(head) = Head::read(rest) {
            assert_eq!((head.kind, head.flags, head.stream), (kind::DATA, 0, 7));
            message.extend(&rest[HEAD..HEAD + head.length]);
            rest = &rest[HEAD + head.length..];
        }
        assert_eq!(counted, message.len());
        assert_eq!(message, encoder.message(&expected));
        let decoded = TunnelMessage::decode(&message[PREFIX..]).expect("message");
        assert_eq!((&decoded.id[..], &decoded.data[..]), (id, &expected[..]));
    }

    #[test]
    fn data_is_framed_where_it_lies() {
        for data in [1, 2, 16_000, 16_350, 16_384, 16_385, 32_768, 65_507, 200_000] {
            round("tcp-127.0.0.1:80-1", data);
            round("", data);
        }
    }

    #[test]
    fn an_id_beyond_reason_is_not_echoed() {
        let message = Encoder::new(&"x".repeat(128)).message(b"data");
        assert_eq!(TunnelMessage::decode(&message[PREFIX..]).expect("message").id, "");
    }

    #[test]
    fn less_than_the_space_is_sent_if_less_was_read() {
        let encoder = Encoder::new("i");
        let mut space = vec![0; encoder.space(40_000)];
        let (length, counted) = encoder.finish(&mut space, 1, 10);
        assert_eq!((length, counted), (HEAD + encoder.overhead() + 10, encoder.overhead() + 10));
    }
}
