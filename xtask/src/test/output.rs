//! Reading what tests print, and counting.

use std::collections::BTreeSet;

use super::watch::Ended;

/// How a layer tells what came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// By its exit code: the layer is one test.
    One,
    /// As Rust's own harness, with `SKIP name: reason` among a test's output.
    Libtest,
    /// As the harness of the guests.
    Suite,
    /// As the runner of vectors.
    Vectors,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many passed.
    pub passed: u64,
    /// What failed, with the first line of the reason where there is one.
    pub failed: Vec<String>,
    /// What could not be tried here, and why.
    pub skipped: Vec<String>,
    /// What a sample leaves out.
    pub not_in_this_run: Vec<String>,
    /// Of the program that runs now: its tests that passed. Some run themselves once more inside a
    /// namespace, and are then printed twice.
    seen: BTreeSet<String>,
    /// And what it said to be skipped.
    said: BTreeSet<String>,
}

impl Tally {
    /// Counts one line; says whether a person should see it.
    pub fn count(&mut self, format: Format, line: &str) -> bool {
        if let Some(rest) = line.strip_prefix("SKIP ") {
            self.skipped.push(rest.to_owned());
            let name = rest.split_once(": ").map_or(rest, |(name, _)| name);
            self.said.insert(name.to_owned());
            return true;
        }
        if let Some(rest) = line.strip_prefix("not in this run: ") {
            self.not_in_this_run.push(rest.to_owned());
            return true;
        }
        match format {
            // The end of its log is shown if it fails.
            Format::One => false,
            Format::Libtest => self.libtest(line),
            Format::Suite => self.suite(line),
            Format::Vectors => self.vectors(line),
        }
    }

    /// Takes the end into account: a program that ends badly has failed, whatever it counted.
    pub fn close(&mut self, format: Format, name: &str, ended: &Ended) {
        self.settle();
        match ended {
            Ended::Well if format == Format::One => self.passed += 1,
            Ended::Badly(how) if self.failed.is_empty() => {
                self.failed.push(format!("{name}: {how}"));
            }
            _ => {}
        }
    }

    /// Adds another layer's.
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed.extend_from_slice(&other.failed);
        self.skipped.extend_from_slice(&other.skipped);
        self.not_in_this_run.extend_from_slice(&other.not_in_this_run);
    }

    /// Rust's own harness knows no skips and counts a test that skips itself as passed. One that only
    /// leaves out some of its cases names those, and has passed.
    fn settle(&mut self) {
        let said = std::mem::take(&mut self.said);
        let skipped = |name: &String| said.contains(name.rsplit("::").next().unwrap_or(name));
        let passed = std::mem::take(&mut self.seen).iter().filter(|name| !skipped(name)).count();
        self.passed += passed as u64;
    }

    fn libtest(&mut self, line: &str) -> bool {
        // Only a test that runs itself leaves others out.
        if line.starts_with("test result: ") && line.contains("; 0 filtered out") {
            self.settle();
        }
        let Some((name, result)) = line.strip_prefix("test ").and_then(|l| l.rsplit_once(" ... "))
        else {
            return line.starts_with("error") || line.contains("panicked at");
        };
        match result {
            "ok" => {
                self.seen.insert(name.to_owned());
            }
            "FAILED" => self.failed.push(name.to_owned()),
            _ => {
                let reason = result.strip_prefix("ignored").unwrap_or(result);
                let reason = reason.trim_start_matches([',', ' ']);
                self.skipped.push(format!(
                    "{name}: {}",
                    if reason.is_empty() { "ignored" } else { reason }
                ));
            }
        }
        result != "ok"
    }

    fn suite(&mut self, line: &str) -> bool {
        if line.starts_with("ok   ") {
            self.passed += 1;
        } else if let Some(rest) = line.strip_prefix("FAIL ") {
            self.failed.push(rest.to_owned());
        } else if let Some(rest) = line.strip_prefix("kept ") {
            let number =
                rest.split_once(": ").and_then(|(_, text)| text.split(' ').next()?.parse().ok());
            self.passed += number.unwrap_or(0);
        }
        true
    }

    fn vectors(&mut self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        if let Some(id) = line.strip_prefix("FAILED ") {
            self.failed.push(id.to_owned());
        } else if line.contains("not in this run (") {
            self.not_in_this_run
                .push(format!("vectors {}", line.split_whitespace().collect::<Vec<_>>().join(" ")));
        } else if words.next() == Some("total") {
            self.passed += words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(format: Format, text: &str) -> (u64, Vec<String>, Vec<String>, Vec<String>) {
        let mut tally = Tally::default();
        for line in text.lines() {
            tally.count(format, line);
        }
        tally.settle();
        (tally.passed, tally.failed, tally.skipped, tally.not_in_this_run)
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_test_that_prints_skip_is_not_a_passed_one() {
        let text = "test a::b ... ok\ntest c ... ok\ntest d ... FAILED\ntest e ... ignored, no KVM\n\
                    ---- c stdout ----\nSKIP c: no Go\n---- a::b stdout ----\nSKIP fat: no mkfs\n";
        let skipped = strings(&["e: no KVM", "c: no Go", "fat: no mkfs"]);
        assert_eq!(counted(Format::Libtest, text), (1, strings(&["d"]), skipped, vec![]));
    }

    #[test]
    fn a_test_that_runs_itself_is_counted_once_and_a_namesake_too() {
        let text = "running 2 tests\nrunning 1 test\ntest a ... ok\ntest result: ok. 1 passed; 0 \
                    failed; 1 filtered out\ntest a ... ok\ntest b ... ok\ntest result: ok. 2 passed; \
                    0 filtered out\nrunning 1 test\ntest a ... ok\ntest result: ok. 0 filtered out\n";
        assert_eq!(counted(Format::Libtest, text).0, 3);
    }

    #[test]
    fn the_guests_lines_are_counted() {
        let text = "---- boot\nok   boot::a (1.0 s)\nFAIL boot::b: broken\n     more\nSKIP lima: no Go\n\
                    kept old: 12 passed in an earlier run\nnot in this run: power_cuts\n";
        let expected = (
            13,
            strings(&["boot::b: broken"]),
            strings(&["lima: no Go"]),
            strings(&["power_cuts"]),
        );
        assert_eq!(counted(Format::Suite, text), expected);
    }

    #[test]
    fn the_vectors_table_is_counted() {
        let text = "FAILED yaml-doc-0123456789ab\nkind passed failed deviating\n\
                    jinja            not in this run (20 cases)\ntotal                380       1          3\n";
        let left = strings(&["vectors jinja not in this run (20 cases)"]);
        let expected = (380, strings(&["yaml-doc-0123456789ab"]), vec![], left);
        assert_eq!(counted(Format::Vectors, text), expected);
    }

    #[test]
    fn a_bad_end_without_a_failed_test_is_a_failure() {
        let mut tally = Tally::default();
        tally.close(Format::Libtest, "unit", &Ended::Badly("exit status: 101".into()));
        assert_eq!(tally.failed, ["unit: exit status: 101"]);
    }
}
