//! What a sweep has done.

use serde::Serialize;
use slipway_model::id::OperationId;
use slipway_model::operation::OperationStatus;

/// What a sweep has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many operations with a due execution or result were checked.
    #[serde(rename = "looked_at")]
    pub checked: usize,
    /// The operations that something was done about.
    pub healed: Vec<Healed>,
    /// How many notifications the notify function was requested to send.
    pub notifications: usize,
    /// How many attempts of deliveries to webhooks it was requested to make.
    pub deliveries: usize,
    /// What could not be done. The next sweep tries again.
    pub problems: Vec<Problem>,
}

/// An operation that something was done about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Healed {
    /// The operation.
    pub operation: OperationId,
    /// What was done.
    #[serde(flatten)]
    pub healing: Healing,
}

/// What was done about an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "healing", rename_all = "snake_case")]
pub enum Healing {
    /// Its execution was started.
    Started,
    /// Its execution has ended, and now the operation has.
    Ended {
        /// How the operation ended.
        status: OperationStatus,
        /// The operation whose turn it is now.
        next: Option<OperationId>,
    },
    /// The decision about its plan was recorded and not delivered, and now the workflow has it.
    DecisionDelivered,
    /// Its plan waits, and the execution of the operation beside it was started.
    StartedBeside {
        /// That operation.
        next: OperationId,
    },
    /// It waits for an approval for long, and its approvers were reminded.
    ApproversReminded,
    /// It has ended before everything that it stopped ran again, and the steps function was asked to resume it.
    ResumeAskedFor,
    /// It has ended, and the events function was asked to report the result.
    ResultAskedFor,
    /// It ended a day ago, and its result could not be reported: it is no longer retried.
    ResultDropped,
}

/// What could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The operation; `None` where the operations could not be listed.
    pub operation: Option<OperationId>,
    /// Why not.
    pub error: String,
}
