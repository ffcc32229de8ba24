use super::*;
use crate::listen::Peers;
use expect_test::{Expect, expect};

fn findings(text: &str, expected: &Expect) -> File {
    let (file, findings) = parse(Path::new("ga.toml"), text);
    let said: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    expected.assert_eq(&said);
    file
}

#[test]
fn everything_is_read() {
    let text = r#"
listen.addresses = ["vsock:2222", "unix:/run/b.sock"]
tunnel = { owner = 501, allow = ["tcp *:80"], deny = [] }
[ports]
ignore = ["udp *:68", "udp *:5353"]
[clock]
sync = false
"#;
    let expected = File {
        listen: vec![
            Address::Vsock { port: 2222, peers: Peers::Host },
            Address::Unix { path: "/run/b.sock".into(), owner: 0 },
        ],
        tunnel: Tunnel {
            owner: Some("501".into()),
            allow: vec!["tcp *:80".into()],
            deny: Vec::new(),
        },
        ports: Ports { ignore: Some(vec!["udp *:68".into(), "udp *:5353".into()]) },
        clock: Clock { sync: false },
    };
    assert_eq!(findings(text, &expect![""]), expected);
}

#[test]
fn empty_file_is_no_file() {
    assert_eq!(findings("# nothing\n", &expect![""]), File::default());
}

#[test]
fn bad_value_loses_itself_and_unknown_key_is_a_warning() {
    let text = r#"
tunnel = "ada"
speed = 1
[listen]
addresses = ["vsock:0", "vsock:7", 8]
[ports]
ignroe = []
[clock]
sync = "no"
"#;
    let file = findings(
        text,
        &expect![[r#"
            ga.toml:2: error: tunnel: it is no table; write [tunnel] on a line of its own
            ga.toml:3: warning: speed: unknown key; remove it, or look for a slip of the pen
            ga.toml:5: error: listen.addresses[0]: "vsock:0": the port is a number from 1 to 4294967295; write for example addresses = ["vsock:2222"]
            ga.toml:5: error: listen.addresses[2]: it is no text in quotes; write for example addresses = ["vsock:2222"]
            ga.toml:7: warning: ports.ignroe: unknown key; remove it, or look for a slip of the pen
            ga.toml:9: error: clock.sync: it is neither true nor false; write true or false, without quotes
        "#]],
    );
    let vsock = Address::Vsock { port: 7, peers: Peers::Host };
    assert_eq!(file, File { listen: vec![vsock], ..File::default() });
}

#[test]
fn line_that_is_no_toml_loses_itself() {
    let file = findings(
        "[tunnel]\nowner = \ndeny = [\"tcp *:22\"]\n",
        &expect![[r"
            ga.toml:2: error: string values must be quoted, expected literal string; see https://toml.io for how values are written
        "]],
    );
    assert_eq!(file.tunnel.deny, ["tcp *:22"]);
}

#[test]
fn absent_file_is_an_error_only_if_it_was_named() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("none.toml");
    assert!(read(Some(&path)).is_err());
    std::fs::write(&path, [0xff]).expect("file");
    assert!(read(Some(&path)).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z\\[\\]=\"'\n.#{}0-9, ]{0,200}") {
        parse(Path::new("x"), &text);
    }
}
