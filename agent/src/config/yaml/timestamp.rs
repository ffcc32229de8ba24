//! Dates: `2026-01-31`, or with a time behind `T` or blanks, and then a zone.

/// Whether a text has the form of a date, whatever its numbers are.
pub(super) fn is_timestamp(text: &str) -> bool {
    split(text).is_some()
}

/// A date in ISO 8601 form. `None` if the text is none, or if there is no such day or time.
pub(super) fn timestamp(text: &str) -> Option<String> {
    let Parts { date: (year, month, day), time } = split(text)?;
    if year == 0 || day == 0 || day > days(year, month)? {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    let Some(Time { clock: (hour, minute, second), fraction, zone }) = time else {
        return Some(date);
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match micros(fraction) {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{micros}{}", offset(zone)?))
}

struct Parts<'a> {
    date: (u32, u32, u32),
    time: Option<Time<'a>>,
}

struct Time<'a> {
    clock: (u32, u32, u32),
    /// Digits behind the point.
    fraction: &'a str,
    /// Empty, `Z`, or sign with hours and perhaps minutes.
    zone: &'a str,
}

/// A day alone has two digits for month and day; with a time one is enough.
fn split(text: &str) -> Option<Parts<'_>> {
    let (year, rest) = number(text, 4, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let date = (year, month, day);
    if rest.is_empty() {
        return (text.len() == 10).then_some(Parts { date, time: None });
    }
    let rest = match rest.strip_prefix(['T', 't']) {
        Some(rest) => rest,
        None => rest.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']),
    };
    let (hour, rest) = number(rest, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
    };
    let zone = rest.trim_start_matches([' ', '\t']);
    let blanks_only = zone.is_empty() && !rest.is_empty();
    let known = zone.is_empty() || zone == "Z" || hours_and_minutes(zone).is_some();
    let time = Time { clock: (hour, minute, second), fraction, zone };
    (known && !blanks_only).then_some(Parts { date, time: Some(time) })
}

/// Between `least` and `most` digits at the front, and what follows them.
fn number(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    if digits < least { None } else { Some((number.parse().ok()?, rest)) }
}

fn hours_and_minutes(zone: &str) -> Option<(char, u32, u32)> {
    let sign = zone.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let (hours, rest) = number(zone.get(1..)?, 1, 2)?;
    let (minutes, rest) = match rest.strip_prefix(':') {
        None => (0, rest),
        Some(rest) => number(rest, 2, 2)?,
    };
    rest.is_empty().then_some((sign, hours, minutes))
}

/// The zone as ISO 8601 writes it; `None` for a day or more.
fn offset(zone: &str) -> Option<String> {
    match zone {
        "" => Some(String::new()),
        "Z" => Some("+00:00".to_owned()),
        zone => {
            let (sign, hours, minutes) = hours_and_minutes(zone)?;
            let minutes = hours * 60 + minutes;
            let sign = if minutes == 0 { '+' } else { sign };
            let text = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            (minutes < 24 * 60).then_some(text)
        }
    }
}

fn micros(fraction: &str) -> u32 {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
}

fn days(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}
