//! The command line, as Lima's boot script and people call it.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn yq(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nixvm-yq"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.output().expect("yq runs")
}

fn out(folder: &Path, arguments: &[&str]) -> String {
    let said = yq(folder, arguments);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).expect("UTF-8")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("readable")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[test]
fn lima_edits_a_file_in_place() {
    let folder = folder(&[("e", ".debug = true\n"), ("daemon.json", "{\"a\": 1}")]);
    let path = folder.path();
    fs::set_permissions(path.join("daemon.json"), fs::Permissions::from_mode(0o640)).expect("mode");
    let arguments = [
        "--inplace",
        "--from-file",
        "e",
        "--input-format",
        "auto",
        "--output-format",
        "auto",
        "daemon.json",
    ];
    assert_eq!(out(path, &arguments), "");
    assert_eq!(text(path, "daemon.json"), "{\n  \"a\": 1,\n  \"debug\": true\n}\n");
    let mode = fs::metadata(path.join("daemon.json")).expect("there").mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert_eq!(names(path), ["daemon.json", "e"]);
}

#[test]
fn lima_makes_a_new_file() {
    let folder = folder(&[("e", ".a.b = \"x\" # set\n")]);
    let arguments = ["--null-input", "--from-file", "e", "--output-format"];
    for (format, wanted) in [
        ("yaml", "a:\n  b: x\n"),
        ("auto", "a:\n  b: x\n"),
        ("json", "{\n  \"a\": {\n    \"b\": \"x\"\n  }\n}\n"),
        ("toml", "[a]\nb = \"x\"\n"),
        ("ini", "[a]\nb = x\n"),
        ("properties", "a.b = x\n"),
    ] {
        let all: Vec<&str> = arguments.iter().copied().chain([format]).collect();
        assert_eq!(out(folder.path(), &all), wanted, "{format}");
    }
}

#[test]
fn an_error_leaves_the_file_as_it_is() {
    let folder = folder(&[("a.yaml", "a:   1 # x\n"), ("bad.yaml", "a: [")]);
    let path = folder.path();
    for arguments in [
        ["-i", ".a = now", "a.yaml"],
        ["-i", ".a | (", "a.yaml"],
        ["-i", ".a = {} + 1", "a.yaml"],
        ["-i", ".", "bad.yaml"],
        ["-ie", ".nope", "a.yaml"],
        ["-i", ".", "a.yaml/x"],
        ["-ioxml", ".", "a.yaml"],
    ] {
        let said = yq(path, &arguments);
        assert_eq!(said.status.code(), Some(1), "{arguments:?}");
        assert!(said.stderr.starts_with(b"Error: "), "{arguments:?}");
        assert!(said.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(text(path, "a.yaml"), "a:   1 # x\n");
    assert_eq!(text(path, "bad.yaml"), "a: [");
    assert_eq!(names(path), ["a.yaml", "bad.yaml"]);
}

#[test]
fn what_a_link_points_to_is_replaced() {
    let folder = folder(&[]);
    let path = folder.path();
    fs::create_dir(path.join("real")).expect("a folder");
    fs::write(path.join("real/a.yaml"), "a: 1\n").expect("written");
    symlink("real/a.yaml", path.join("link.yaml")).expect("a link");
    out(path, &["-i", ".a = 2", "link.yaml"]);
    assert_eq!(text(path, "real/a.yaml"), "a: 2\n");
    assert!(fs::symlink_metadata(path.join("link.yaml")).expect("there").is_symlink());
    assert_eq!(names(&path.join("real")), ["a.yaml"]);
}

#[test]
fn the_owner_stays() {
    let folder = folder(&[("a.yaml", "a: 1\n")]);
    let file = folder.path().join("a.yaml");
    if std::os::unix::fs::chown(&file, Some(4711), Some(4712)).is_err() {
        return println!("SKIP the_owner_stays: only root may give files away");
    }
    out(folder.path(), &["-i", ".a = 2", "a.yaml"]);
    let found = fs::metadata(&file).expect("there");
    assert_eq!((found.uid(), found.gid()), (4711, 4712));
}

#[test]
fn options_are_those_of_yq() {
    let folder = folder(&[("a.yaml", "a: {b: \"x\"}\n---\nc: 1\n"), ("l.json", "{\"k\": [1]}")]);
    let path = folder.path();
    assert_eq!(out(path, &["a.yaml"]), "a: {b: \"x\"}\n---\nc: 1\n");
    assert_eq!(out(path, &["eval", "-N", ".", "a.yaml"]), "a: {b: \"x\"}\nc: 1\n");
    assert_eq!(out(path, &["e", "-P", "select(di == 0)", "a.yaml"]), "a:\n  b: x\n");
    assert_eq!(out(path, &["-P", "-I4", "select(di == 0)", "a.yaml"]), "a:\n    b: x\n");
    assert_eq!(
        out(path, &["-o=json", "-I=0", ".", "a.yaml"]),
        "{\"a\":{\"b\":\"x\"}}\n{\"c\":1}\n"
    );
    assert_eq!(out(path, &["-r=false", ".a.b", "a.yaml"]), "\"x\"\n---\nnull\n");
    assert_eq!(out(path, &["-o", "json", "-r", "select(di == 0) | .a.b", "a.yaml"]), "x\n");
    assert_eq!(out(path, &["-p", "json", "-M", ".k", "l.json"]), "- 1\n");
    assert_eq!(out(path, &[".k", "l.json"]), "[\n  1\n]\n");
    assert_eq!(out(path, &["-n", "--expression", "1 + 1"]), "2\n");
    assert_eq!(yq(path, &["-e", ".a.c", "a.yaml"]).status.code(), Some(1));
    assert_eq!(yq(path, &["-n", ".", "a.yaml"]).status.code(), Some(1));
    assert!(out(path, &["--help"]).starts_with("yq "));
}

#[test]
fn options_that_are_left_out_are_named() {
    let folder = folder(&[("a.yaml", "a: 1\n"), ("b.xml", "<a/>")]);
    for (arguments, name) in [
        (&["-C", ".", "a.yaml"][..], "`-C`"),
        (&["--split-exp", ".a", ".", "a.yaml"], "`--split-exp`"),
        (&["-o", "csv", ".", "a.yaml"], "`format csv`"),
        (&["-p", "tsv", ".", "a.yaml"], "`format tsv`"),
        (&[".", "b.xml"], "`format xml`"),
        (&[".", "a.yaml", "a.yaml"], "`more than one file`"),
    ] {
        let said = yq(folder.path(), arguments);
        let told = String::from_utf8_lossy(&said.stderr);
        assert!(told.contains(&format!("{name} is not supported here")), "{told}");
        assert_eq!(said.status.code(), Some(1));
    }
}

#[test]
fn standard_input_is_read() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nixvm-yq"))
        .arg(".a")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("yq runs");
    child.stdin.take().expect("a pipe").write_all(b"a: 5\n").expect("written");
    assert_eq!(child.wait_with_output().expect("ended").stdout, b"5\n");
}

#[test]
fn the_name_of_the_program_counts() {
    for (name, wanted) in [
        ("yq", true),
        ("/usr/bin/yq", true),
        ("./yq.linux-arm64", true),
        ("nixvm-guestagent", false),
        ("/yq/agent", false),
    ] {
        assert_eq!(nixvm_yq::is_called_as_yq(name.as_ref()), wanted, "{name}");
    }
}
