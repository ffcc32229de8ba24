//! The Huffman code of HPACK (RFC 7541 5.2 and appendix B).
//!
//! The code is canonical: codes of one length are consecutive numbers in the
//! order of their symbols, and follow on those of the length before. So the
//! lengths are all there is to know of it, and a code is found by comparing
//! its value with the first of each length.

use super::Malformed;
use std::sync::LazyLock;

const LONGEST: usize = 30;

/// The length in bits of each symbol's code; the last is the end of the text.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

static CODE: LazyLock<Code> = LazyLock::new(Code::new);

/// The symbols by length and value.
struct Code {
    /// For each length: the first code, the number of codes, and where its
    /// symbols begin.
    lengths: Vec<(u32, u32, usize)>,
    symbols: Vec<u16>,
}

impl Code {
    fn new() -> Self {
        let mut code = 0;
        let mut symbols = Vec::with_capacity(LENGTHS.len());
        let mut lengths = Vec::with_capacity(LONGEST);
        for length in 1..=LONGEST {
            let start = symbols.len();
            let of_length = LENGTHS.iter().zip(0..).filter(|(l, _)| usize::from(**l) == length);
            symbols.extend(of_length.map(|(_, symbol)| symbol));
            let count = u32::try_from(symbols.len() - start).unwrap_or(u32::MAX);
            lengths.push((code, count, start));
            code = (code + count) << 1;
        }
        Self { lengths, symbols }
    }

    /// The symbol of a code, if there is one of this length.
    fn symbol(&self, value: u32, length: usize) -> Option<u16> {
        let (first, count, start) = *self.lengths.get(length.checked_sub(1)?)?;
        let nth = value.checked_sub(first).filter(|nth| *nth < count)?;
        self.symbols.get(start + usize::try_from(nth).ok()?).copied()
    }
}

/// Decodes a text of at most `most` bytes.
pub fn decode(bytes: &[u8], most: usize) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::new();
    let (mut value, mut length) = (0_u32, 0);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1)) {
        value = value << 1 | u32::from(bit);
        length += 1;
        if let Some(symbol) = CODE.symbol(value, length) {
            // END must not be written out, so it is no byte either.
            text.push(u8::try_from(symbol).map_err(|_| Malformed)?);
            (value, length) = (0, 0);
        } else if length >= LONGEST || text.len() > most {
            return Err(Malformed);
        }
    }
    // What fills the last byte is the start of END's code: at most 7 ones.
    let padding = length < 8 && value == (1 << length) - 1;
    if padding && text.len() <= most { Ok(text) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_has_a_code_and_the_code_is_full() {
        let sum: u64 = LENGTHS.iter().map(|length| 1 << (LONGEST - usize::from(*length))).sum();
        assert_eq!(sum, 1 << LONGEST);
        assert_eq!(CODE.symbol((1 << LONGEST) - 1, LONGEST), Some(256), "the end of a text");
    }

    #[test]
    fn texts_of_the_standard_are_read() {
        for (coded, text) in [
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[], ""),
        ] {
            assert_eq!(decode(coded, 100), Ok(text.into()));
        }
    }

    #[test]
    fn padding_and_end_are_checked() {
        assert_eq!(decode(&[0xff; 4], 100), Err(Malformed));
        assert_eq!(decode(&[0x00], 100), Err(Malformed));
        assert_eq!(decode(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], 3), Err(Malformed));
    }
}
