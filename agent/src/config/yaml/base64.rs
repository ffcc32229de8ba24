//! Base64 as the reference loader reads it: characters outside the alphabet are skipped.

/// Decodes. `None` if the text is not ASCII, or ends inside a group.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut sextets, mut pads) = (0u32, 0u32, 0u32);
    for byte in text.bytes() {
        if byte == b'=' {
            pads += 1;
            if sextets >= 2 && sextets + pads >= 4 {
                return Some(out);
            }
            continue;
        }
        let Some(value) = sextet(byte) else { continue };
        pads = 0;
        bits = (bits << 6) | u32::from(value);
        sextets = (sextets + 1) % 4;
        match sextets {
            2 => out.push(low_byte(bits >> 4)),
            3 => out.push(low_byte(bits >> 2)),
            0 => out.push(low_byte(bits)),
            _ => {}
        }
    }
    (sextets == 0).then_some(out)
}

fn low_byte(bits: u32) -> u8 {
    let [.., low] = bits.to_be_bytes();
    low
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
