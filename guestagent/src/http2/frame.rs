//! Frames as bytes: heads read and written, and the few whole frames we send.

/// The size of a frame's head in bytes.
pub const HEAD: usize = 9;
/// The largest payload that either side sends: the protocol's first value,
/// and all that Lima's host ever uses.
pub const PAYLOAD: usize = 16 * 1024;
/// What a client sends first.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
#[allow(missing_docs, reason = "the names are those of RFC 9113")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
#[allow(missing_docs, reason = "the names are those of RFC 9113")]
pub mod flag {
    pub const END_STREAM: u8 = 0x1;
    pub const ACK: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// Settings of a connection.
#[allow(missing_docs, reason = "the names are those of RFC 9113")]
pub mod setting {
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
}

/// Why a stream or a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Code {
    /// In good order.
    None = 0,
    /// Against the protocol.
    Protocol = 1,
    /// More data than a window allowed.
    FlowControl = 3,
    /// A frame on a stream that has ended.
    StreamClosed = 5,
    /// A frame of a size that its type does not have.
    FrameSize = 6,
    /// Not begun: the client may try again.
    Refused = 7,
    /// A header block that cannot be read.
    Compression = 9,
    /// More than any host needs.
    EnhanceYourCalm = 11,
}

/// A frame's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of payload.
    pub length: usize,
    /// The type.
    pub kind: u8,
    /// The flags.
    pub flags: u8,
    /// The stream, 0 for the connection.
    pub stream: u32,
}

impl Head {
    /// Reads a head from the start of a buffer, if it is there whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.first_chunk::<HEAD>()?.split_first_chunk::<3>()?;
        let ([kind, flags], stream) = rest.split_first_chunk::<2>()?;
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let stream = u32::from_be_bytes(*stream.first_chunk()?) & 0x7fff_ffff;
        Some(Self { length, kind: *kind, flags: *flags, stream })
    }

    /// The head as bytes; the length is cut to 24 bits.
    pub fn bytes(self) -> [u8; HEAD] {
        let [_, high, middle, low] = u32::try_from(self.length).unwrap_or(u32::MAX).to_be_bytes();
        let [first, second, third, last] = self.stream.to_be_bytes();
        [high, middle, low, self.kind, self.flags, first, second, third, last]
    }

    /// Whether a flag is set.
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a whole frame.
pub fn put(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend(Head { length: payload.len(), kind, flags, stream }.bytes());
    out.extend(payload);
}

/// Appends SETTINGS.
pub fn put_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let mut payload = Vec::with_capacity(6 * settings.len());
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    put(out, kind::SETTINGS, 0, 0, &payload);
}

/// Appends `WINDOW_UPDATE`.
pub fn put_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    put(out, kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
}

/// Appends `RST_STREAM`.
pub fn put_reset(out: &mut Vec<u8>, stream: u32, code: Code) {
    put(out, kind::RST_STREAM, 0, stream, &(code as u32).to_be_bytes());
}

/// Appends GOAWAY.
pub fn put_goaway(out: &mut Vec<u8>, last: u32, code: Code) {
    let mut payload = last.to_be_bytes().to_vec();
    payload.extend((code as u32).to_be_bytes());
    put(out, kind::GOAWAY, 0, 0, &payload);
}

/// Appends a header block field as a literal that enters no table. `name` is an
/// index of the static table or a text.
pub fn put_field(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    put_text(block, name);
    put_text(block, value);
}

/// A string without Huffman code, cut to 16 KiB.
fn put_text(block: &mut Vec<u8>, text: &[u8]) {
    let text = text.get(..PAYLOAD).unwrap_or(text);
    if let Ok(short @ 0..0x7f) = u8::try_from(text.len()) {
        block.push(short);
    } else {
        let mut rest = text.len() - 0x7f;
        block.push(0x7f);
        while rest >= 0x80 {
            block.push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
            rest >>= 7;
        }
        block.push(u8::try_from(rest).unwrap_or_default());
    }
    block.extend(text);
}
