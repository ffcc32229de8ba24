//! What is measured, and what it must come to. The figures of the first table are medians of the
//! rounds; the series that show how cost grows run once.

mod series;
mod standard;

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// About 20 minutes.
    Full,
    /// Less than three.
    Quick,
}

/// All loads.
pub struct Plan {
    /// Those of the first table.
    pub loads: Vec<Load>,
    /// Those that show how cost grows.
    pub series: Vec<Series>,
}

/// One run of hostbench on a fresh agent.
pub struct Load {
    /// Its name and flags.
    pub arguments: Vec<String>,
    /// Whether the ceiling can play it too.
    pub has_ceiling: bool,
    /// What is read from it.
    pub rows: Vec<Row>,
}

/// One figure.
#[derive(Clone)]
pub struct Row {
    /// Its name and unit, for people.
    pub title: &'static str,
    /// Its name in what hostbench prints.
    pub key: &'static str,
    /// What it must come to.
    pub aim: Aim,
}

/// What a figure must come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// Not more than this.
    AtMost(f64),
    /// This, or more.
    AtLeast(f64),
    /// Not more than so many times the Go agent's.
    Share(f64),
    /// So many times the Go agent's, or more.
    Times(f64),
    /// The same, or 95 % of the ceiling.
    TimesOrCeiling(f64),
    /// It is only shown.
    None,
}

/// The same load with more and more of something.
pub struct Series {
    /// Of what, and how many.
    pub of: &'static str,
    /// How many in each of the loads.
    pub points: Vec<u32>,
    /// One load for each point.
    pub loads: Vec<Load>,
    /// Figures of which less is better, and how they may grow.
    pub rows: Vec<(Row, Growth)>,
}

/// How a figure may grow with the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// As the number does, and no faster.
    Linear,
    /// Not at all.
    Flat,
    /// It is a rate, of which more is better: the cost is its inverse.
    Rate,
}

impl Plan {
    /// The loads of a pace, or those of them that hold a word.
    pub fn new(pace: Pace, only: Option<&str>) -> Self {
        let mut loads = standard::loads(pace);
        let mut series = series::all(pace);
        if let Some(word) = only {
            let named = |text: &str| text.contains(word);
            loads.retain(|load| {
                load.arguments.iter().any(|text| named(text))
                    || load.rows.iter().any(|row| named(row.title))
            });
            series.retain(|series| {
                named(series.of) || series.rows.iter().any(|(row, _)| named(row.title))
            });
        }
        Self { loads, series }
    }
}

fn load(line: &str, has_ceiling: bool, rows: Vec<Row>) -> Load {
    Load { arguments: line.split(' ').map(str::to_owned).collect(), has_ceiling, rows }
}

fn row(title: &'static str, key: &'static str, aim: Aim) -> Row {
    Row { title, key, aim }
}
