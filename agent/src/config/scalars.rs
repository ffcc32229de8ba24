//! Small conversions that many keys of a cloud-config share: truth, file modes, owners.

use super::yaml::Value;

/// The mode of a file whose `permissions` are absent or cannot be understood.
pub const DEFAULT_MODE: i64 = 0o644;

/// A loose boolean: `true 1 on yes` and `false 0 off no`, as boolean, number or text in any case.
/// `None` for everything else.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Int(1) => Some(true),
        Value::Int(0) => Some(false),
        Value::Str(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Some(true),
            "false" | "0" | "off" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The mode of a file: [`decode_permissions`], or [`DEFAULT_MODE`] if it gives none.
pub fn permissions(value: &Value) -> i64 {
    decode_permissions(value).unwrap_or(DEFAULT_MODE)
}

/// The mode that a `permissions` key asks for. A number counts as it is (so `644`, which is 0o1204,
/// is surely a mistake), a text is read as octal. Nothing at all is [`DEFAULT_MODE`]; `None` is a
/// value that cannot be understood. The result is not checked: it can be negative or too large.
pub fn decode_permissions(value: &Value) -> Option<i64> {
    match value {
        Value::Null => Some(DEFAULT_MODE),
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Int(value) => i64::try_from(*value).ok(),
        Value::Float(value) => whole(*value),
        Value::Str(text) => octal(text),
        _ => None,
    }
}

/// User and group of `user:group`. An empty part, `-1` and `none` mean that nothing is asked for.
pub fn owner(text: Option<&str>) -> (Option<String>, Option<String>) {
    let text = text.unwrap_or_default();
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    (account(user), account(group))
}

fn account(name: &str) -> Option<String> {
    let name = name.trim();
    let nobody = name.is_empty() || name == "-1" || name.eq_ignore_ascii_case("none");
    (!nobody).then(|| name.to_owned())
}

/// The integer part, if it can be one.
fn whole(value: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "below 10^15")]
    (value.abs() < 1e15).then_some(value as i64)
}

/// Octal text as Python's `int(text, 8)` reads it: sign, `0o`, single underscores between digits.
fn octal(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let bare = digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0O"));
    let digits = bare.map_or(digits, |bare| bare.strip_prefix('_').unwrap_or(bare));
    if digits.split('_').any(str::is_empty)
        || !digits.bytes().all(|b| matches!(b, b'0'..=b'7' | b'_'))
    {
        return None;
    }
    let value = i64::from_str_radix(&digits.replace('_', ""), 8).ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_text_and_numbers_make_modes() {
        let table: &[(Value, Option<i64>)] = &[
            (Value::Str("0644".into()), Some(0o644)),
            (Value::Str(" 0o1777\n".into()), Some(0o1777)),
            (Value::Str("-7_5".into()), Some(-0o75)),
            (Value::Str("7__5".into()), None),
            (Value::Str("08".into()), None),
            (Value::Str("7".repeat(30)), None),
            (Value::Int(420), Some(420)),
            (Value::Int(i128::MAX), None),
            (Value::Float(f64::INFINITY), None),
            (Value::Float(420.9), Some(420)),
            (Value::Null, Some(0o644)),
            (Value::Seq(vec![]), None),
        ];
        for (value, want) in table {
            assert_eq!(decode_permissions(value), *want, "{value:?}");
        }
        assert_eq!(permissions(&Value::Str("rw".into())), 0o644);
    }

    #[test]
    fn truth_is_loose_but_not_everything() {
        assert_eq!(truth(&Value::Str(" YES ".into())), Some(true));
        assert_eq!(truth(&Value::Str("Off".into())), Some(false));
        assert_eq!(truth(&Value::Str("y".into())), None);
        assert_eq!(truth(&Value::Int(2)), None);
        assert_eq!(truth(&Value::Float(1.0)), None);
    }

    #[test]
    fn owners_split_at_the_first_colon() {
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(owner(Some("a:b:c")), (some("a"), some("b:c")));
        assert_eq!(owner(Some(" root ")), (some("root"), None));
        assert_eq!(owner(Some("NONE:-1")), (None, None));
        assert_eq!(owner(None), (None, None));
    }
}
