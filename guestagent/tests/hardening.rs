//! The unit's confinement, as systemd judges it, and the page that explains it.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The version whose marks are meant; others give some more or fewer.
const VERSION: &str = "systemd 252 ";

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/nixvm-guestagent.service")
}

fn analyze(arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager"]).args(arguments).arg(unit());
    command.output().ok()
}

/// Whether the marks can be had here.
fn available(test: &str) -> bool {
    let version = Command::new("systemd-analyze").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let first = version.as_ref().ok().and_then(|text| text.lines().next()).unwrap_or("none");
    let there = first.starts_with(VERSION);
    if !there {
        println!("SKIP {test}: marks are those of {VERSION}, here is {first}");
    }
    there
}

#[test]
fn exposure_is_4_or_better() {
    if !available("exposure_is_4_or_better") {
        return;
    }
    let output = analyze(&["--threshold=40"]).expect("systemd-analyze");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn page_explains_every_mark_and_no_other() {
    if !available("page_explains_every_mark_and_no_other") {
        return;
    }
    let output = analyze(&["--json=short"]).expect("systemd-analyze");
    let marks: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let marked = marks.iter().filter(|mark| mark["exposure"].is_string());
    let mut marked: Vec<&str> = marked.filter_map(|mark| mark["name"].as_str()).collect();
    let page = include_str!("../../docs/reference/hardening.md");
    let (_, table) = page.split_once("## What is not set").expect("its part of the page");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split("` | ").next());
    let rows: Vec<String> = rows.map(|name| name.replace("\\|", "|")).collect();
    let mut rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    marked.sort_unstable();
    rows.sort_unstable();
    assert_eq!(rows, marked);
}
