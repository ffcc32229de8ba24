//! When two keys are the same key.

use std::collections::HashMap;

use super::{Node, Value};

/// What makes two keys the same: the reference counts 1, 1.0 and true as one key.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Same {
    Null,
    Whole(i128),
    Fraction(u64),
    Text(String),
    Date(String),
    Bytes(Vec<u8>),
}

impl Same {
    /// `None` for a value that equals nothing, not even itself.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Whole(i128::from(*value))),
            Value::Int(value) => Some(Self::Whole(*value)),
            Value::Float(value) if value.is_nan() => None,
            Value::Float(value) => {
                Some(whole(*value).map_or(Self::Fraction(value.to_bits()), Self::Whole))
            }
            Value::Str(text) => Some(Self::Text(text.clone())),
            Value::Date(text) => Some(Self::Date(text.clone())),
            Value::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            Value::Seq(_) | Value::Map(_) => None,
        }
    }
}

/// A float without fraction as an integer.
fn whole(value: f64) -> Option<i128> {
    let small = value.fract() == 0.0 && value.abs() < 1e15;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 10^15")]
    small.then_some(value as i128)
}

/// Adds entries whose keys are missing, and does so inside mappings that both sides have.
pub(super) fn fill(entries: &mut Vec<(Node, Node)>, others: Vec<(Node, Node)>) {
    let places = entries.iter().enumerate();
    let places: HashMap<Same, usize> =
        places.filter_map(|(at, (key, _))| Some((Same::of(&key.value)?, at))).collect();
    for (key, value) in others {
        let place = Same::of(&key.value).and_then(|key| places.get(&key));
        match (place.and_then(|&at| entries.get_mut(at)), value.value) {
            (None, old) => entries.push((key, Node { value: old, ..value })),
            (Some((_, Node { value: Value::Map(own), .. })), Value::Map(other)) => own.fill(other),
            (Some(_), _) => {}
        }
    }
}
