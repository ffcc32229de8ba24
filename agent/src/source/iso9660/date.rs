//! The moment a volume was made: 16 digits, `YYYYMMDDHHMMSScc`, and one byte with the zone, in
//! quarters of an hour east of Greenwich (ECMA-119, 8.4.26.1).

use crate::calendar::Moment;

/// Seconds after 1970. `None` if the field is empty or says no moment after 1970.
pub(super) fn seconds(field: &[u8]) -> Option<u64> {
    let (digits, zone) = field.split_first_chunk::<16>()?;
    let number = |from: usize, to: usize| -> Option<u64> {
        std::str::from_utf8(digits.get(from..to)?).ok()?.parse().ok()
    };
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let is_time = hour < 24 && minute < 60 && second < 60;
    let local = Moment {
        year: number(0, 4)?,
        month: number(4, 6)?,
        day: number(6, 8)?,
        second: hour * 3600 + minute * 60 + second,
    };
    let east = i64::from(zone.first()?.cast_signed()) * 900;
    local.seconds().filter(|_| is_time)?.checked_add_signed(-east)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_its_zone() {
        assert_eq!(seconds(b"2023111422132099\0"), Some(1_700_000_000));
        assert_eq!(seconds(b"2023111423132000\x04"), Some(1_700_000_000));
        assert_eq!(seconds(b"2023111421132000\xfc"), Some(1_700_000_000));
        for none in [&b"0000000000000000\0"[..], b"20231114221320", b"2023131422132000\0", b""] {
            assert_eq!(seconds(none), None, "{none:?}");
        }
        assert_eq!(seconds(b"+023111422132000\0"), None);
    }
}
