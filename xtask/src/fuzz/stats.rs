//! What libFuzzer says of a run.

/// The numbers of one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Inputs that were tried.
    pub runs: u64,
    /// Of them in a second.
    pub per_second: u64,
    /// Files with inputs that did harm.
    pub findings: Vec<String>,
}

impl Stats {
    /// Takes note of a line.
    pub fn note(&mut self, line: &str) {
        let number = |name: &str| line.strip_prefix(name)?.trim().parse().ok();
        if let Some(runs) = number("stat::number_of_executed_units:") {
            self.runs = runs;
        }
        if let Some(per_second) = number("stat::average_exec_per_sec:") {
            self.per_second = per_second;
        }
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.findings.push(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_run_that_found_something() {
        let mut stats = Stats::default();
        for line in [
            "#2\tINITED cov: 153 ft: 154 corp: 1/1b exec/s: 0 rss: 40Mb",
            "artifact_prefix='/x/'; Test unit written to /x/crash-5aed",
            "stat::number_of_executed_units: 18639",
            "stat::average_exec_per_sec:     2330",
            "stat::peak_rss_mb:              86",
        ] {
            stats.note(line);
        }
        let findings = vec!["/x/crash-5aed".to_owned()];
        assert_eq!(stats, Stats { runs: 18_639, per_second: 2330, findings });
    }
}
