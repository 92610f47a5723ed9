//! What can go wrong in local mode, one variant per operation that failed.

use std::path::PathBuf;

/// An operation of local mode that failed.
///
/// `Display` says what was tried; `source` says why it failed. Print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ledger's file could not be opened or its tables not be made.
    #[error(
        "cannot open the ledger {}: if the file is damaged, restore the whole data folder from a backup, or use another one",
        path.display()
    )]
    OpenLedger {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The ledger was written by a later version of Slipway.
    #[error(
        "the ledger {} has layout {found}, and this program knows layouts up to {known}: start the version of \
         Slipway that wrote it, or use another data folder",
        path.display()
    )]
    LedgerTooNew {
        /// The file.
        path: PathBuf,
        /// The layout in the file.
        found: i64,
        /// The newest layout this program knows.
        known: i64,
    },
    /// A part of the data is gone, or from an earlier time than the rest.
    #[error(
        "{} was lost, or is of an earlier time than the rest of {}: restore the whole data folder from one backup, or use another \
         one. `--accept-lost-data` starts with what is left: resources of stacks that are lost stay, and no stack names them",
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
        "{builds} builds of the last server still run, and reach the local AWS at port {port} only, {why}: {remedy}"
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
    /// A read of the ledger failed.
    #[error("cannot read {what} from the ledger")]
    ReadLedger {
        /// The kind, and the id where there is one.
        what: String,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A write to the ledger failed; nothing of its transaction was kept.
    #[error("cannot write {what} to the ledger")]
    WriteLedger {
        /// The kind, and the id where there is one.
        what: String,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// There is no space left for what was to be written; nothing of it was kept.
    #[error("the disk under the data folder {} is full: free some space, and try again", folder.display())]
    DiskFull {
        /// The folder.
        folder: PathBuf,
    },
    /// A value is not expressible as JSON.
    #[error("cannot encode {what} for the ledger")]
    EncodeRecord {
        /// The kind and the id.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A record does not have the shape that its reader expects.
    #[error("cannot decode {what} of the ledger")]
    DecodeRecord {
        /// The kind and the id.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The folder of the objects could not be opened.
    #[error("cannot open the folder of the objects {}", path.display())]
    OpenObjects {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An operation on an object from inside this process failed.
    #[error("cannot {action} `{name}`")]
    UseObject {
        /// What was tried.
        action: &'static str,
        /// The bucket, and the key or prefix.
        name: String,
        /// Why.
        #[source]
        source: s3s::S3Error,
    },
    /// The file of the tables could not be opened.
    #[error(
        "cannot open the tables {}: if the file is damaged, restore the whole data folder from a backup, or use another one",
        path.display()
    )]
    OpenTables {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dynoxide::DynoxideError>,
    },
    /// A table could not be made.
    #[error("cannot make the table `{name}`")]
    MakeTable {
        /// The table.
        name: String,
        /// Why.
        #[source]
        source: Box<crate::wire::AwsError>,
    },
    /// A table of the template exists with other keys or indexes.
    #[error(
        "the table `{name}` has keys or indexes that this version of Slipway does not use: start the version that \
         made it, or use another data folder"
    )]
    TableDiffers {
        /// The table.
        name: String,
    },
    /// Expired items could not be deleted.
    #[error("cannot delete the expired items of the tables")]
    SweepTables {
        /// Why.
        #[source]
        source: Box<dynoxide::DynoxideError>,
    },
    /// A queue of the template could not be made.
    #[error("cannot make the queue `{name}`")]
    MakeQueue {
        /// The queue.
        name: String,
        /// Why.
        #[source]
        source: Box<crate::wire::AwsError>,
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
        source: crate::events::PatternError,
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
        source: Box<crate::wire::AwsError>,
    },
    /// The environment `local` could not be written.
    #[error("cannot write the environment `local`")]
    SeedEnvironment(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What watches processes could not be started.
    #[error("cannot supervise processes")]
    Supervise(#[source] crate::process::ProcessError),
    /// CodeBuild could not start or take over its builds.
    #[error("cannot start CodeBuild")]
    StartCodeBuild(#[source] Box<crate::codebuild::CodeBuildError>),
    /// ECS could not start or take over its tasks.
    #[error("cannot start ECS")]
    StartEcs(#[source] Box<crate::ecs::EcsError>),
    /// A server ended without a request to stop.
    #[error("the server of {what} ended")]
    Serve {
        /// Which one.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Whether an operation failed because the disk is full, by the errors below it.
pub(crate) fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(current) = error {
        let io = current.downcast_ref::<std::io::Error>();
        let sqlite = current.downcast_ref::<rusqlite::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::StorageFull)
            || sqlite.and_then(rusqlite::Error::sqlite_error_code) == Some(rusqlite::ErrorCode::DiskFull)
            // DynamoDB's emulator keeps SQLite's words alone.
            || current.to_string().contains("database or disk is full")
        {
            return true;
        }
        error = current.source();
    }
    false
}
