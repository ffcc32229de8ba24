//! Why there is no answer.

use thiserror::Error;

/// Why an expression gives no output. Nothing is written after any of them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A part of yq that is left out here.
    #[error("`{name}` is not supported here")]
    Unsupported {
        /// The operator, format or option as it was written.
        name: String,
    },
    /// The expression is not one of yq.
    #[error("in the expression: {reason}")]
    Expression {
        /// What is wrong, and where.
        reason: String,
    },
    /// The input is not of its format.
    #[error("reading {format}: {reason}")]
    Input {
        /// The name of the format.
        format: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// An operator met a value that it cannot use.
    #[error("{reason}")]
    Evaluation {
        /// What is wrong.
        reason: String,
    },
    /// The result cannot be written in this format.
    #[error("writing {format}: {reason}")]
    Output {
        /// The name of the format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A limit was met.
    #[error("{what}")]
    TooMuch {
        /// The limit.
        what: &'static str,
    },
    /// A bad command line.
    #[error("{reason}")]
    Usage {
        /// What is wrong.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{action} {path}")]
    File {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: String,
        /// Why it went wrong.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// A stable name for logs and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "unsupported",
            Self::Expression { .. } => "expression",
            Self::Input { .. } => "input",
            Self::Evaluation { .. } => "evaluation",
            Self::Output { .. } => "output",
            Self::TooMuch { .. } => "too-much",
            Self::Usage { .. } => "usage",
            Self::File { .. } => "file",
        }
    }

    pub(crate) fn unsupported(name: impl Into<String>) -> Self {
        Self::Unsupported { name: name.into() }
    }

    pub(crate) fn expression(reason: impl Into<String>) -> Self {
        Self::Expression { reason: reason.into() }
    }

    pub(crate) fn evaluation(reason: impl Into<String>) -> Self {
        Self::Evaluation { reason: reason.into() }
    }
}
