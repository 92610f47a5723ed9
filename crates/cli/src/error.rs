//! What a command fails with, and the exit code that says so to scripts.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use slipway_api_types::{Missing, MissingKind};
use slipway_model::count::{counted, counted_as};
use slipway_model::operation::OperationStatus;
use slipway_model::problem::FieldProblem;

use crate::harmless::in_a_line;
use crate::hint;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line says something that only the server could find wrong, or that contradicts itself.
    #[error("{0}")]
    Usage(String),
    /// Files say what cannot be; nothing was sent.
    #[error("nothing was changed: {}{}", counted_as(.0.len(), "thing is wrong", "things are wrong"), .0.iter().map(in_file).collect::<String>())]
    Files(Vec<(PathBuf, FieldProblem)>),
    /// Files of a blueprint are wrong; nothing was published.
    #[error("{}{}", unpublishable(folder), listed_in(wrong))]
    Unpublishable {
        /// The blueprint's folder.
        folder: PathBuf,
        /// What is wrong, each with the file as the caller opens it.
        wrong: Vec<(PathBuf, FieldProblem)>,
    },
    /// A link below a blueprint stands for no file that is published.
    #[error("{} is a link that {what}: {}", path.display(), Self::LINK_REMEDY)]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        what: String,
    },
    /// Some of what was to be exported cannot be read.
    #[error("the server cannot read this {noun}, so an export would not be whole: {names}; put it anew, or delete it")]
    Unreadable {
        /// What they are.
        noun: &'static str,
        /// Which.
        names: String,
    },
    /// One of several records could not be written.
    #[error("failed to write {noun} `{name}` ({done} of {all} written); rerun the command to continue")]
    Stopped {
        /// What it is.
        noun: &'static str,
        /// Which.
        name: String,
        /// How many were written.
        done: usize,
        /// How many were to be written.
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
        status: OperationStatus,
        /// Why.
        reason: Option<String>,
        /// The commands that print its logs.
        logs: Vec<String>,
    },
    /// The operation succeeded, and its stack was destroyed since.
    #[error(
        "the stack {stack} of {operation} no longer exists: it {end}. If a request returned this operation, its idempotency key was used \
         before: to create a new stack, send the request under another key"
    )]
    Outlived {
        /// The operation's ID.
        operation: String,
        /// The ID of its stack.
        stack: String,
        /// How the stack ended.
        end: String,
    },
    /// The audit log is not as it was written.
    #[error("the audit log was changed: {0}; compare it with a backup of the table (docs/runbook.md)")]
    Audit(#[source] slipway_model::audit::Broken),
    /// The lists of the audit log have an item that is no record.
    #[error(
        "the audit log was changed: the item {item} is in its lists, and {why}; remove it from the table (docs/audit.md)"
    )]
    ForgedAudit {
        /// The key of the item.
        item: String,
        /// What is wrong with it.
        why: String,
    },
    /// The person at the terminal did not confirm; nothing was sent.
    #[error("{0}")]
    Declined(String),
    /// The caller stopped watching an operation.
    #[error("stopped watching; the operation {operation} continues")]
    Interrupted {
        /// The operation's id.
        operation: String,
    },
    /// A check of a blueprint found errors; they have been printed.
    #[error("{} in the blueprint {}", counted(*errors, "error"), folder.display())]
    Findings {
        /// How many.
        errors: usize,
        /// The blueprint's folder.
        folder: PathBuf,
    },
    /// Migrations have dangerous statements; they have been printed.
    #[error(
        "dangerous statements in migrations: {statements}. Correct each, or accept it by its rule: `-- squawk-ignore RULE` in the line before"
    )]
    DangerousStatements {
        /// How many.
        statements: usize,
    },
    /// Decisions of policies were not as expected; they have been printed.
    #[error("{}", counted_as(*.0, "test of policies failed", "tests of policies failed"))]
    PolicyTests(u64),
    /// The caller may not do what was asked about; the reason has been printed.
    #[error("not permitted")]
    NotPermitted,
    /// What the command names does not exist.
    #[error("there is no {} `{}`: {}", .0.kind.noun(), .0.name, listed_by(.0.kind))]
    Missing(Missing),
    /// There is no stack of a name any more.
    #[error(
        "there is no stack `{name}` any more: {id} in the environment {environment} {end}. Show it with `{}`",
        show_stack(id)
    )]
    Destroyed {
        /// The name, as the command has it.
        name: String,
        /// The ID of the last stack of that name.
        id: String,
        /// Where it was.
        environment: String,
        /// How it ended: when it was destroyed, or that it was not created.
        end: String,
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
    #[error("there is no local server in {}: start one with `slipway up`, or name its folder with `--data` or an address with `--endpoint`", data.display())]
    NoServer {
        /// The data folder.
        data: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The server did not answer.
    #[error("failed to reach the server at {server}: {}", reachable(server))]
    Unreachable {
        /// Where it should be.
        server: String,
        #[source]
        source: Box<reqwest::Error>,
    },
    /// The answer was lost.
    #[error("failed to read the answer to {request} from {server}: {}", unanswered(request))]
    Unanswered {
        /// The request.
        request: String,
        /// Where it was sent.
        server: String,
        #[source]
        source: Box<reqwest::Error>,
    },
    /// The server answered with something that is not an answer of Slipway.
    #[error("the server answered {status} to {request} ({}): {}", of_answer(answer), unexpected(request, *status))]
    UnexpectedAnswer {
        /// The request.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The first part of what it said.
        answer: String,
    },
    /// The server answered with less than the answer has.
    #[error(
        "the server's answer to {request} is incomplete: {what}. Check that the address is that of Slipway (`--endpoint`, \
         SLIPWAY_ENDPOINT or the profile)"
    )]
    IncompleteAnswer {
        /// The request.
        request: String,
        /// The field.
        what: String,
    },
    /// The server rejects this authentication.
    #[error("the server answered {status} ({said}): {remedy}")]
    NotLetIn {
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: String,
        /// What to do.
        remedy: String,
    },
    /// There is nothing to sign requests with.
    #[error(
        "there are no AWS credentials to sign the request with: configure them as for the AWS CLI (`aws configure`, `aws sso \
         login`, AWS_PROFILE), or log in with `slipway login`"
    )]
    NoCredentials(#[source] Box<aws_credential_types::provider::error::CredentialsError>),
    /// The identity provider gave no token.
    #[error("{0}")]
    Login(String),
    /// The login cannot be renewed any more.
    #[error("the login for {0} has ended: log in again with `slipway login --endpoint {0}`")]
    LoginEnded(String),
    /// The identity provider did not answer.
    #[error("failed to reach the identity provider at {url}: check the address (`--issuer`) and the network")]
    IssuerUnreachable {
        /// Which of its addresses.
        url: String,
        #[source]
        source: Box<reqwest::Error>,
    },
    /// A request to the artifacts bucket failed.
    #[error("failed to {action} {object}: check that your AWS credentials may use the bucket")]
    Artifact {
        /// What was to be done.
        action: &'static str,
        /// The bucket and the key.
        object: String,
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
    /// An image could not be put into the local S3.
    #[error("failed to push the image to {endpoint}: check that the server runs (`slipway up`)")]
    PushImage {
        /// The local AWS.
        endpoint: String,
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
    /// A file could not be read or written.
    #[error("failed to {action} {}{}", path.display(), of_file(source))]
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
    /// `SLIPWAY_POSTGRES_BIN` names no `PostgreSQL`.
    #[error("{}", slipway_model::error_chain::chain(.0))]
    Postgres(aws_emulator::postgres::PostgresError),
    /// The demo did not see what it promised.
    #[error("the demo failed: {0}")]
    Demo(String),
}

/// One thing that is wrong with a file, as a line.
fn in_file((file, problem): &(PathBuf, FieldProblem)) -> String {
    let FieldProblem {
        field, detail, remedy, ..
    } = problem;
    format!("\n  {}: {field}: {detail}; {remedy}", file.display())
}

/// The command that shows a stack.
fn show_stack(id: &str) -> String {
    hint::command(&format!("stack show {id}"))
}

/// The command that lists the things of a kind.
fn listed_by(kind: MissingKind) -> &'static str {
    match kind {
        MissingKind::Stack => {
            "list the stacks with `slipway stack list`, destroyed ones with `slipway stack list --status destroyed`"
        }
        MissingKind::Operation => "list the operations of a stack with `slipway operation list STACK`",
        MissingKind::Policy => "list the policies with `slipway policy list`",
        MissingKind::SourceAccount => "list the source accounts with `slipway source-account list`",
        MissingKind::Webhook => "list the webhooks with `slipway webhook list`",
        MissingKind::DeadLetter => {
            "list the events with `slipway event list`; one that another reader has received is visible again after a minute"
        }
    }
}

/// What to do if an address does not respond.
fn reachable(server: &str) -> &'static str {
    if server.starts_with("https:") {
        "check the address (`--endpoint`, SLIPWAY_ENDPOINT or the profile) and the network"
    } else {
        "start one with `slipway up`, or name another with `--endpoint`"
    }
}

/// What to do about an answer that is none of Slipway's.
fn unexpected(request: &str, status: u16) -> Cow<'static, str> {
    if status >= 500 && !request.starts_with("GET ") {
        not_known(request).into()
    } else if status == 429 || status >= 500 {
        "try again in a minute; if that does not help, see the log of the server".into()
    } else {
        "check that the address is that of Slipway (`--endpoint`, SLIPWAY_ENDPOINT or the profile)".into()
    }
}

/// What to do if an answer is cut off, or if none arrives to a change.
fn unanswered(request: &str) -> Cow<'static, str> {
    if request.starts_with("GET ") {
        "it was cut off; try again, and if that does not help, check the network and the proxies before the server"
            .into()
    } else {
        not_known(request).into()
    }
}

/// What to do about a change that may have been made.
fn not_known(request: &str) -> String {
    let path = request.split_once(' ').map_or(request, |(_, path)| path);
    let operation = path
        .strip_prefix("/v1/operations/")
        .and_then(|rest| rest.split('/').next());
    let see = match operation {
        Some(operation) => hint::command(&format!("operation show {operation}")),
        None if path.starts_with("/v1/stacks") => hint::command("operation list --mine --since 1h"),
        None => {
            return "it is not known whether the request was carried out; show what it changes before you repeat it"
                .to_owned();
        }
    };
    format!("it is not known whether the request was carried out; see `{see}` before you repeat it")
}

/// An answer on one line.
fn of_answer(answer: &str) -> String {
    let words: Vec<&str> = answer.split_whitespace().collect();
    if words.is_empty() {
        "no text".to_owned()
    } else {
        words.join(" ")
    }
}

/// What to do about a file or folder, where the system says what is wrong.
fn of_file(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => ": check the path",
        io::ErrorKind::PermissionDenied => ": check its permissions",
        io::ErrorKind::IsADirectory => ": name a file, and not a folder",
        io::ErrorKind::NotADirectory => ": name a folder, and not a file",
        io::ErrorKind::StorageFull => ": free space on the disk",
        io::ErrorKind::ReadOnlyFilesystem => ": name a folder that can be written to",
        _ => "",
    }
}

/// What is wrong, a line a field.
fn listed(errors: &[FieldProblem]) -> String {
    let line = |problem: &FieldProblem| problem_line(&problem.field, problem);
    errors.iter().map(line).collect()
}

/// Likewise, with the files as editors open them.
fn listed_in(wrong: &[(PathBuf, FieldProblem)]) -> String {
    let line = |(file, problem): &(PathBuf, FieldProblem)| problem_line(&file.display().to_string(), problem);
    wrong.iter().map(line).collect()
}

/// A problem in a line of its own, after what it is in.
fn problem_line(within: &str, problem: &FieldProblem) -> String {
    let place = problem.place.map(|place| format!(":{}:{}", place.line, place.column));
    let remedy = Some(&problem.remedy).filter(|remedy| !remedy.is_empty());
    format!(
        "\n  {within}{}: {}{}",
        place.unwrap_or_default(),
        problem.detail.trim_end_matches('.'),
        remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default()
    )
}

fn unpublishable(folder: &Path) -> String {
    format!(
        "the blueprint in {} cannot be published: nothing was published",
        folder.display()
    )
}

impl Error {
    /// What to do about a link that is not published.
    pub const LINK_REMEDY: &str = "put the file itself there, or name it in a file .slipwayignore beside it";

    /// What failed with a file or folder; for `map_err`.
    pub fn file(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The exit code, as `slipway --help` lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OperationEnded { .. }
            | Self::Demo(_)
            | Self::Audit(_)
            | Self::ForgedAudit { .. }
            | Self::PolicyTests(_)
            | Self::NotPermitted => 1,
            Self::Usage(_) | Self::Files(_) | Self::Link { .. } => 2,
            Self::Findings { .. } | Self::DangerousStatements { .. } | Self::Unpublishable { .. } => 6,
            Self::Declined(_) => 7,
            // As a shell has it for a program that SIGINT ends: 128 and the number of the signal.
            Self::Interrupted { .. } => 130,
            Self::Stopped { source, .. } => source.exit_code(),
            Self::Missing(_)
            | Self::Destroyed { .. }
            | Self::Outlived { .. }
            | Self::Refused { .. }
            | Self::NotLetIn { .. }
            | Self::Login(_)
            | Self::LoginEnded(_) => 3,
            Self::NoServer { .. }
            | Self::PushImage { .. }
            | Self::Artifact { .. }
            | Self::IssuerUnreachable { .. }
            | Self::Unreachable { .. }
            | Self::Unanswered { .. }
            | Self::Unreadable { .. }
            | Self::UnexpectedAnswer { .. }
            | Self::IncompleteAnswer { .. } => 4,
            Self::File { .. } | Self::Program(_) | Self::Local(_) | Self::Postgres(_) | Self::NoCredentials(_) => 5,
        }
    }

    /// The error as programs read it.
    pub fn to_json(&self) -> Value {
        let (message, errors) = match self {
            Self::Refused { title, detail, errors } => (format!("{title}: {detail}"), errors.clone()),
            Self::Unpublishable { folder, wrong } => {
                let problems = wrong.iter().map(|(_, problem)| problem.clone());
                (unpublishable(folder), problems.collect())
            }
            other => (other.to_string(), Vec::new()),
        };
        let causes: Vec<String> = std::iter::successors(std::error::Error::source(self), |cause| cause.source())
            .map(ToString::to_string)
            .collect();
        json!({ "message": message, "causes": causes, "errors": errors, "exit_code": self.exit_code() })
    }

    /// The error with everything that caused it, on one line each.
    pub fn report(&self) -> String {
        let mut report = match self {
            // The reason may be an approver's text or a message of a provider.
            Self::OperationEnded { .. } => format!("error: {}", in_a_line(&self.to_string())),
            _ => format!("error: {self}"),
        };
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let _ = write!(report, "\n  because: {cause}");
            source = cause.source();
        }
        if let Self::Interrupted { operation } = self {
            let _ = write!(
                report,
                "\n  watch it: {}\n  cancel it: {}",
                hint::command(&format!("operation watch {operation}")),
                hint::command(&format!("operation cancel {operation}"))
            );
        }
        if let Self::OperationEnded { logs, .. } = self {
            for log in logs {
                let _ = write!(report, "\n  log: {log}");
            }
        }
        report
    }
}
