//! Answers of the real yq, one case a line in `differential/cases.jsonl`.
//!
//! A case has an expression, an input (or none, as with `-n`), formats and variables, and one of
//!
//! - `out`: what yq writes, and so must we;
//! - `error`: the code of our error; yq fails too;
//! - `refused`: what we name as not supported; yq may well do it.
//!
//! The first test needs nothing. The second builds yq from `tests/peers` with Go and asks it again.

mod support;

use support::{Case, Expected, cases};

#[test]
fn every_case_gives_the_recorded_answer() {
    let cases = cases();
    let wrong: Vec<String> = cases.iter().filter_map(|case| case.check().err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn there_are_enough_cases_and_few_are_refused() {
    let cases = cases();
    let count = |is: fn(&Expected) -> bool| cases.iter().filter(|case| is(&case.expected)).count();
    let answered = count(|expected| matches!(expected, Expected::Out(_)));
    let refused = count(|expected| matches!(expected, Expected::Refused(_)));
    assert!(answered >= 200, "{answered} answered");
    assert!(refused <= 20, "{refused} refused");
    let mut names: Vec<&str> = cases.iter().map(|case| &*case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "names are given twice");
}

#[test]
fn the_real_yq_gives_the_same_answers() {
    let yq = match support::build_yq() {
        Ok(yq) => yq,
        Err(reason) => return println!("SKIP the_real_yq_gives_the_same_answers: {reason}"),
    };
    let cases = cases();
    let wrong: Vec<String> =
        cases.iter().filter_map(|case: &Case| case.ask(&yq.program()).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
