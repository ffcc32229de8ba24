//! The patterns of tokens: each gives the length of what it matches at the start of a text.

/// Words: `|` parts alternatives, `?` makes the character before it optional.
pub(super) fn word(text: &str, pattern: &str) -> Option<usize> {
    pattern.split('|').find_map(|pattern| one_word(text.as_bytes(), pattern.as_bytes()))
}

fn one_word(text: &[u8], pattern: &[u8]) -> Option<usize> {
    let (mut at, mut rest) = (0, pattern);
    while let Some((wanted, after)) = rest.split_first() {
        let is_optional = after.first() == Some(&b'?');
        rest = if is_optional { after.get(1..).unwrap_or_default() } else { after };
        if text.get(at) == Some(wanted) {
            at += 1;
        } else if !is_optional {
            return None;
        }
    }
    Some(at)
}

/// A word and a number in brackets.
pub(super) fn call(text: &str, pattern: &str, may_be_negative: bool) -> Option<usize> {
    let start = word(text, pattern)?;
    let inside = text.get(start..)?.strip_prefix('(')?;
    let sign = usize::from(may_be_negative && inside.starts_with('-'));
    let digits = count(inside.get(sign..)?, |c| c.is_ascii_digit());
    let after = inside.get(sign + digits..)?;
    (digits > 0 && after.starts_with(')')).then_some(start + 1 + sign + digits + 1)
}

/// The number in the brackets of a call.
pub(super) fn argument(text: &str) -> i64 {
    let inside = text.split_once('(').map_or("", |(_, inside)| inside).trim_end_matches(')');
    inside.parse().unwrap_or(i64::MAX)
}

/// A word and anything up to the closing bracket.
pub(super) fn named_call(text: &str, name: &str) -> Option<usize> {
    let inside = text.strip_prefix(name)?.strip_prefix('(')?;
    let length = inside.find(')')?;
    (length > 0).then_some(name.len() + 1 + length + 1)
}

fn count(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// A sign with white space around it.
pub(super) fn spaced(text: &str, sign: &str) -> Option<usize> {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0C');
    let before = count(text, is_space);
    let after = text.get(before..)?.strip_prefix(sign)?;
    Some(before + sign.len() + count(after, is_space))
}

/// A sign and any of the letters behind it.
pub(super) fn with_letters(text: &str, sign: &str, letters: &str) -> Option<usize> {
    let after = text.strip_prefix(sign)?;
    Some(sign.len() + count(after, |c| letters.contains(c)))
}

pub(super) fn white_space(text: &str) -> Option<usize> {
    Some(count(text, |c| matches!(c, ' ' | '\t' | '\n'))).filter(|length| *length > 0)
}

pub(super) fn comment(text: &str) -> Option<usize> {
    text.starts_with('#').then(|| count(text, |c| c != '\n'))
}

pub(super) fn variable(text: &str) -> Option<usize> {
    let name = text.strip_prefix('$')?;
    let length = count(name, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    (length > 0).then_some(1 + length)
}

fn digits(text: &str) -> Option<usize> {
    Some(count(text, |c| c.is_ascii_digit())).filter(|length| *length > 0)
}

pub(super) fn hex(text: &str) -> Option<usize> {
    let after = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let length = count(after, |c| c.is_ascii_hexdigit());
    (length > 0).then_some(2 + length)
}

pub(super) fn integer(text: &str) -> Option<usize> {
    let sign = usize::from(text.starts_with('-'));
    Some(sign + digits(text.get(sign..)?)?)
}

pub(super) fn float(text: &str) -> Option<usize> {
    let whole = integer(text)?;
    Some(whole + 1 + digits(text.get(whole..)?.strip_prefix('.')?)?)
}

/// One digit, perhaps a fraction, and an exponent.
pub(super) fn scientific(text: &str) -> Option<usize> {
    let mut at = usize::from(text.starts_with('-'));
    if !text.get(at..)?.starts_with(|c: char| matches!(c, '1'..='9')) {
        return None;
    }
    at += 1;
    if let Some(fraction) = text.get(at..)?.strip_prefix('.').and_then(digits) {
        at += 1 + fraction;
    }
    let after = text.get(at..)?.strip_prefix(['e', 'E'])?;
    let sign = usize::from(after.starts_with(['+', '-']));
    Some(at + 1 + sign + digits(after.get(sign..)?)?)
}

pub(super) fn any_case(text: &str, name: &str) -> Option<usize> {
    text.get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name))
        .then_some(name.len())
}

/// A text in double quotes; a backslash keeps the next character in.
pub(super) fn quoted(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    characters.next().filter(|(_, first)| *first == '"')?;
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some(at + 1),
            '\\' => {
                characters.next().filter(|(_, next)| *next != '\n')?;
            }
            _ => {}
        }
    }
    None
}

/// `."key"`, without blanks and quotes in the key.
pub(super) fn wrapped_key(text: &str) -> Option<usize> {
    let inside = text.strip_prefix(".\"")?;
    let length = count(inside, |c| c != ' ' && c != '"');
    if length == 0 || !inside.get(length..)?.starts_with('"') {
        return None;
    }
    let end = 2 + length + 1;
    Some(end + usize::from(text.get(end..)?.starts_with('?')))
}

pub(super) fn key(text: &str) -> Option<usize> {
    let name = text.strip_prefix('.')?;
    let length = count(name, |c| !" ;}{:[],|.()=\n!".contains(c));
    (length > 0).then_some(1 + length)
}
