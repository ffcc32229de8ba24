//! A table of two sides: each figure of both, their ratio, the ceiling if there is one, and whether
//! the aim is met.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::agents::{Agents, Side};
use super::figures::{Figures, shown};
use super::plan::{Aim, Plan, Row};

/// The share of the ceiling that counts as the ceiling.
const NEAR: f64 = 0.95;

/// Whom we are measured against.
#[derive(Clone, Copy)]
pub struct Other {
    /// The head of its column.
    pub title: &'static str,
    /// Its name in JSON.
    pub key: &'static str,
}

/// One line.
pub struct Line {
    row: Row,
    other: Option<f64>,
    ours: Option<f64>,
    ceiling: Option<f64>,
}

/// The lines of all loads.
pub fn rows(plan: &Plan, figures: &Figures) -> Vec<Line> {
    let loads = plan.loads.iter();
    let rows = loads.flat_map(|load| load.rows.iter().map(move |row| (load, row)));
    rows.map(|(load, row)| {
        let of = |side| figures.median(load, side, row.key);
        // The ceiling is no agent: what it costs says nothing.
        let ceiling = of(Side::Ceiling).filter(|_| !row.key.starts_with("cpu"));
        Line { row: row.clone(), other: of(Side::Go), ours: of(Side::Ours), ceiling }
    })
    .collect()
}

/// The lines of the programs' sizes. Lima's has `yq` in it.
pub fn sizes(agents: &Agents) -> Result<[Line; 2]> {
    let go = size(agents.program(Side::Go))?;
    let line = |title, most, ours| {
        let row = Row { title, key: "size_mb", aim: Aim::AtMost(most) };
        Line::new(row, Some(go), ours)
    };
    let ours = size(agents.program(Side::Ours))?;
    let bare = agents.bare.as_deref().map(size).transpose()?;
    Ok([
        line("binary size, static, stripped, MB", 4.0, Some(ours)),
        line("binary size without yq, MB", 2.5, bare),
    ])
}

fn size(program: &Path) -> Result<f64> {
    let meta = fs::metadata(program);
    let bytes = meta.with_context(|| format!("reading {}", program.display()))?.len();
    Ok(f64::from(u32::try_from(bytes).context("a program of 4 GiB")?) / 1e6)
}

/// The table. The columns of the ceiling are there if it was measured at all.
pub fn text(lines: &[Line], other: Other) -> String {
    let has_ceiling = lines.iter().any(|line| line.ceiling.is_some());
    let ceiling = |of: &str, share: &str| {
        if has_ceiling { format!("{of:>10}{share:>7}") } else { String::new() }
    };
    let head = ceiling("ceiling", "of it");
    let mut text = format!(
        "\n{:<44}{:>10}{:>10}{:>9}{head}  {:<16}{}\n",
        "measure", other.title, "nixvm", "ratio", "aim", "met"
    );
    for line in lines {
        let share = line.of_ceiling().map_or("-".into(), |share| format!("{:.0} %", share * 100.0));
        text += &format!(
            "{:<44}{:>10}{:>10}{:>9}{}  {:<16}{}\n",
            line.row.title,
            shown(line.other),
            shown(line.ours),
            shown(line.ratio()),
            ceiling(&shown(line.ceiling), &share),
            line.aim(),
            line.verdict(),
        );
    }
    text
}

impl Line {
    /// A figure that has no ceiling.
    pub fn new(row: Row, other: Option<f64>, ours: Option<f64>) -> Self {
        Self { row, other, ours, ceiling: None }
    }

    /// For a program to read.
    pub fn json(&self, other: Other) -> Value {
        json!({
            "measure": self.row.title, (other.key): self.other, "nixvm": self.ours, "ratio": self.ratio(),
            "ceiling": self.ceiling, "of_ceiling": self.of_ceiling(), "aim": self.aim(),
            "met": self.met(),
        })
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.ours? / self.other.filter(|other| *other != 0.0)?)
    }

    /// How near to the ceiling, also where less is better.
    fn of_ceiling(&self) -> Option<f64> {
        let share = self.ours? / self.ceiling?;
        Some(if matches!(self.row.aim, Aim::Share(_)) { 1.0 / share } else { share })
    }

    fn aim(&self) -> String {
        match self.row.aim {
            Aim::AtMost(most) => format!("<= {most}"),
            Aim::AtLeast(least) => format!(">= {least}"),
            Aim::Share(share) if share < 0.05 => format!("<= 1/{:.0}", share.recip()),
            Aim::Share(share) => format!("<= {share}x"),
            Aim::Times(times) => format!(">= {times}x"),
            Aim::TimesOrCeiling(times) => format!(">= {times}x or 95 %"),
            Aim::None => String::new(),
        }
    }

    fn met(&self) -> Option<bool> {
        let near = self.of_ceiling().is_some_and(|share| share >= NEAR);
        match self.row.aim {
            Aim::AtMost(most) => Some(self.ours? <= most),
            Aim::AtLeast(least) => Some(self.ours? >= least),
            Aim::Share(share) => Some(self.ratio()? <= share),
            Aim::Times(times) => Some(self.ratio()? >= times),
            Aim::TimesOrCeiling(times) => Some(near || self.ratio()? >= times),
            Aim::None => None,
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.met(), self.row.aim) {
            (Some(true), _) => "yes",
            (Some(false), _) => "no",
            (None, Aim::None) => "",
            (None, _) => "not measured",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(aim: Aim, other: f64, ours: f64, ceiling: Option<f64>) -> Option<bool> {
        let row = Row { title: "t", key: "k", aim };
        Line { row, other: Some(other), ours: Some(ours), ceiling }.met()
    }

    #[test]
    fn aims_are_bounds_ratios_or_the_ceiling() {
        assert_eq!(met(Aim::AtMost(0.0), 160.0, 0.0, None), Some(true));
        assert_eq!(met(Aim::AtLeast(12.0), 10.0, 11.0, None), Some(false));
        assert_eq!(met(Aim::Share(0.7), 0.1, 0.08, Some(0.03)), Some(false));
        assert_eq!(met(Aim::Times(2.0), 1800.0, 3600.0, Some(15_000.0)), Some(true));
        assert_eq!(met(Aim::TimesOrCeiling(2.0), 300.0, 500.0, Some(520.0)), Some(true));
        assert_eq!(met(Aim::TimesOrCeiling(2.0), 300.0, 500.0, Some(600.0)), Some(false));
        assert_eq!(met(Aim::None, 1.0, 1.0, None), None);
    }

    #[test]
    fn the_ceiling_has_columns_only_where_it_was_measured() {
        let row = Row { title: "boot work", key: "k", aim: Aim::Share(0.01) };
        let other = Other { title: "cloud-init", key: "cloud_init" };
        let line = Line::new(row, Some(60.0), Some(0.3));
        assert_eq!(line.json(other)["cloud_init"], 60.0);
        let text = text(&[line], other);
        assert!(text.contains("0.00500  <= 1/100 ") && !text.contains("ceiling"), "{text}");
    }
}
