//! What the loads came to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::agents::Side;
use super::plan::Load;

/// All numbers of all rounds.
#[derive(Default)]
pub struct Figures {
    values: BTreeMap<String, Vec<f64>>,
    /// What did not run.
    pub failed: Vec<String>,
}

impl Figures {
    /// Adds the numbers of one run.
    pub fn add(&mut self, load: &Load, side: Side, numbers: &Value) {
        for (key, value) in numbers.as_object().into_iter().flatten() {
            if let Some(number) = value.as_f64() {
                self.values.entry(name(load, side, key)).or_default().push(number);
            }
        }
    }

    /// The median of the rounds.
    pub fn median(&self, load: &Load, side: Side, key: &str) -> Option<f64> {
        median(self.values.get(&name(load, side, key))?)
    }
}

fn name(load: &Load, side: Side, key: &str) -> String {
    format!("{side}: {}: {key}", load.arguments.join(" "))
}

/// The middle one; of an even number the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    let lower = sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(*lower, *upper))
}

/// A number as people read it: three digits that mean something.
pub fn shown(value: Option<f64>) -> String {
    let Some(value) = value else { return "-".into() };
    let decimals = match value.abs() {
        0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 3,
        _ => 5,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_any_number_of_rounds() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn numbers_are_short() {
        let texts =
            [Some(0.0), Some(0.00048), Some(0.1234), Some(2.5), Some(44.44), Some(1234.5), None]
                .map(shown);
        assert_eq!(texts, ["0", "0.00048", "0.123", "2.50", "44.4", "1234", "-"]);
    }
}
