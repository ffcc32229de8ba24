//! `cargo xtask vectors`: runs files of test vectors against the code.
//!
//! A case runs in a child process of this very program. The child answers many cases, one line
//! each; if it dies or does not answer in time, that case has failed and a new child goes on with
//! the next one. So a crash or a hang is one failure, and the run stays fast.

mod child;
mod compare;
mod deviations;
mod kinds;
mod network;
mod nocloud;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::Value;

use self::child::{Answer, Child};
use self::deviations::Deviations;

/// Runs a file of vectors and prints a row for each kind.
///
/// Each line of FILE is a JSON object with "kind", "in" and either "out", the value that is wanted,
/// or "err", which only says that the input must be refused. Values are compared, not bytes: the
/// order of keys has no meaning. {"$bytes": BASE64}, {"$date": ISO8601} and {"$float": "inf"} stand
/// for what JSON cannot say.
///
/// The id of a case is its kind, a "-" and the first 12 hex digits of the SHA-256 of its "in":
/// UTF-8 JSON without blanks, the keys of every object sorted by code points, only `"`, `\` and
/// control characters escaped (control characters as \b \f \n \r \t, else as \u00xx), numbers as
/// they are in FILE. Cases that are meant to differ are listed by id, with the reason, in
/// tests/vectors/deviations.toml; one that no longer differs is a failure.
///
/// The exit code is 0 if nothing failed. Kinds that are not implemented are rows "not in this run".
#[derive(Debug, clap::Args)]
pub struct Options {
    /// File of vectors, one JSON object a line.
    #[arg(required_unless_present = "child")]
    file: Option<PathBuf>,
    /// Folder that {"$file": PATH} in an input is read from; without it such cases are not run.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Longest time for one case.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    limit: u64,
    /// Answers cases from the standard input; what the program starts itself.
    #[arg(long, hide = true)]
    child: bool,
}

/// A line of the file.
struct Case {
    id: String,
    kind: String,
    input: Value,
    want: Want,
}

/// What a case asks for.
#[derive(Debug)]
enum Want {
    Value(Value),
    Refusal,
}

/// How the cases of a kind went.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    passed: usize,
    failed: usize,
    deviating: usize,
    not_run: usize,
}

/// How one case went.
enum Verdict {
    Passed,
    Failed(String),
    Deviating,
    NotRun,
}

/// Runs the command.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if options.child {
        child::answer(options.corpus.as_deref())?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = options.file.as_deref().context("a file of vectors is needed")?;
    let cases = read(file)?;
    let deviations = Deviations::read()?;
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut child = Child::new(options.corpus.as_deref(), options.limit);
    for case in &cases {
        let row = rows.entry(&case.kind).or_default();
        match judge(case, child.ask(&case.kind, &case.input)?, &deviations) {
            Verdict::Passed => row.passed += 1,
            Verdict::Deviating => row.deviating += 1,
            Verdict::NotRun => row.not_run += 1,
            Verdict::Failed(got) => {
                row.failed += 1;
                println!(
                    "FAILED {}\n  in:   {}\n  want: {}\n  got:  {got}",
                    case.id, case.input, case.want
                );
            }
        }
    }
    Ok(if print(&rows) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn judge(case: &Case, answer: Answer, deviations: &Deviations) -> Verdict {
    let (fits, got) = match (answer, &case.want) {
        (Answer::NotRun, _) => return Verdict::NotRun,
        (Answer::Died(how), _) => return Verdict::Failed(how),
        (Answer::Value(got), Want::Value(want)) => {
            (compare::same(&case.kind, want, &got), got.to_string())
        }
        (Answer::Value(got), Want::Refusal) => (false, got.to_string()),
        (Answer::Refused(why), want) => (matches!(want, Want::Refusal), format!("refused: {why}")),
    };
    match (fits, deviations.reason(&case.id)) {
        (true, None) => Verdict::Passed,
        (true, Some(reason)) => {
            Verdict::Failed(format!("{got}, as wanted, but it is listed as a deviation: {reason}"))
        }
        (false, None) => Verdict::Failed(got),
        (false, Some(_)) => Verdict::Deviating,
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<Case>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| case(line).with_context(|| format!("{}:{}", file.display(), at + 1)))
        .collect()
}

fn case(line: &str) -> anyhow::Result<Case> {
    let mut line: Value = serde_json::from_str(line)?;
    let object = line.as_object_mut().context("not an object")?;
    let kind = object.get("kind").and_then(Value::as_str).context("no kind")?.to_owned();
    let input = object.remove("in").context("no \"in\"")?;
    let want = match (object.remove("out"), object.remove("err")) {
        (Some(out), None) => Want::Value(out),
        (None, Some(_)) => Want::Refusal,
        _ => bail!("either \"out\" or \"err\" is needed"),
    };
    let mut digest = compare::sha256(&compare::canonical(&input));
    digest.truncate(12);
    Ok(Case { id: format!("{kind}-{digest}"), kind, input, want })
}

/// Prints the table; the last line is the total. Gives the number of failures.
fn print(rows: &BTreeMap<&str, Row>) -> usize {
    let mut total = Row::default();
    println!("{:<16} {:>7} {:>7} {:>10}", "kind", "passed", "failed", "deviating");
    for (kind, row) in rows {
        if row.passed + row.failed + row.deviating == 0 {
            println!("{kind:<16} not in this run ({} cases)", row.not_run);
        } else {
            println!("{kind:<16} {row}");
        }
        total.passed += row.passed;
        total.failed += row.failed;
        total.deviating += row.deviating;
        total.not_run += row.not_run;
    }
    println!("{:<16} {total}", "total");
    total.failed
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>7} {:>7} {:>10}", self.passed, self.failed, self.deviating)?;
        if self.not_run > 0 { write!(f, "   not in this run: {}", self.not_run) } else { Ok(()) }
    }
}

impl std::fmt::Display for Want {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Refusal => f.write_str("to be refused"),
        }
    }
}

#[cfg(test)]
mod tests;
