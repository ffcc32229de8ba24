//! The figures of all rounds, and the rows that are made of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::guest::Account;
use crate::bench::figures::median;
use crate::bench::plan::{Aim, Row};
use crate::bench::table::Line;

/// The first boot of a machine.
pub const FIRST: &str = "first boot";
/// The next one.
pub const SECOND: &str = "second boot";

/// All figures: by boot and name, those of cloud-init and of nixvm, a number a round.
#[derive(Default)]
pub struct Figures(BTreeMap<(&'static str, String), [Vec<f64>; 2]>);

impl Figures {
    /// Adds a round.
    pub fn add(&mut self, boot: &'static str, sides: [&Account; 2]) {
        for (side, account) in sides.into_iter().enumerate() {
            for (name, value) in account {
                self.push(boot, name, side, *value);
            }
        }
        let of = |side: &Account, name: &str| side.get(name).copied().unwrap_or_default();
        let [theirs, ours] = sides;
        // What PID 1 did more on one side is that side's work.
        let more = of(theirs, "pid1_s") - of(ours, "pid1_s");
        self.push(boot, "work_s", 0, of(theirs, "units_s") + more.max(0.0));
        self.push(boot, "work_s", 1, of(ours, "units_s") + (-more).max(0.0));
    }

    fn push(&mut self, boot: &'static str, name: &str, side: usize, value: f64) {
        let sides = self.0.entry((boot, name.to_owned())).or_default();
        if let Some(values) = sides.get_mut(side) {
            values.push(value);
        }
    }

    /// Each number of each round.
    pub fn json(&self) -> Value {
        let one = |((boot, name), [theirs, ours]): (&(&str, String), &[Vec<f64>; 2])| json!({ "boot": boot, "name": name, "cloud_init": theirs, "nixvm": ours });
        self.0.iter().map(one).collect()
    }
}

/// The rows of the table.
pub fn lines(figures: &Figures) -> Vec<Line> {
    let work = [
        (FIRST, row("first boot: boot work, CPU s", "work_s", Aim::Share(0.01))),
        (SECOND, row("second boot: boot work, CPU s", "work_s", Aim::Share(0.002))),
    ];
    let rows = |(boot, work): (&'static str, Row)| {
        std::iter::once(work).chain(DETAILS).map(move |row| line(boot, row, figures))
    };
    work.into_iter().flat_map(rows).collect()
}

/// What is shown of each boot besides.
const DETAILS: [Row; 10] = [
    row("  of it its units, CPU s", "units_s", Aim::None),
    row("  PID 1 and generators, CPU s", "pid1_s", Aim::None),
    row("  other units (control), CPU s", "others_s", Aim::None),
    row("  the smallest unit (control), CPU s", "floor_s", Aim::None),
    row("  its peak memory, page cache too, MB", "peak_mb", Aim::None),
    row("  its reads of the disk, MB", "read_mb", Aim::None),
    row("  all reads of the disk, MB", "disk_mb", Aim::None),
    row("  sshd, s after the kernel's start", "sshd_s", Aim::None),
    row("  ssh-ready, s", "ready_s", Aim::None),
    row("  boot-done, s", "done_s", Aim::None),
];

fn line(boot: &'static str, row: Row, figures: &Figures) -> Line {
    let sides = figures.0.get(&(boot, row.key.to_owned()));
    let of = |side: usize| median(sides?.get(side)?);
    Line::new(row, of(0), of(1))
}

const fn row(title: &'static str, key: &'static str, aim: Aim) -> Row {
    Row { title, key, aim }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(units: f64, pid1: f64) -> Account {
        [("units_s".to_owned(), units), ("pid1_s".to_owned(), pid1)].into()
    }

    #[test]
    fn what_pid_1_did_more_counts_as_that_sides_work() {
        let mut figures = Figures::default();
        figures.add(FIRST, [&account(50.0, 4.0), &account(0.25, 3.0)]);
        figures.add(SECOND, [&account(20.0, 3.0), &account(0.25, 3.5)]);
        let work = |boot| figures.0[&(boot, "work_s".to_owned())].clone();
        assert_eq!(work(FIRST), [vec![51.0], vec![0.25]]);
        assert_eq!(work(SECOND), [vec![20.0], vec![0.75]]);
    }
}
