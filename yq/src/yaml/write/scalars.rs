//! Scalars in all styles.

use super::{Opening, Writer};
use crate::tree::Style;
use crate::yaml::chars::{is_blank_or_end, is_break, is_printable};

impl<'a> Writer<'a> {
    pub(super) fn scalar(&mut self, opening: &Opening<'a>) {
        let style = self.choose_style(opening);
        let text: &'a str = &opening.node.value;
        self.anchor(opening.node);
        self.tag(opening.tag.as_deref());
        self.increase_indent(true);
        match style {
            Style::SINGLE => self.single(text),
            Style::DOUBLE => self.double(text),
            Style::LITERAL => self.literal(text),
            Style::FOLDED => self.folded(text),
            _ => self.plain(text),
        }
        self.decrease_indent();
    }

    fn choose_style(&self, opening: &Opening<'_>) -> Style {
        let (node, traits) = (opening.node, opening.traits);
        let wanted = [Style::DOUBLE, Style::SINGLE, Style::LITERAL, Style::FOLDED];
        let asked = wanted.into_iter().find(|style| node.style.has(*style));
        let mut style = asked.unwrap_or({
            if node.value.contains('\n') {
                Style::LITERAL
            } else if opening.force_quotes {
                Style::DOUBLE
            } else {
                Style::PLAIN
            }
        });
        if opening.is_simple_key && traits.has_breaks {
            style = Style::DOUBLE;
        }
        let in_flow = self.flow > 0;
        if style == Style::PLAIN {
            let is_allowed = if in_flow { traits.plain_in_flow } else { traits.plain_in_block };
            let is_lost = node.value.is_empty() && (in_flow || opening.is_simple_key);
            if !is_allowed || is_lost {
                style = Style::SINGLE;
            }
        }
        if style == Style::SINGLE && !traits.single {
            style = Style::DOUBLE;
        }
        let is_block = style == Style::LITERAL || style == Style::FOLDED;
        if is_block && (!traits.block || in_flow || opening.is_simple_key) {
            style = Style::DOUBLE;
        }
        style
    }

    pub(super) fn plain(&mut self, text: &str) {
        if !text.is_empty() {
            if !self.was_space {
                self.put(' ');
            }
            self.put_all(text);
            self.was_space = false;
        }
        self.is_indented = false;
    }

    fn single(&mut self, text: &str) {
        self.indicator("'", true, false, false);
        let mut was_break = false;
        for (at, character) in text.char_indices() {
            if is_break(text.as_bytes(), at) {
                if !was_break && character == '\n' {
                    self.put_break();
                }
                self.break_with(character);
                was_break = true;
                continue;
            }
            if character == ' ' {
                self.put(' ');
                continue;
            }
            if was_break {
                self.write_indent();
            }
            if character == '\'' {
                self.put('\'');
            }
            self.put(character);
            self.is_indented = false;
            was_break = false;
        }
        self.indicator("'", false, false, false);
        self.is_indented = false;
    }

    fn double(&mut self, text: &str) {
        self.indicator("\"", true, false, false);
        for (at, character) in text.char_indices() {
            let is_plain = is_printable(character)
                && !is_break(text.as_bytes(), at)
                && !matches!(character, '"' | '\\');
            if is_plain {
                self.put(character);
            } else {
                self.escape(character);
            }
        }
        self.indicator("\"", false, false, false);
        self.is_indented = false;
    }

    fn escape(&mut self, character: char) {
        let letter = match character {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0B' => 'v',
            '\x0C' => 'f',
            '\r' => 'r',
            '\x1B' => 'e',
            '"' | '\\' => character,
            '\u{85}' => 'N',
            '\u{A0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(character);
                let text = match code {
                    0..=0xFF => format!("\\x{code:02X}"),
                    0x100..=0xFFFF => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return self.put_all(&text);
            }
        };
        self.put('\\');
        self.put(letter);
    }

    /// The depth if the text starts with a blank, and what happens to breaks at its end.
    fn block_hints(&mut self, text: &str) {
        if text.starts_with(' ') {
            let step = self.step.to_string();
            self.indicator(&step, false, false, false);
        }
        let ends = |text: &str| {
            text.char_indices().next_back().is_some_and(|(at, _)| is_break(text.as_bytes(), at))
        };
        let mut front = text.chars();
        front.next_back();
        let front = front.as_str();
        if !ends(text) {
            self.indicator("-", false, false, false);
        } else if front.is_empty() || ends(front) {
            self.indicator("+", false, false, false);
        }
    }

    fn block_start(&mut self, sign: &str, text: &str) {
        self.indicator(sign, true, false, false);
        self.block_hints(text);
        if !self.process_line() {
            self.put_break();
        }
        self.was_space = true;
    }

    fn literal(&mut self, text: &str) {
        self.block_start("|", text);
        let mut was_break = true;
        for (at, character) in text.char_indices() {
            if is_break(text.as_bytes(), at) {
                self.break_with(character);
                was_break = true;
                continue;
            }
            if was_break {
                self.write_indent();
            }
            self.put(character);
            self.is_indented = false;
            was_break = false;
        }
    }

    fn folded(&mut self, text: &str) {
        self.block_start(">", text);
        let bytes = text.as_bytes();
        let (mut was_break, mut starts_blank) = (true, true);
        for (at, character) in text.char_indices() {
            if is_break(bytes, at) {
                if !was_break && !starts_blank && character == '\n' && has_text_after_breaks(text) {
                    self.put_break();
                }
                self.break_with(character);
                was_break = true;
                continue;
            }
            if was_break {
                self.write_indent();
                starts_blank = matches!(character, ' ' | '\t');
            }
            self.put(character);
            self.is_indented = false;
            was_break = false;
        }
    }
}

/// Whether text follows the breaks at the *start* of a text: so the original looks at it.
fn has_text_after_breaks(text: &str) -> bool {
    let bytes = text.as_bytes();
    let start = text.char_indices().find(|(at, _)| !is_break(bytes, *at));
    start.is_some_and(|(at, _)| !is_blank_or_end(bytes, at))
}
