use serde_json::json;

use super::compare::{base64, canonical, resolve, same};
use super::*;

#[test]
fn ids_do_not_depend_on_the_order_of_keys() {
    let id = |line: &str| case(line).unwrap().id;
    let first = id(r#"{"kind":"k","in":{"b":[1,{"d":2,"c":3}],"a":"ü"},"out":1}"#);
    let second = id(r#"{"out":2,"in":{"a":"ü","b":[1,{"c":3,"d":2}]},"kind":"k"}"#);
    assert_eq!(first, second);
    assert_eq!(
        canonical(&json!({"b": [1, {"d": 2, "c": 3}], "a": "ü"})),
        r#"{"a":"ü","b":[1,{"c":3,"d":2}]}"#
    );
    // echo -n '""' | sha256sum
    assert_eq!(id(r#"{"kind":"crlf","in":"","out":""}"#), "crlf-12ae32cb1ec0");
}

#[test]
fn lines_that_ask_for_nothing_are_refused() {
    for line in ["[]", "{}", r#"{"kind":"k","in":1}"#, r#"{"kind":"k","in":1,"out":1,"err":"x"}"#] {
        assert!(case(line).is_err(), "{line}");
    }
}

#[test]
fn deviations_must_deviate() {
    let id = case(r#"{"kind":"k","in":1,"out":2}"#).unwrap().id;
    let listed = Deviations::parse(&format!("{id} = \"on purpose\"")).unwrap();
    let none = Deviations::parse("").unwrap();
    let verdict = |got: u32, deviations: &Deviations| {
        let case = case(r#"{"kind":"k","in":1,"out":2}"#).unwrap();
        match judge(&case, Answer::Value(json!(got)), deviations) {
            Verdict::Passed => "passed".to_owned(),
            Verdict::Deviating => "deviating".to_owned(),
            Verdict::NotRun => "not run".to_owned(),
            Verdict::Failed(got) => got,
        }
    };
    assert_eq!(verdict(2, &none), "passed");
    assert_eq!(verdict(3, &none), "3");
    assert_eq!(verdict(3, &listed), "deviating");
    assert_eq!(verdict(2, &listed), "2, as wanted, but it is listed as a deviation: on purpose");
}

#[test]
fn a_crash_is_a_failure_even_of_a_deviation() {
    let case = case(r#"{"kind":"k","in":1,"err":"x"}"#).unwrap();
    let listed = Deviations::parse(&format!("{} = \"x\"", case.id)).unwrap();
    let died = Answer::Died("the program crashed".to_owned());
    assert!(matches!(judge(&case, died, &listed), Verdict::Failed(_)));
    let none = Deviations::parse("").unwrap();
    assert!(matches!(judge(&case, Answer::Refused(String::new()), &none), Verdict::Passed));
    assert!(matches!(judge(&case, Answer::Value(json!(1)), &none), Verdict::Failed(_)));
}

#[test]
fn inputs_by_reference_stay_in_the_corpus() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a"), "text").unwrap();
    let input = json!({"x": [{"$file": "a"}, 1]});
    assert_eq!(resolve(input.clone(), None).unwrap(), None);
    assert_eq!(resolve(input, Some(root.path())).unwrap(), Some(json!({"x": ["text", 1]})));
    assert!(resolve(json!({"$file": "../a"}), Some(root.path())).is_err());
    assert!(resolve(json!({"$file": "none"}), Some(root.path())).is_err());
}

#[test]
fn values_can_be_wanted_by_digest() {
    // echo -n '{"a":1}' | sha256sum
    let digest = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
    assert!(same("k", &json!({"$sha256": digest}), &json!({"a": 1})));
    assert!(!same("k", &json!({"$sha256": digest}), &json!({"a": 2})));
}

#[test]
fn base64_is_padded() {
    let table = [("", ""), ("h", "aA=="), ("hi", "aGk="), ("hi!", "aGkh"), ("hi!?", "aGkhPw==")];
    for (text, want) in table {
        assert_eq!(base64(text.as_bytes()), want);
    }
}
