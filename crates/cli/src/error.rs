//! What a command fails with, and the exit code that says so to scripts.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use slipway_model::problem::FieldProblem;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line says something that only the server could find wrong, or that contradicts itself.
    #[error("{0}")]
    Usage(String),
    /// The operation that was waited for did not succeed; it has been printed.
    #[error("operation {operation} {status}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    OperationEnded {
        /// The operation's id.
        operation: String,
        /// How it ended.
        status: String,
        /// Why.
        reason: Option<String>,
    },
    /// The server said no.
    #[error("{title}: {detail}{}", listed(errors))]
    Refused {
        /// The kind of problem.
        title: String,
        /// What is wrong.
        detail: String,
        /// What is wrong, field by field.
        errors: Vec<FieldProblem>,
    },
    /// No server was named, and none of this data folder has started yet.
    #[error("there is no local server in {}: start one with `slipway up`, or name one with `--server`", data.display())]
    NoServer {
        /// The data folder.
        data: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The server did not answer.
    #[error("cannot reach the server at {server}: start one with `slipway up`, or name another with `--server`")]
    Unreachable {
        /// Where it should be.
        server: String,
        #[source]
        source: Box<reqwest::Error>,
    },
    /// The server answered with something that is not an answer of Slipway.
    #[error("the server answered {status} to {request}: {answer}")]
    UnexpectedAnswer {
        /// The request.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The first part of what it said.
        answer: String,
    },
    /// An image could not be put into the local S3.
    #[error("cannot push the image to {endpoint}")]
    PushImage {
        /// The local AWS.
        endpoint: String,
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was to be done with it.
        action: &'static str,
        /// The file.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A program that Slipway needs could not be found, fetched or run.
    #[error("{0}")]
    Program(String),
    /// The local server could not start, or ended.
    #[error("local mode failed")]
    Local(#[source] slipway_local::Error),
    /// The demo did not see what it promised.
    #[error("the demo failed: {0}")]
    Demo(String),
}

/// What is wrong, a line a field.
fn listed(errors: &[FieldProblem]) -> String {
    let line = |problem: &FieldProblem| format!("\n  {}: {}; {}", problem.field, problem.detail, problem.remedy);
    errors.iter().map(line).collect()
}

impl Error {
    /// The exit code, as `slipway --help` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OperationEnded { .. } | Self::Demo(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused { .. } => 3,
            Self::NoServer { .. }
            | Self::PushImage { .. }
            | Self::Unreachable { .. }
            | Self::UnexpectedAnswer { .. } => 4,
            Self::File { .. } | Self::Program(_) | Self::Local(_) => 5,
        }
    }

    /// The error with everything that caused it, on one line each.
    pub fn report(&self) -> String {
        let mut report = format!("error: {self}");
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let _ = write!(report, "\n  because: {cause}");
            source = cause.source();
        }
        report
    }
}
