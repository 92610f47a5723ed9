//! What can go wrong between the table and the workflow.

use slipway_model::id::OperationId;

/// Why what follows from a record did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table could not be read or written.
    #[error("the table could not be read or written")]
    Record(#[from] slipway_store::Error),
    /// Step Functions refused to start an execution, or could not be reached.
    #[error("Step Functions could not start the operation {operation}")]
    Start {
        /// The operation.
        operation: OperationId,
        /// What the client says.
        #[source]
        source: Box<aws_sdk_sfn::Error>,
    },
    /// It did not say how an execution ended.
    #[error("Step Functions could not describe an execution")]
    Describe(#[source] Box<aws_sdk_sfn::Error>),
    /// It did not stop an execution.
    #[error("Step Functions could not stop an execution")]
    Stop(#[source] Box<aws_sdk_sfn::Error>),
    /// It did not take the answer to a state that waits.
    #[error("Step Functions did not take the answer to the step that waits")]
    Answer(#[source] Box<aws_sdk_sfn::Error>),
}
