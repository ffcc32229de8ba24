//! Cases, and the real yq.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nixvm_yq::{Error, Format, Options};
use serde::Deserialize;

const CASES: &str = include_str!("../differential/cases.jsonl");

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    Out(String),
    Error(String),
    Refused(String),
}

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    expression: String,
    input: Option<String>,
    from: Option<String>,
    to: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(flatten)]
    pub expected: Expected,
}

pub fn cases() -> Vec<Case> {
    CASES.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

impl Case {
    fn evaluate(&self) -> Result<String, Error> {
        let format = |name: &str| Format::from_name(name).expect("a format of the cases");
        let to = format(&self.to);
        let from = self.from.as_deref().map(format);
        let input = self.input.as_deref().zip(from);
        let environment = |name: &str| self.env.get(name).cloned();
        let options = Options::for_format(to);
        nixvm_yq::evaluate_with(&self.expression, input, to, &options, &environment)
            .map(|result| result.text)
    }

    /// Whether we give what is recorded.
    pub fn check(&self) -> Result<(), String> {
        let found = self.evaluate();
        let fits = match (&self.expected, &found) {
            (Expected::Out(out), Ok(found)) => out == found,
            (Expected::Error(code), Err(error)) => error.code() == code,
            (Expected::Refused(wanted), Err(Error::Unsupported { name })) => wanted == name,
            _ => false,
        };
        let found = found.unwrap_or_else(|error| format!("{} ({})", error, error.code()));
        if fits { Ok(()) } else { Err(format!("{}: {found}", self.name)) }
    }

    /// Whether yq gives what is recorded.
    pub fn ask(&self, program: &Path) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let expression = folder.path().join("expression");
        std::fs::write(&expression, &self.expression).expect("written");
        let mut command = Command::new(program);
        command.arg("--from-file").arg(&expression).args(["-M", "-o", &self.to]);
        match (&self.input, &self.from) {
            (Some(input), Some(from)) => {
                let file = folder.path().join("input");
                std::fs::write(&file, input).expect("written");
                command.args(["-p", from]).arg(&file);
            }
            _ => {
                command.arg("-n");
            }
        }
        command.env_clear().envs(&self.env).stdin(Stdio::null());
        let said = command.output().expect("yq runs");
        let out = String::from_utf8_lossy(&said.stdout);
        let fits = match &self.expected {
            Expected::Out(wanted) => said.status.success() && *wanted == out,
            Expected::Error(_) => !said.status.success(),
            Expected::Refused(_) => true,
        };
        if fits { Ok(()) } else { Err(format!("{}: {out}", self.name)) }
    }
}

pub struct Yq {
    folder: tempfile::TempDir,
}

impl Yq {
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("yq")
    }
}

/// The yq of the version that Lima has, which `tests/peers` knows.
pub fn build_yq() -> Result<Yq, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(folder.path().join("yq"));
    build.arg("github.com/mikefarah/yq/v4").current_dir(peers).stdin(Stdio::null());
    match build.output() {
        Ok(said) if said.status.success() => Ok(Yq { folder }),
        Ok(said) => Err(format!("go build: {}", String::from_utf8_lossy(&said.stderr).trim())),
        Err(error) => Err(format!("no Go: {error}")),
    }
}
