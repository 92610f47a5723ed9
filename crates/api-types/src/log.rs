//! Logs of operations and services.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of an operation's log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLines {
    /// The lines, grouped by step.
    pub lines: Vec<LogLine>,
    /// Send this as `after` for the following lines.
    pub after: String,
    /// Whether the operation has ended and these are its last lines.
    pub ended: bool,
}

/// A line that a step printed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When it was printed.
    pub time: Timestamp,
    /// The step that printed it.
    #[schema(example = "Plan")]
    pub step: String,
    /// The line.
    pub message: String,
}

/// A page of the log of a service.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceLog {
    /// The lines, by time.
    pub lines: Vec<ServiceLine>,
    /// Send this as `after` for the following lines.
    pub after: String,
    /// Whether there are more lines already.
    pub more: bool,
}

/// A line that a container of a service printed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServiceLine {
    /// When it was printed.
    pub time: Timestamp,
    /// The container.
    #[schema(example = "web")]
    pub container: String,
    /// The ID of the ECS task.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    pub task: String,
    /// The line.
    pub message: String,
}
