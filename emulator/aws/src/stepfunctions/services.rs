//! The other local services, as far as executions use them.

use std::sync::Arc;

use crate::events::EventBus;
use crate::functions::Functions;
use crate::wire::{Answer, Call};

/// What executions call, and how they hear of the end of what they started.
///
/// Functions instead of the services themselves: CodeBuild and ECS start processes, and the tests of this driver must
/// say when a build ends, to the turn.
#[derive(Clone)]
pub struct Services {
    /// `lambda:invoke`.
    pub functions: Functions,
    /// CodeBuild's API.
    pub codebuild: Call,
    /// Waits for the end of a build, by its id, and gives the build.
    pub build_finished: Arc<dyn Fn(String) -> Answer + Send + Sync>,
    /// The API of ECS.
    pub ecs: Call,
    /// Waits until a task has stopped, by its cluster and ARN, and gives the task.
    pub task_stopped: Arc<dyn Fn(String, String) -> Answer + Send + Sync>,
    /// The API of RDS.
    pub rds: Call,
    /// Where status changes go, and `events:putEvents`.
    pub events: EventBus,
}
