//! The other local services, as far as executions use them.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::Value;

use super::lambda::Functions;
use crate::codebuild::CodeBuild;
use crate::ecs::Ecs;
use crate::events::EventBus;
use crate::limits::Throttle;
use crate::rds::Rds;
use crate::wire::AwsError;

/// What a call of a service answers, some time.
pub type Answer = BoxFuture<'static, Result<Value, AwsError>>;
/// A call of a JSON service: action and body.
pub type Call = Arc<dyn Fn(String, Value) -> Answer + Send + Sync>;

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

impl Services {
    /// The services of the emulator.
    pub fn new(
        functions: Functions,
        codebuild: &CodeBuild,
        ecs: &Ecs,
        rds: &Rds,
        events: EventBus,
        throttle: Throttle,
    ) -> Self {
        let databases = rds.clone();
        let (builds, finished) = (codebuild.clone(), codebuild.clone());
        let (tasks, stopped) = (ecs.clone(), ecs.clone());
        let (of_builds, of_tasks) = (throttle.clone(), throttle);
        Self {
            functions,
            codebuild: Arc::new(move |action: String, body| {
                let (service, admitted) = (builds.clone(), of_builds.admit(&action));
                async move {
                    admitted?;
                    service.call(&action, body).await
                }
                .boxed()
            }),
            build_finished: Arc::new(move |id: String| {
                let service = finished.clone();
                async move { service.finished(&id).await }.boxed()
            }),
            ecs: Arc::new(move |action: String, body| {
                let (service, admitted) = (tasks.clone(), of_tasks.admit(&action));
                async move {
                    admitted?;
                    service.call(&action, body).await
                }
                .boxed()
            }),
            task_stopped: Arc::new(move |cluster: String, arn: String| {
                let service = stopped.clone();
                async move { service.stopped(&cluster, &arn).await }.boxed()
            }),
            rds: Arc::new(move |action: String, body: Value| {
                let service = databases.clone();
                let parameters = body.as_object().cloned().unwrap_or_default();
                async move { service.call(&action, parameters).await }.boxed()
            }),
            events,
        }
    }
}
