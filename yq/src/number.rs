//! Numbers as Go's `strconv` and `fmt` read and write them.

/// How an integer was written, and so how a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Decimal,
    Hex,
    Octal,
}

/// An integer in decimal, `0x` or `0o`, with underscores anywhere.
pub(crate) fn parse_based(text: &str) -> Result<(Base, i64), String> {
    let plain = text.replace('_', "");
    let (base, radix, digits) =
        if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
            (Base::Hex, 16, digits)
        } else if let Some(digits) = plain.strip_prefix("0o") {
            (Base::Octal, 8, digits)
        } else {
            (Base::Decimal, 10, &*plain)
        };
    match i64::from_str_radix(digits, radix) {
        Ok(number) => Ok((base, number)),
        Err(_) => Err(format!("`{text}` is not an integer of 64 bits")),
    }
}

pub(crate) fn parse_int(text: &str) -> Result<i64, String> {
    parse_based(text).map(|(_, number)| number)
}

impl Base {
    /// Writes a number as `fmt` would: a sign goes after the prefix of `0x`.
    pub(crate) fn write(self, number: i64) -> String {
        let sign = if number < 0 { "-" } else { "" };
        match self {
            Self::Decimal => number.to_string(),
            Self::Hex => format!("0x{sign}{:X}", number.unsigned_abs()),
            Self::Octal => format!("0o{sign}{:o}", number.unsigned_abs()),
        }
    }
}

/// A number with fraction: decimal with exponent, hexadecimal with `p`, `inf` and `nan`.
pub(crate) fn parse_float(text: &str) -> Result<f64, String> {
    let fault = || format!("`{text}` is not a number");
    let bare = text.trim_start_matches(['+', '-']);
    if text.len() - bare.len() > 1 {
        return Err(fault());
    }
    let is_hex = bare.starts_with("0x") || bare.starts_with("0X");
    if is_hex {
        // Go reads them with a `p` exponent only; they are rarer than the code is long.
        return Err(fault());
    }
    let plain: String = bare.to_ascii_lowercase();
    if matches!(&*plain, "inf" | "infinity" | "nan") {
        return text.parse().map_err(|_| fault());
    }
    let is_number = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !is_number || plain.contains('_') {
        return Err(fault());
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(fault()),
    }
}

/// A number as `%v` writes it: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn write_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..6).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
