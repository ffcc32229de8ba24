//! [`Commands`]: running other programs, always with a limit, never through a shell of ours.

use std::time::Duration;

use crate::GuestPath;

/// Other programs.
pub trait Commands {
    /// Runs a program to its end or to its limit. The environment is only what `command` says.
    fn run(&mut self, command: &Command) -> Result<Finished, CommandError>;

    /// Whether `program` (a name) is found on the path that commands get.
    fn has(&self, program: &str) -> bool;
}

/// A program to run.
#[derive(Clone, Debug)]
pub struct Command {
    /// Absolute path, or a name that is looked up on [`Command::PATH`].
    pub program: String,
    /// What the program sees as its own name, if not `program`.
    pub arg0: Option<String>,
    /// Arguments; never a secret.
    pub args: Vec<String>,
    /// The whole environment, without `PATH` if it is to be the default one.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub cwd: GuestPath,
    /// User to run as; `None` is the caller, root.
    pub user: Option<Credentials>,
    /// Longest time; then the whole process group is killed.
    pub limit: Duration,
    /// Where its output goes.
    pub output: Output,
}

impl Command {
    /// Where programs are looked for: `NixOS` first, then the folders of other distributions.
    pub const PATH: &str = "/run/wrappers/bin:/run/current-system/sw/bin:\
        /nix/var/nix/profiles/default/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// A tool with its arguments: run as root in `/`, output captured, at most 60 s.
    pub fn tool(program: &str, args: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            arg0: None,
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: vec![("LC_ALL".to_owned(), "C.UTF-8".to_owned())],
            cwd: GuestPath::root(),
            user: None,
            limit: Duration::from_mins(1),
            output: Output::Capture,
        }
    }
}

/// Who a program runs as.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Credentials {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

/// Where the output of a program goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The last 64 KiB of standard output and error are kept in [`Finished::tail`].
    Capture,
    /// To the agent's own output, that is the journal: a script may leave daemons behind which
    /// go on writing, so its end must not close their pipe.
    Inherit,
    /// To the journal under this identifier, or to the agent's own output where there is no
    /// journal. The last 64 KiB are kept in [`Finished::tail`]. The program writes into a pipe of its
    /// own, so that it can open `/dev/stderr`, which a socket of the journal does not allow. Daemons
    /// that it leaves keep the pipe, and a reader of it.
    Journal(String),
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub ended: Ended,
    /// End of its output, if captured.
    pub tail: String,
}

/// The ways to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Exit code.
    Exit(i32),
    /// Killed by a signal.
    Signal(i32),
    /// Did not end within its limit and was killed with its process group.
    TimedOut,
}

/// A program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No such program.
    #[error("running {program}: no such program")]
    NotFound {
        /// Its name.
        program: String,
    },
    /// The first line of a script names an interpreter that is not there.
    #[error("running {program}: its interpreter {interpreter} does not exist")]
    NoInterpreter {
        /// The script.
        program: String,
        /// What its first line asks for.
        interpreter: String,
    },
    /// Another fault.
    #[error("running {program}")]
    Start {
        /// Its name.
        program: String,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
}

impl CommandError {
    /// Stable name of the cause, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "no-such-program",
            Self::NoInterpreter { .. } => "no-interpreter",
            Self::Start { .. } => "start-failed",
        }
    }
}
