//! What can go wrong in local mode, one variant per operation that failed.

use std::path::PathBuf;

use aws_emulator::account::AccountError;
use aws_emulator::dynamodb::{DynamoDbError, StreamError};
use aws_emulator::ledger::LedgerError;
use aws_emulator::s3::ObjectsError;
use slipway_model::count::counted_as;

/// An operation of local mode that failed.
///
/// `Display` says what was tried; `source` says why it failed. Print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A service of the emulator could not be opened, recovered or shut down.
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    #[error(transparent)]
    Tables(#[from] DynamoDbError),
    /// The stream of the table could not be opened.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The variable of the test that crashes this server has a wrong value.
    #[error("failed to read SLIPWAY_CRASH: `{0}` is neither `before:N` nor `after:N`. Unset it")]
    CrashPoint(String),
    /// A part of the data is gone, or from an earlier time than the rest.
    #[error(
        "{} was lost, or is of an earlier time than the rest of {}: restore the whole data folder from one backup, with its \
         `-wal` files, or use another one. `--accept-lost-data` starts with what is left: resources of stacks that are lost stay, and \
         no stack names them",
        path.display(),
        folder.display()
    )]
    DataLost {
        /// The file.
        path: PathBuf,
        /// The data folder.
        folder: PathBuf,
    },
    /// The start could not be counted.
    #[error("failed to count this start in {}", path.display())]
    CountStart {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Builds that run reach the local AWS at another port only.
    #[error(
        "{} and reach the local AWS at port {port} only, {why}: {remedy}",
        counted_as(*builds, "build of the last server still runs,", "builds of the last server still run,")
    )]
    PortOfBuilds {
        /// How many builds.
        builds: usize,
        /// Their port.
        port: u16,
        /// What keeps this server from it.
        why: &'static str,
        /// What to do.
        remedy: String,
    },
    /// A queue of the template could not be made.
    #[error("cannot make the queue `{name}`")]
    MakeQueue {
        /// The queue.
        name: String,
        /// Why.
        #[source]
        source: Box<aws_emulator::wire::AwsError>,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}", path.display())]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another server has the data folder.
    #[error(
        "the data folder {} is in use by the process {pid}: stop that server, or name another folder with --data",
        path.display()
    )]
    FolderInUse {
        /// The folder.
        path: PathBuf,
        /// The process that has it.
        pid: String,
    },
    /// Another program listens on a port that was named.
    #[error(
        "port {port} for {what} is in use by another program: name others with `--port` and `--aws-port`; 0 picks a free one"
    )]
    PortInUse {
        /// What was to listen there.
        what: &'static str,
        /// The port.
        port: u16,
    },
    /// A port could not be listened on.
    #[error("cannot listen on port {port} for {what}")]
    Listen {
        /// What was to listen there.
        what: &'static str,
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The template that this program was built with is not understood.
    #[error("cannot read the template")]
    ReadTemplate(#[source] Box<crate::template::TemplateError>),
    /// A rule of the template has a pattern that local mode does not understand.
    #[error("cannot make the rule `{rule}`")]
    MakeRule {
        /// The rule.
        rule: String,
        /// What is not understood, and where.
        #[source]
        source: aws_emulator::events::PatternError,
    },
    /// The template has a pattern for records of a stream that is not JSON.
    #[error("cannot read a pattern of `{mapping}`")]
    MakeMapping {
        /// The function's and the event's name.
        mapping: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The template names a function that this program does not hold.
    #[error("the template has the function `{0}`, which this program does not have")]
    UnknownFunction(String),
    /// The template has a schedule that local mode does not understand.
    #[error(
        "the schedule `{name}` has the expression `{expression}`; local mode understands rate(N minutes) and the like"
    )]
    UnknownSchedule {
        /// The schedule.
        name: String,
        /// Its expression.
        expression: String,
    },
    /// A function does not get what it needs from the template.
    #[error("cannot configure the function `{function}`")]
    ConfigureFunction {
        /// The function.
        function: &'static str,
        /// What is missing.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The state machine could not be made or brought up to date.
    #[error("cannot set up the state machine `{name}`")]
    SetUpStateMachine {
        /// The state machine.
        name: String,
        /// Why.
        #[source]
        source: Box<aws_emulator::wire::AwsError>,
    },
    /// The environment `local` could not be written.
    #[error("cannot write the environment `local`")]
    SeedEnvironment(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A value of the template is not expressible as JSON.
    #[error("failed to encode the table `{name}`")]
    EncodeTable {
        /// The table.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}
