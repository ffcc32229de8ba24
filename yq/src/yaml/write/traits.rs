//! How a text may be written.

use super::Opening;
use crate::tree::Kind;
use crate::yaml::chars::{is_blank, is_break, is_break_or_end, is_printable};

/// Bytes of a key that needs no `?`.
const KEY_LIMIT: usize = 128;

/// The styles that keep a text as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traits {
    pub(super) has_breaks: bool,
    pub(super) plain_in_flow: bool,
    pub(super) plain_in_block: bool,
    pub(super) single: bool,
    pub(super) block: bool,
}

/// What was seen in a text.
#[derive(Default)]
struct Seen {
    block_sign: bool,
    flow_sign: bool,
    breaks: bool,
    special: bool,
    tab: bool,
    space_at_end: bool,
    blank_edge: bool,
    break_then_space: bool,
    space_then_break: bool,
}

impl Traits {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { plain_in_block: true, single: true, ..Self::default() };
        }
        let seen = look(text);
        let plain = !(seen.blank_edge
            || seen.break_then_space
            || seen.space_then_break
            || seen.tab
            || seen.special
            || seen.breaks);
        Self {
            has_breaks: seen.breaks,
            plain_in_flow: plain && !seen.flow_sign,
            plain_in_block: plain && !seen.block_sign,
            single: !(seen.break_then_space || seen.space_then_break || seen.tab || seen.special),
            block: !(seen.space_at_end || seen.space_then_break || seen.special),
        }
    }
}

fn look(text: &str) -> Seen {
    let is_document = text.starts_with("---") || text.starts_with("...");
    let mut seen = Seen { block_sign: is_document, flow_sign: is_document, ..Seen::default() };
    let (mut after_gap, mut was_space, mut was_break) = (true, false, false);
    let bytes = text.as_bytes();
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        let before_gap = next >= bytes.len() || is_blank(bytes, next);
        look_for_sign(&mut seen, character, at == 0, after_gap, before_gap);
        if character == '\t' {
            seen.tab = true;
        } else if !is_printable(character) {
            seen.special = true;
        }
        let is_edge = at == 0 || next == bytes.len();
        let is_break = is_break(bytes, at);
        if character == ' ' {
            seen.space_at_end |= next == bytes.len();
            seen.break_then_space |= was_break;
        } else if is_break {
            seen.breaks = true;
            seen.space_then_break |= was_space;
        }
        (was_space, was_break) = (character == ' ', is_break);
        seen.blank_edge |= is_edge && (was_space || was_break);
        after_gap = is_blank(bytes, at) || is_break_or_end(bytes, at);
    }
    seen
}

fn look_for_sign(seen: &mut Seen, sign: char, is_first: bool, after_gap: bool, before_gap: bool) {
    let (flow, block) = match sign {
        ',' | '[' | ']' | '{' | '}' => (true, is_first),
        '?' => (true, is_first && before_gap),
        ':' => (true, before_gap),
        '#' => (is_first || after_gap, is_first || after_gap),
        '-' => (is_first && before_gap, is_first && before_gap),
        '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => (is_first, is_first),
        _ => (false, false),
    };
    seen.flow_sign |= flow;
    seen.block_sign |= block;
}

impl Opening<'_> {
    /// Whether it can be a key without `?`.
    pub(super) fn fits_as_key(&self) -> bool {
        let node = self.node;
        let tag = self.tag.as_ref().map_or(0, |tag| tag.len());
        let length = match node.kind {
            Kind::Alias => node.value.len(),
            Kind::Scalar if self.traits.has_breaks => return false,
            Kind::Scalar => node.anchor.len() + tag + node.value.len(),
            Kind::Sequence | Kind::Mapping if node.content.is_empty() => node.anchor.len() + tag,
            Kind::Sequence | Kind::Mapping => return false,
            Kind::Unset => 4,
        };
        length <= KEY_LIMIT
    }
}
