//! Reads tunnel messages as they arrive, without putting them together.
//!
//! A message (`proto/guestservice.proto`) is a gRPC prefix of five bytes and
//! fields: a key (number and wire type) as a varint, and for texts and bytes a
//! length and as many bytes. Field 3, the data, is handed on in place. Of the
//! first message the fields 1, 2 and 4 are kept, which say where to; all else
//! is passed over, as protobuf wants it of what it does not know.

use crate::grpc::{self, Code, PREFIX, Status};
use std::ops::Range;

/// The longest text that is kept: a path of the file system is the longest.
const TEXT: usize = 4096;

/// A part of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes for the guest's program, at this place of the input.
    Data(Range<usize>),
    /// A message is over.
    End,
}

/// Where the host wants to go, as it wrote it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// To be repeated in every answer.
    pub id: String,
    /// `tcp`, `udp` or `unix`.
    pub protocol: String,
    /// `host:port`, or a path.
    pub target: String,
}

/// The reader of one tunnel.
#[derive(Debug, Default)]
pub struct Decoder {
    at: At,
    /// Bytes of the message that have not come.
    left: usize,
    texts: Texts,
}

/// The fields of the first message, until they are taken.
#[derive(Debug, Default)]
struct Texts {
    wanted: bool,
    id: Vec<u8>,
    protocol: Vec<u8>,
    target: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Prefix([u8; PREFIX], usize),
    Key(Varint),
    Length(u32, Varint),
    Number(Varint),
    Body(u32, usize),
}

/// A varint of which some bytes have come.
#[derive(Debug, Default, Clone, Copy)]
struct Varint {
    value: u64,
    shift: u32,
}

impl Default for At {
    fn default() -> Self {
        Self::Prefix([0; PREFIX], 0)
    }
}

impl Decoder {
    /// For a stream's first message, whose texts are kept.
    pub fn new() -> Self {
        Self { texts: Texts { wanted: true, ..Texts::default() }, ..Self::default() }
    }

    /// The fields of the first message. Later ones are passed over.
    ///
    /// # Errors
    /// A text that is not UTF-8.
    pub fn handshake(&mut self) -> Result<Handshake, Status> {
        let texts = std::mem::take(&mut self.texts);
        let text = |bytes| String::from_utf8(bytes).map_err(|_| malformed());
        let (id, protocol) = (text(texts.id)?, text(texts.protocol)?);
        Ok(Handshake { id, protocol, target: text(texts.target)? })
    }

    /// Takes some of the input: how many bytes, and what they are. Nothing
    /// taken and no part: more input is needed.
    ///
    /// # Errors
    /// Not a message, or one that is too large.
    pub fn next(&mut self, input: &[u8]) -> Result<(usize, Option<Part>), Status> {
        if self.left == 0 && matches!(self.at, At::Key(Varint { shift: 0, .. })) {
            self.at = At::default();
            return Ok((0, Some(Part::End)));
        }
        let Some(first) = input.first().copied() else { return Ok((0, None)) };
        if let At::Prefix(prefix, seen) = self.at {
            self.at = self.prefix(prefix, seen, first)?;
            return Ok((1, None));
        }
        let (taken, part) = match self.at {
            At::Body(field, left) => self.body(field, left, input)?,
            at => {
                self.at = self.step(at, first)?;
                (1, None)
            }
        };
        self.left = self.left.checked_sub(taken).ok_or_else(malformed)?;
        Ok((taken, part))
    }

    fn prefix(&mut self, mut prefix: [u8; PREFIX], seen: usize, byte: u8) -> Result<At, Status> {
        if let Some(place) = prefix.get_mut(seen) {
            *place = byte;
        }
        if seen + 1 < PREFIX {
            return Ok(At::Prefix(prefix, seen + 1));
        }
        self.left = grpc::length(prefix)?;
        Ok(At::Key(Varint::default()))
    }

    /// One byte of what is not a text.
    fn step(&mut self, at: At, byte: u8) -> Result<At, Status> {
        Ok(match at {
            At::Key(varint) => match varint.push(byte)? {
                Step::More(varint) => At::Key(varint),
                Step::Done(key) => Self::field(key)?,
            },
            At::Length(field, varint) => match varint.push(byte)? {
                Step::More(varint) => At::Length(field, varint),
                Step::Done(length) => self.text(field, length)?,
            },
            At::Number(varint) => match varint.push(byte)? {
                Step::More(varint) => At::Number(varint),
                Step::Done(_) => At::Key(Varint::default()),
            },
            At::Prefix(..) | At::Body(..) => at,
        })
    }

    /// What follows a key depends on its wire type.
    fn field(key: u64) -> Result<At, Status> {
        let field = u32::try_from(key >> 3).map_err(|_| malformed())?;
        match key & 7 {
            _ if field == 0 => Err(malformed()),
            0 => Ok(At::Number(Varint::default())),
            1 => Ok(At::Body(UNKNOWN, 8)),
            2 => Ok(At::Length(field, Varint::default())),
            5 => Ok(At::Body(UNKNOWN, 4)),
            _ => Err(malformed()),
        }
    }

    fn text(&mut self, field: u32, length: u64) -> Result<At, Status> {
        let length = usize::try_from(length).map_err(|_| malformed())?;
        // The byte that ended the length is still counted as left.
        if length >= self.left {
            return Err(malformed());
        }
        if let Some(text) = self.texts.of(field) {
            text.clear();
            if length > TEXT {
                return Err(Status::new(Code::InvalidArgument, "a target of over 4096 bytes"));
            }
        }
        Ok(if length == 0 { At::Key(Varint::default()) } else { At::Body(field, length) })
    }

    fn body(
        &mut self,
        field: u32,
        left: usize,
        input: &[u8],
    ) -> Result<(usize, Option<Part>), Status> {
        if left > self.left {
            return Err(malformed());
        }
        let taken = left.min(input.len());
        let rest = left - taken;
        self.at = if rest == 0 { At::Key(Varint::default()) } else { At::Body(field, rest) };
        if field == DATA {
            return Ok((taken, Some(Part::Data(0..taken))));
        }
        if let Some(text) = self.texts.of(field) {
            text.extend(input.get(..taken).unwrap_or_default());
        }
        Ok((taken, None))
    }
}

const UNKNOWN: u32 = 0;
const ID: u32 = 1;
const PROTOCOL: u32 = 2;
const DATA: u32 = 3;
const TARGET: u32 = 4;

impl Texts {
    /// Where a field is kept, if it is.
    fn of(&mut self, field: u32) -> Option<&mut Vec<u8>> {
        match field {
            _ if !self.wanted => None,
            ID => Some(&mut self.id),
            PROTOCOL => Some(&mut self.protocol),
            TARGET => Some(&mut self.target),
            _ => None,
        }
    }
}

enum Step {
    More(Varint),
    Done(u64),
}

impl Varint {
    /// Takes a byte. Ten of them are the most.
    fn push(self, byte: u8) -> Result<Step, Status> {
        if self.shift > 63 {
            return Err(malformed());
        }
        let value = self.value | u64::from(byte & 0x7f) << self.shift;
        if byte & 0x80 == 0 {
            return Ok(Step::Done(value));
        }
        Ok(Step::More(Self { value, shift: self.shift + 7 }))
    }
}

fn malformed() -> Status {
    Status::new(Code::Internal, "a tunnel message that cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::TunnelMessage;
    use proptest::prelude::*;
    use prost::Message;

    /// All data of the input, `|` where a message ends.
    fn read(decoder: &mut Decoder, input: &[u8], piece: usize) -> Result<Vec<u8>, Status> {
        let mut data = Vec::new();
        for part in input.chunks(piece) {
            let mut at = 0;
            loop {
                let (taken, found) = decoder.next(&part[at..])?;
                match &found {
                    Some(Part::Data(range)) => data.extend(&part[at..][range.clone()]),
                    Some(Part::End) => data.push(b'|'),
                    None => {}
                }
                at += taken;
                if taken == 0 && found.is_none() {
                    break;
                }
            }
        }
        Ok(data)
    }

    fn message(data: &[u8]) -> TunnelMessage {
        TunnelMessage {
            id: "tcp-1".into(),
            protocol: "tcp".into(),
            data: data.to_vec().into(),
            guest_addr: "127.0.0.1:80".into(),
            udp_target_addr: "unused".into(),
        }
    }

    #[test]
    fn messages_are_read_in_any_pieces() {
        let first = TunnelMessage { data: Vec::new().into(), ..message(b"") };
        let bytes = [grpc::message(&first), grpc::message(&message(b"abc")), vec![0; 5]].concat();
        for piece in 1..bytes.len() {
            let mut decoder = Decoder::new();
            assert_eq!(read(&mut decoder, &bytes, piece), Ok(b"|abc||".to_vec()));
            let handshake = decoder.handshake().expect("UTF-8");
            let Handshake { id, protocol, target } = &handshake;
            assert_eq!([id, protocol, target], ["tcp-1", "tcp", "127.0.0.1:80"]);
        }
    }

    #[test]
    fn fields_that_are_not_known_are_passed_over() {
        // Fields 9 (number), 10 (64 bit), 11 (text), 12 (32 bit), then data.
        let fields = [
            &[0x48, 0xff, 0x01][..],
            &[0x51, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x5a, 2, b'x', b'y'],
            &[0x65, 0, 0, 0, 0],
            &[0x1a, 1, b'!'],
        ]
        .concat();
        let bytes =
            [&[0, 0, 0, 0, u8::try_from(fields.len()).expect("short")], &fields[..]].concat();
        assert_eq!(read(&mut Decoder::default(), &bytes, 100), Ok(b"!|".to_vec()));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for fields in [
            &[0x1a, 2, b'x'][..],
            &[0x1a],
            &[0x1a, 0x80],
            &[0x08, 0xff],
            &[0x03],
            &[0x00, 0x00],
            &[0x51, 0, 0],
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
        ] {
            let mut bytes = vec![0, 0, 0, 0, u8::try_from(fields.len()).expect("short")];
            bytes.extend(fields);
            bytes.extend([0; 20]);
            let refused = read(&mut Decoder::new(), &bytes, 100);
            assert_eq!(refused, Err(malformed()), "{fields:x?}");
        }
    }

    #[test]
    fn targets_have_a_limit() {
        let message = TunnelMessage { guest_addr: "x".repeat(4097), ..TunnelMessage::default() };
        let refused = read(&mut Decoder::new(), &grpc::message(&message), 100);
        assert_eq!(refused.expect_err("too long").code, Code::InvalidArgument);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, piece in 1_usize..20) {
            let _ = read(&mut Decoder::new(), &bytes, piece);
        }

        #[test]
        fn what_is_read_is_what_protobuf_reads(bytes: Vec<u8>, piece in 1_usize..20) {
            let framed = [&[0][..], &u32::try_from(bytes.len()).expect("short").to_be_bytes(), &bytes].concat();
            if let (Ok(ours), Ok(theirs)) =
                (read(&mut Decoder::new(), &framed, piece), TunnelMessage::decode(&bytes[..]))
            {
                prop_assert!(ours.ends_with(&[&theirs.data[..], b"|"].concat()) || ours.len() > theirs.data.len() + 1);
            }
        }
    }
}
