//! The second table: how cost grows with connections, open ports and open tunnels.

use serde_json::{Value, json};

use super::agents::Side;
use super::figures::{Figures, shown};
use super::plan::{Growth, Plan};

/// Above this, growth is more than what runs differ by.
const SLACK: f64 = 1.25;

/// One figure of one side.
pub struct Line {
    of: &'static str,
    title: &'static str,
    side: Side,
    points: Vec<u32>,
    values: Vec<Option<f64>>,
    growth: Growth,
}

/// The lines of all series.
pub fn rows(plan: &Plan, figures: &Figures) -> Vec<Line> {
    let mut lines = Vec::new();
    for series in &plan.series {
        for (row, growth) in &series.rows {
            for side in [Side::Go, Side::Ours, Side::Ceiling] {
                let of = |load| figures.median(load, side, row.key);
                let values: Vec<_> = series.loads.iter().map(of).collect();
                let costs = side == Side::Ceiling && row.key.starts_with("cpu");
                if values.iter().any(Option::is_some) && !costs {
                    let (of, points) = (series.of, series.points.clone());
                    lines.push(Line {
                        of,
                        title: row.title,
                        side,
                        points,
                        values,
                        growth: *growth,
                    });
                }
            }
        }
    }
    lines
}

/// The table.
pub fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut head = (Vec::new(), "");
    for line in lines {
        if head != (line.points.clone(), line.of) {
            head = (line.points.clone(), line.of);
            let points: String = line.points.iter().map(|n| format!("{n:>10}")).collect();
            text += &format!("\n{:<44}{:<10}{points}{:>10}  {}\n", line.of, "", "cost", "allowed");
        }
        let values: String = line.values.iter().map(|v| format!("{:>10}", shown(*v))).collect();
        let grown = line.grown().map_or("-".into(), |grown| format!("x{}", shown(Some(grown))));
        text += &format!(
            "{:<44}{:<10}{values}{grown:>10}  {}\n",
            line.title,
            line.side.to_string(),
            line.verdict()
        );
    }
    text
}

impl Line {
    /// For a program to read.
    pub fn json(&self) -> Value {
        json!({
            "of": self.of, "measure": self.title, "side": self.side.to_string(),
            "points": self.points, "values": self.values, "cost_grown": self.grown(),
            "allowed": self.is_allowed(),
        })
    }

    /// How many times the first cost the last one is.
    fn grown(&self) -> Option<f64> {
        let (first, last) = ((*self.values.first()?)?, (*self.values.last()?)?);
        Some(match self.growth {
            Growth::Rate => first / last,
            _ if first <= 0.0 && last <= 0.0 => 1.0,
            _ => last / first,
        })
        .filter(|grown| grown.is_finite())
    }

    /// A figure that must stay as it is may also be 0 and stay 0.
    fn is_allowed(&self) -> Option<bool> {
        let (first, last) = ((*self.values.first()?)?, (*self.values.last()?)?);
        let times = f64::from(*self.points.last()?) / f64::from(*self.points.first()?);
        Some(match self.growth {
            Growth::Flat => last <= first * SLACK,
            Growth::Linear => last <= first * times * SLACK,
            Growth::Rate => last * times * SLACK >= first,
        })
    }

    fn verdict(&self) -> String {
        if self.side == Side::Ceiling {
            return String::new();
        }
        let rule = if self.growth == Growth::Flat { "none" } else { "linear" };
        match self.is_allowed() {
            Some(true) => format!("{rule}: yes"),
            Some(false) => format!("{rule}: no"),
            None => "not measured".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(growth: Growth, values: [f64; 2]) -> Option<bool> {
        let values = values.map(Some).to_vec();
        let (of, title, side) = ("ports", "t", Side::Ours);
        Line { of, title, side, points: vec![10, 100], values, growth }.is_allowed()
    }

    #[test]
    fn cost_may_grow_as_the_number_does_or_not_at_all() {
        assert_eq!(allowed(Growth::Linear, [1.0, 10.0]), Some(true));
        assert_eq!(allowed(Growth::Linear, [1.0, 13.0]), Some(false));
        assert_eq!(allowed(Growth::Flat, [0.0, 0.0]), Some(true));
        assert_eq!(allowed(Growth::Flat, [0.0, 1.0]), Some(false));
        assert_eq!(allowed(Growth::Rate, [100.0, 90.0]), Some(true));
        assert_eq!(allowed(Growth::Rate, [100.0, 5.0]), Some(false));
    }
}
