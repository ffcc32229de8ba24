use std::fmt::Write;

use super::*;

fn value(text: &str) -> Value {
    parse(text.as_bytes()).unwrap().root.value
}

fn error(text: &str) -> String {
    let error = parse(text.as_bytes()).unwrap_err();
    format!("{}: {error}", error.mark)
}

#[test]
fn plain_scalars_have_the_types_of_yaml_1_1() {
    let int = |value: i128| Value::Int(value);
    let text = |value: &str| Value::Str(value.to_owned());
    let table = [
        ("On", Value::Bool(true)),
        ("nO", text("nO")),
        ("y", text("y")),
        ("~", Value::Null),
        ("-0644", int(-420)),
        ("0_6_4", int(0o64)),
        ("09", text("09")),
        ("0b1_1", int(3)),
        ("-0x_ff", int(-255)),
        ("+1:30", int(90)),
        ("1:60", text("1:60")),
        ("0:30", text("0:30")),
        ("1:30:x", text("1:30:x")),
        ("190:20:30.15", Value::Float(685_230.15)),
        ("1_000.5", Value::Float(1000.5)),
        (".5e+1", Value::Float(5.0)),
        ("-.inf", Value::Float(f64::NEG_INFINITY)),
        ("1e3", text("1e3")),
        ("1.5e3", text("1.5e3")),
        ("2026-1-1", text("2026-1-1")),
        ("2026-1-1 1:02:03", Value::Date("2026-01-01T01:02:03".to_owned())),
        (
            "2026-01-31t10:00:00.25 -3:30",
            Value::Date("2026-01-31T10:00:00.250000-03:30".to_owned()),
        ),
        ("2024-02-29", Value::Date("2024-02-29".to_owned())),
        ("2025-02-29", text("2025-02-29")),
        ("2026-01-31 10:00", text("2026-01-31 10:00")),
        (
            "99999999999999999999999999999999999999999",
            text("99999999999999999999999999999999999999999"),
        ),
    ];
    for (source, want) in table {
        assert_eq!(value(source), want, "{source:?}");
    }
}

#[test]
fn a_plain_scalar_keeps_its_text() {
    let root = parse(b"instance-id: 0123\nname: '0123'\n").unwrap().root;
    let map = root.as_map().unwrap();
    let id = map.get("instance-id").unwrap();
    assert_eq!((&id.value, id.text()), (&Value::Int(83), Some("0123")));
    let name = map.get("name").unwrap();
    assert_eq!((name.raw.as_deref(), name.text()), (None, Some("0123")));
}

#[test]
fn marks_count_from_one_and_characters() {
    let parsed = parse("a: 1\nü: [x,\n  y]\nb:\n".as_bytes()).unwrap();
    let map = parsed.root.as_map().unwrap();
    let at = |line, column| Mark { line, column };
    let (key, list) = map.get_entry("ü").unwrap();
    assert_eq!((key.mark, list.mark), (at(2, 1), at(2, 4)));
    assert_eq!(list.as_seq().unwrap()[1].mark, at(3, 3));
    assert_eq!(map.get("b").unwrap().mark.line, 4);
}

#[test]
fn the_later_of_two_equal_keys_counts_and_is_told() {
    let parsed = parse(b"a: 1\nb: 2\na: 3\n").unwrap();
    let map = parsed.root.as_map().unwrap();
    assert_eq!(map.len(), 2);
    assert_eq!(map.get("a").unwrap().value, Value::Int(3));
    assert_eq!(parsed.duplicates, [(Mark { line: 3, column: 1 }, "a".to_owned())]);
}

#[test]
fn merge_keys_yield_to_own_keys_wherever_they_stand() {
    let text = "x: &x {a: 1, b: 2}\ny: &y {a: 3, c: 4}\nz:\n  b: 5\n  <<: [*x, *y]\n";
    let parsed = parse(text.as_bytes()).unwrap();
    assert_eq!(parsed.duplicates, []);
    let z = parsed.root.as_map().unwrap().get("z").unwrap().as_map().unwrap().clone();
    let got: Vec<_> = ["a", "b", "c"].map(|key| z.get(key).unwrap().value.clone()).into();
    assert_eq!(got, [Value::Int(1), Value::Int(5), Value::Int(4)]);
    assert_eq!(z.len(), 3);
    assert_eq!(error("<<: 1"), "line 1, column 5: \"<<\" merges mappings, and this is an integer");
}

#[test]
fn tags_force_a_type_or_are_refused() {
    assert_eq!(value("!!str 0644"), Value::Str("0644".to_owned()));
    assert_eq!(value("! '0644'"), Value::Int(420));
    assert_eq!(value("!!binary |\n  aGk\n  h\n"), Value::Bytes(b"hi!".to_vec()));
    assert_eq!(value("!!float 1"), Value::Float(1.0));
    assert_eq!(error("a: !x 1"), "line 1, column 4: the tag \"!x\" is not known");
    assert_eq!(error("!!int x"), "line 1, column 1: \"x\" is not an integer");
    assert_eq!(
        error("!!map [a]"),
        "line 1, column 1: the tag \"tag:yaml.org,2002:map\" is not known"
    );
    assert_eq!(error("- ="), "line 1, column 3: \"=\" is not a value; put quotes around it");
}

#[test]
fn what_is_no_yaml_is_refused_with_its_place() {
    assert_eq!(
        error("a: 1\nb: \u{7}\n"),
        "line 2, column 4: the character U+0007 is not allowed in YAML"
    );
    assert_eq!(error("a: 1\n---\nb: 2\n"), "line 2, column 1: there is a second document");
    let bad = parse(b"a: 1\nb: \xff\n").unwrap_err();
    assert_eq!((bad.mark, &*bad.message), (Mark { line: 2, column: 4 }, "the text is not UTF-8"));
    assert_eq!(error("? {a: b}\n: c\n"), "line 1, column 3: a mapping cannot be a key");
}

#[test]
fn limits_hold_for_nesting_aliases_and_size() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(deep(128).as_bytes()).is_ok());
    assert!(error(&deep(129)).contains("deeper than 128"));
    assert!(parse("[".repeat(1 << 20).as_bytes()).is_err());
    assert!(error("&a [*a]").contains("contains itself"));

    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let again = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{again}]").unwrap();
    }
    assert!(error(&bomb).contains("aliases repeat too much"));

    let mut chain = "- &a0 [x]\n".to_owned();
    for level in 1..200 {
        writeln!(chain, "- &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(error(&chain).contains("deeper than 128"));
    assert!(error(&"- \n".repeat(NODE_LIMIT + 1)).contains("more than"));
    assert!(error(&" ".repeat(SIZE_LIMIT + 1)).contains("larger than 16 MiB"));
}

#[test]
fn a_block_scalar_ends_as_its_text_does() {
    let table = [
        ("|\n  x", "x"),
        ("|\n  x\n", "x\n"),
        ("|\n  x\n ", "x\n"),
        ("|\n  x\n    ", "x\n  "),
        (">\n  x\n  y", "x y"),
        ("|+\n  x", "x"),
        ("|+\n  x\n ", "x\n"),
        ("|+\n  x\n\n", "x\n\n"),
        ("|-\n  x\n", "x"),
        ("|\n  ü\n# comment", "ü\n"),
    ];
    for (text, want) in table {
        assert_eq!(value(text), Value::Str(want.to_owned()), "{text:?}");
    }
}

#[test]
fn continuation_lines_may_begin_anywhere_in_brackets_and_quotes() {
    let json =
        |text: &str| parse(text.as_bytes()).map(|parsed| format!("{:?}", plain(&parsed.root)));
    let table = [
        ("a:\n- [ls,\n-l]\nb: 1\n", "{a: [[ls, -l]], b: 1}"),
        ("a:\n  b: [\n    x\n]\n", "{a: {b: [x]}}"),
        ("a:\n  b: 'it''s\ny'\n  c: {\n}\n", "{a: {b: it's y, c: {}}}"),
        ("a:\n  b: \"x\\\"\n\ny\\\nz\"\n", "{a: {b: x\"\nyz}}"),
    ];
    for (text, want) in table {
        assert_eq!(json(text).unwrap(), format!("{want:?}"), "{text:?}");
    }
    let parsed = parse(b"a:\n  b: [\n x, y\n]\n").unwrap();
    let list = parsed.root.as_map().unwrap().get("a").unwrap().as_map().unwrap().get("b").unwrap();
    assert_eq!(list.as_seq().unwrap()[1].mark, Mark { line: 3, column: 5 });
    assert_eq!(error("a:\n  b: [\n x, @\n]\n"), "line 3, column 5: unexpected character: `@'");
    let open = "a:\n  b: \"x\n  c: \"y\"\n";
    assert_eq!(error(open), "line 2, column 6: the quotes that open here seem not to be closed");
}

/// A node in few letters.
fn plain(node: &Node) -> String {
    match &node.value {
        Value::Seq(items) => {
            format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        Value::Map(map) => {
            let entries =
                map.iter().map(|(key, value)| format!("{}: {}", plain(key), plain(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        _ => node.text().unwrap_or_default().to_owned(),
    }
}

/// The same entry point as the fuzz target `yaml`, with a fixed seed.
mod sample {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    /// Pieces of YAML: put together they reach deeper than arbitrary bytes.
    const PIECES: [&str; 40] = [
        "a: ",
        "- ",
        "? ",
        ": ",
        "\n",
        "  ",
        " ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "'",
        "\"",
        "#",
        "&a ",
        "*a",
        "!!str ",
        "!!int ",
        "!!binary ",
        "!x ",
        "|\n",
        ">-\n",
        "|9+\n",
        "---\n",
        "...\n",
        "\t",
        "\r\n",
        "0644",
        "1:30",
        "~",
        "<<: ",
        "=",
        "2026-01-31 1:00:00",
        "%YAML 1.1\n",
        "\\x4",
        "é",
        "\u{feff}",
        "\u{85}",
        "\u{7}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4000,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_text_of_pieces_panics(pieces in prop::collection::vec(0..PIECES.len(), 0..24)) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            let _ = super::parse(text.as_bytes());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = super::parse(&bytes);
        }

        #[test]
        fn a_string_in_json_quotes_comes_back(text in "[ -~äß\\n\\t\u{1f600}]{0,40}") {
            let json = serde_json::to_string(&text).unwrap();
            let parsed = super::parse(json.as_bytes()).unwrap();
            prop_assert_eq!(parsed.root.as_str(), Some(&*text));
        }
    }
}
