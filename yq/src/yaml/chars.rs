//! Classes of characters, on bytes. What is past the end counts as a zero byte, as does the end itself.

/// The byte at a place.
pub(super) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

pub(super) fn is_blank(text: &[u8], at: usize) -> bool {
    matches!(byte(text, at), b' ' | b'\t')
}

/// A line break: CR, LF, NEL, LS or PS.
pub(super) fn is_break(text: &[u8], at: usize) -> bool {
    match byte(text, at) {
        b'\r' | b'\n' => true,
        0xC2 => byte(text, at + 1) == 0x85,
        0xE2 => byte(text, at + 1) == 0x80 && matches!(byte(text, at + 2), 0xA8 | 0xA9),
        _ => false,
    }
}

pub(super) fn is_break_or_end(text: &[u8], at: usize) -> bool {
    byte(text, at) == 0 || is_break(text, at)
}

pub(super) fn is_blank_or_end(text: &[u8], at: usize) -> bool {
    is_blank(text, at) || is_break_or_end(text, at)
}

/// Whether a character can be written as it is.
pub(super) fn is_printable(character: char) -> bool {
    matches!(character,
        '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}')
}

pub(super) fn is_flow_indicator(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b'{' | b'}' | b',')
}

/// A character of the name of an anchor.
pub(super) fn is_anchor(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':' && !is_flow_indicator(byte)
}

/// Letters, digits, `_` and `-`.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// A character of a tag; within `!<...>` also flow indicators.
pub(super) fn is_tag(byte: u8, is_verbatim: bool) -> bool {
    is_word(byte)
        || b";/?:@&=+$.!~*'()%".contains(&byte)
        || (is_verbatim && is_flow_indicator(byte))
}

/// The length of a character by its first byte.
pub(super) fn width(first: u8) -> usize {
    match first {
        0x00..=0xBF => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    }
}
