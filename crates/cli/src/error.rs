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
    /// Files say what cannot be; nothing was sent.
    #[error("nothing was changed: {}{}", counted(.0.len()), .0.iter().map(in_file).collect::<String>())]
    Files(Vec<(PathBuf, FieldProblem)>),
    /// Some of what was to be exported cannot be read.
    #[error("the server cannot read this {noun}, so an export would not be whole: {names}; put it anew, or delete it")]
    Unreadable {
        /// What they are.
        noun: &'static str,
        /// Which.
        names: String,
    },
    /// One of several records could not be put.
    #[error("{noun} {name} was not put; {done} of {all} were put before, and the same command goes on from here")]
    Stopped {
        /// What it is.
        noun: &'static str,
        /// Which.
        name: String,
        /// How many were put.
        done: usize,
        /// How many were to be put.
        all: usize,
        #[source]
        source: Box<Error>,
    },
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

/// One thing that is wrong with a file, as a line.
fn in_file((file, problem): &(PathBuf, FieldProblem)) -> String {
    let FieldProblem { field, detail, remedy } = problem;
    format!("\n  {}: {field}: {detail}; {remedy}", file.display())
}

fn counted(problems: usize) -> String {
    match problems {
        1 => "one thing is wrong".to_owned(),
        many => format!("{many} things are wrong"),
    }
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
            Self::Usage(_) | Self::Files(_) => 2,
            Self::Stopped { source, .. } => source.exit_code(),
            Self::Refused { .. } => 3,
            Self::NoServer { .. }
            | Self::PushImage { .. }
            | Self::Unreachable { .. }
            | Self::Unreadable { .. }
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
