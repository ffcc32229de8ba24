//! Input that nobody means well with: no panic, no endless work, no endless memory.

use nixvm_yq::{Error, Format, evaluate};
use proptest::prelude::*;

const FORMATS: [Format; 5] =
    [Format::Yaml, Format::Json, Format::Toml, Format::Ini, Format::Properties];

fn run(expression: &str, input: &str, from: Format, to: Format) -> Result<String, Error> {
    evaluate(expression, input, from, to, &|name| (name == "HOME").then(|| "/root".into()))
}

fn code(expression: &str, input: &str, from: Format) -> &'static str {
    run(expression, input, from, from).map_or_else(|error| error.code(), |_| "fine")
}

#[test]
fn deep_documents_are_refused() {
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    assert_eq!(code(".", &deep("[", "]"), Format::Yaml), "too-much");
    assert_eq!(code(".", &deep("{a: ", "}"), Format::Yaml), "too-much");
    assert_eq!(code(".", &"- ".repeat(100_000), Format::Yaml), "too-much");
    assert_eq!(code(".", &"? ".repeat(100_000), Format::Yaml), "too-much");
    assert_eq!(code(".", &deep("[", "]"), Format::Json), "too-much");
    assert_eq!(code(".", &deep("{\"a\":", "}"), Format::Json), "too-much");
    assert_eq!(code(".", &("a = ".to_owned() + &deep("[", "]")), Format::Toml), "too-much");
    assert_eq!(
        code(".", &("a = ".to_owned() + &"{a = ".repeat(100_000)), Format::Toml),
        "too-much"
    );
    assert_eq!(code(".", &(vec!["a"; 100_000].join(".") + "=1"), Format::Properties), "too-much");
    assert_eq!(code(".", &(vec!["a"; 100_000].join(".") + " = 1"), Format::Toml), "too-much");
}

#[test]
fn what_is_just_within_the_depth_works_everywhere() {
    let deep = "[".repeat(200) + "1" + &"]".repeat(200);
    for to in [Format::Yaml, Format::Json] {
        for expression in [".", "..", "[..]", "explode(.)", ". * .", ".. |= .", "to_json", "unique"]
        {
            run(expression, &deep, Format::Yaml, to).expect(expression);
        }
    }
}

#[test]
fn deep_expressions_are_refused() {
    let deep = |open: &str, close: &str| open.repeat(50_000) + ".a" + &close.repeat(50_000);
    for expression in [
        deep("(", ")"),
        deep("[", "]"),
        deep("del(", ")"),
        deep("{\"a\": ", "}"),
        ".a".repeat(50_000),
        "..|".repeat(50_000) + ".",
        "\"\\(\"".repeat(5_000),
        ".a = ".repeat(50_000) + "1",
    ] {
        let code = code(&expression, "a: 1\n", Format::Yaml);
        assert!(matches!(code, "too-much" | "expression" | "fine"), "{code}");
    }
}

#[test]
fn bombs_of_aliases_are_bounded() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{items}]\n");
    }
    assert_eq!(code(".", &bomb, Format::Yaml), "fine");
    assert_eq!(
        run("explode(.)", &bomb, Format::Yaml, Format::Yaml).unwrap_err().code(),
        "too-much"
    );
    assert_eq!(run(".", &bomb, Format::Yaml, Format::Json).unwrap_err().code(), "too-much");
    // One that holds itself is copied once, as yq does.
    let own = run("@json", "a: &a [*a]\n", Format::Yaml, Format::Yaml).expect("bounded");
    assert_eq!(own, "{\"a\":[[[]]]}\n");
}

#[test]
fn work_is_bounded() {
    let wide = "- 1\n".repeat(3_000);
    for expression in [
        ".[1000000000] = 1",
        "[..] | [..] | [.., ..] | [.., ..] | map([.., ..])",
        ".[] as $a | .[] as $b | .[] as $c | $a",
        "\"x\" * 10000000 * 10000000",
        "(.[] | [.]) as $x ireduce (.; [., .])",
        ". as $x | [range]",
        ".[] as $i ireduce ([1]; . + .)",
    ] {
        let code = code(expression, &wide, Format::Yaml);
        assert!(matches!(code, "too-much" | "expression"), "{expression}: {code}");
    }
}

#[test]
fn many_keys_are_fine_until_each_is_compared_with_all() {
    let lines: String = (0..40_000).map(|at| format!("k{at}=v\n")).collect();
    assert_eq!(code(".", &lines, Format::Ini), "fine");
    assert_eq!(code(". * .", &lines, Format::Ini), "too-much");
    assert_eq!(code(". + .", &lines, Format::Ini), "too-much");
    assert_eq!(code(".", &lines, Format::Properties), "too-much");
    let long = "x".repeat(1 << 20) + "=1\n" + &lines;
    assert_eq!(code(".", &long, Format::Ini), "too-much");
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[-a-c:?#&*!|>'\"%@`{}\\[\\],. \n\t=~<0-9;\\\\$]{0,8}",
        1 => prop::sample::select(vec![
            "\n  ", "- ", ": ", "\n", "# c\n", "|\n", ">-\n", "&a ", "*a", "<<: ", "!!str ", "---\n",
            "\r\n", "é", "\u{85}", "\u{2028}", "\u{feff}", "\0", "\"\"\"", "'''", "%(a)s", "\\u00",
            "[[a]]\n", "a.b = ", "1979-05-27T00:00:00Z", "😀",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

fn expression() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        ".",
        ".a",
        ".b",
        "[0]",
        ".[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "|",
        ",",
        " = ",
        " |= ",
        "+",
        "-",
        "*",
        "/",
        "%",
        "//",
        "..",
        "...",
        "del(",
        "select(",
        "1",
        "\"x\"",
        "\"\\(.a)\"",
        "$x",
        " as ",
        ":",
        ";",
        "map(",
        "sort",
        "unique",
        "to_entries",
        "with_entries(",
        "keys",
        "length",
        "explode(",
        "style=",
        "tag",
        "head_comment=",
        "==",
        "<",
        " and ",
        "not",
        "ireduce",
        "env(HOME)",
        "sub(",
        "test(",
        "match(",
        "split(",
        "join(",
        "to_json",
        "from_yaml",
        "with(",
        "parent",
        "path",
        "setpath(",
        "flatten",
        "group_by(",
        "pick(",
        "*+",
        "*d",
        "+=",
        "*=",
        "null",
        "-1",
    ]);
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_it_panic(input in text(), from in 0..5_usize, to in 0..5_usize) {
        // Any answer will do.
        drop(run(".", &input, FORMATS[from], FORMATS[to]));
        drop(run("explode(.) | .. style=\"\"", &input, FORMATS[from], FORMATS[to]));
    }

    #[test]
    fn no_expression_makes_it_panic(expression in expression(), input in text()) {
        drop(run(&expression, &input, Format::Yaml, Format::Yaml));
        drop(run(&expression, "a: {b: [1, x]}\nb: &b {c: ~}\nd: *b\n", Format::Yaml, Format::Json));
    }

    #[test]
    fn what_was_written_can_be_written_again(input in text()) {
        if let Ok(once) = run(".", &input, Format::Json, Format::Json) {
            prop_assert_eq!(run(".", &once, Format::Json, Format::Json).expect("JSON"), once);
        }
    }
}
