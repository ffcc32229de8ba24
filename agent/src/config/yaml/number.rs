//! Numbers of YAML 1.1: underscores are ignored, a leading 0 means octal, `:` means base 60.

use super::Value;

/// An integer. One of more than 38 digits does not fit and stays text.
/// `None` if the text is no integer, for example `0b_`.
pub(super) fn integer(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    let (negative, digits) = sign(&digits);
    let parsed = if digits == "0" {
        Ok(0)
    } else if let Some(rest) = digits.strip_prefix("0b") {
        radix(rest, 2)?
    } else if let Some(rest) = digits.strip_prefix("0x") {
        radix(rest, 16)?
    } else if digits.starts_with('0') {
        radix(digits, 8)?
    } else if digits.contains(':') {
        base_60_integer(digits)?
    } else {
        radix(digits, 10)?
    };
    Some(match parsed {
        Ok(value) => Value::Int(if negative { -value } else { value }),
        Err(TooLarge) => Value::Str(text.to_owned()),
    })
}

/// A float. `None` if the text is none.
pub(super) fn float(text: &str) -> Option<Value> {
    let digits = text.replace('_', "").to_ascii_lowercase();
    let (negative, digits) = sign(&digits);
    let value = match digits {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        digits if digits.contains(':') => base_60_float(digits)?,
        digits => plain_float(digits)?,
    };
    Some(Value::Float(if negative { -value } else { value }))
}

struct TooLarge;

/// `None` if there is another character than digits of this radix, or none at all.
fn radix(digits: &str, radix: u32) -> Option<Result<i128, TooLarge>> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(i128::from_str_radix(digits, radix).map_err(|_| TooLarge))
}

fn base_60_integer(digits: &str) -> Option<Result<i128, TooLarge>> {
    let mut value: i128 = 0;
    for part in digits.split(':') {
        let Ok(part) = radix(part, 10)? else { return Some(Err(TooLarge)) };
        match value.checked_mul(60).and_then(|value| value.checked_add(part)) {
            Some(next) => value = next,
            None => return Some(Err(TooLarge)),
        }
    }
    Some(Ok(value))
}

fn base_60_float(digits: &str) -> Option<f64> {
    let mut value = 0.0;
    let mut base = 1.0;
    for part in digits.rsplit(':') {
        value += plain_float(part)? * base;
        base *= 60.0;
    }
    Some(value)
}

/// Digits, point and exponent; not the words that Rust's parser knows as well.
fn plain_float(digits: &str) -> Option<f64> {
    let known = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-');
    if digits.bytes().all(known) { digits.parse().ok() } else { None }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}
