//! How a sweep fails.

use lambda_runtime::Diagnostic;
use slipway_model::error_chain::chain;

/// Why a sweep, or the healing of an operation, failed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The event is not one.
    #[error("the event cannot be read")]
    ReadEvent(#[source] serde_json::Error),
    /// The report cannot be written.
    #[error("the report cannot be written")]
    WriteReport(#[source] serde_json::Error),
    /// Some operations could not be healed; the log says which and why.
    #[error("{0} things could not be done; the log says which")]
    Left(usize),
    /// The operations could not be listed.
    #[error("the operations could not be listed")]
    List(#[source] slipway_store::Error),
    /// The operation could not be read again.
    #[error("the operation could not be read")]
    Read(#[source] slipway_store::Error),
    /// The execution could not be started.
    #[error("the execution could not be started")]
    Start(#[source] slipway_control::Error),
    /// Step Functions could not say how an execution stands.
    #[error("Step Functions could not say how the execution stands")]
    Describe(#[source] slipway_control::Error),
    /// Step Functions could not stop an execution.
    #[error("Step Functions could not stop the execution")]
    StopExecution(#[source] slipway_control::Error),
    /// The table could not say which build is the operation's.
    #[error("the table could not say which build is the operation's")]
    ReadBuild(#[source] slipway_store::Error),
    /// CodeBuild could not stop a build.
    #[error("CodeBuild could not stop the build")]
    StopBuild(#[source] Box<aws_sdk_codebuild::Error>),
    /// The steps function could not be asked to resume workers.
    #[error("failed to request the steps function to resume workers and schedules")]
    AskToResume(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The events function could not be asked to send a result.
    #[error("failed to request the events function to send a result")]
    AskForResult(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The notify function could not be asked to send something.
    #[error("failed to request the notify function to send notifications or deliveries")]
    AskToNotify(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The approvers of a plan could not be reminded.
    #[error("failed to remind the approvers of the plan")]
    Remind(#[source] slipway_store::Error),
    /// The place beside a plan could not be given to the next operation in the queue.
    #[error("failed to begin the next operation beside the plan")]
    FillBeside(#[source] slipway_store::Error),
    /// The decision about a plan could not be delivered.
    #[error("the decision about the plan could not be delivered")]
    DeliverDecision(#[source] slipway_control::Error),
    /// The operation could not be ended.
    #[error("the operation could not be ended")]
    End(#[source] slipway_store::Error),
}

impl SweepError {
    /// The error's name in the metrics and logs of Lambda.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReadEvent(_) => "Slipway.EventUnreadable",
            _ => "Slipway.SweepIncomplete",
        }
    }
}

impl From<SweepError> for Diagnostic {
    fn from(error: SweepError) -> Self {
        Self {
            error_type: error.name().to_owned(),
            error_message: chain(&error),
        }
    }
}
