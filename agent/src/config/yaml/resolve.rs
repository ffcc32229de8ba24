//! Which type a plain scalar has, by its text alone.
//!
//! YAML 1.1 gives each type a pattern (<https://yaml.org/type/>); the loader that seeds are written
//! for narrows some of them, and that is what counts here: `y` and `n` are strings, a float with an
//! exponent needs a point before it and a sign in it, `0o17` is a string, and a sign is not allowed
//! before a point. The patterns exclude each other, so their order has no meaning.

/// The types a text can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Timestamp,
    /// `<<` and `=`: they have a meaning as keys only.
    Special,
    Str,
}

/// The type of a plain scalar.
pub(super) fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "<<" | "=" => return Kind::Special,
        _ => {}
    }
    if is_bool(text) {
        return Kind::Bool;
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Kind::Str;
    }
    if is_int(text) {
        Kind::Int
    } else if is_float(text) {
        Kind::Float
    } else if super::timestamp::is_timestamp(text) {
        Kind::Timestamp
    } else {
        Kind::Str
    }
}

/// A word in lower, Capital or UPPER case.
fn is_bool(text: &str) -> bool {
    const WORDS: [&str; 6] = ["yes", "no", "true", "false", "on", "off"];
    let Some(rest) = text.get(1..) else { return false };
    let lower = |c: char| c.is_ascii_lowercase();
    let upper = |c: char| c.is_ascii_uppercase();
    let one_case = text.chars().all(upper) || rest.chars().all(lower);
    one_case && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_int(text: &str) -> bool {
    let digits = unsigned(text);
    if let Some(rest) = digits.strip_prefix("0b") {
        return some(rest, |b| matches!(b, b'0' | b'1' | b'_'));
    }
    if let Some(rest) = digits.strip_prefix("0x") {
        return some(rest, |b| b.is_ascii_hexdigit() || b == b'_');
    }
    if let Some(rest) = digits.strip_prefix('0') {
        return rest.bytes().all(|b| matches!(b, b'0'..=b'7' | b'_'));
    }
    let (first, rest) = base_60(digits);
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(is_digit)
        && rest.is_empty()
}

fn is_float(text: &str) -> bool {
    let number = unsigned(text);
    if matches!(number, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(fraction) = text.strip_prefix('.') {
        let (digits, exponent) = exponent(fraction);
        return starts_with_digit(digits) && digits.bytes().all(is_digit) && exponent;
    }
    let Some((whole, fraction)) = number.split_once('.') else { return false };
    let (first, rest) = base_60(whole);
    if !starts_with_digit(first) || !first.bytes().all(is_digit) || !rest.is_empty() {
        return false;
    }
    if first.len() < whole.len() {
        return fraction.bytes().all(is_digit);
    }
    let (digits, exponent) = exponent(fraction);
    digits.bytes().all(is_digit) && exponent
}

/// Splits `12:30:45` behind its first part; the second is what is no `:` with one or two digits
/// (the first of two below 6).
fn base_60(text: &str) -> (&str, &str) {
    let end = text.find(':').unwrap_or(text.len());
    let (first, mut rest) = text.split_at(end);
    while let Some(part) = rest.strip_prefix(':') {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let fits = match digits {
            1 => true,
            2 => part.starts_with(|c| matches!(c, '0'..='5')),
            _ => false,
        };
        match part.get(digits..) {
            Some(behind) if fits => rest = behind,
            _ => break,
        }
    }
    (first, rest)
}

/// Splits `5e+3` into its digits and whether what follows them is an exponent or nothing.
fn exponent(text: &str) -> (&str, bool) {
    match text.split_once(['e', 'E']) {
        None => (text, true),
        Some((digits, power)) => {
            let power = power.strip_prefix(['+', '-']);
            (digits, power.is_some_and(|power| some(power, |b| b.is_ascii_digit())))
        }
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_'
}

fn some(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}
