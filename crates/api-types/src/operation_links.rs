//! Paths related to an operation.

use serde::{Deserialize, Serialize};
use slipway_model::console_link::Console;
use slipway_model::operation::{Operation, OperationStatus};
use utoipa::ToSchema;

/// Paths related to an operation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OperationLinks {
    /// The operation.
    #[serde(rename = "self")]
    #[schema(example = "/v1/operations/op-01kaj3v9mz5x0q8r2t4w6y7z9a")]
    pub this: String,
    /// Its stack.
    pub stack: String,
    /// Its log.
    pub logs: String,
    /// Its whole plan, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Its approval sheet, once there is a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Approve it here, while it waits for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
    /// Reject it here, while it waits for an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
    /// Continue its paused rollouts here.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub continue_release: Option<String>,
    /// Roll its paused rollouts back here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<String>,
    /// Cancel it here, until it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<String>,
    /// Its execution in the AWS console, once it has one. The local Step Functions has no console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// The log of its last build in the AWS console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl OperationLinks {
    /// The paths of an operation: those of actions only while they are possible.
    pub fn of(operation: &Operation) -> Self {
        let this = format!("/v1/operations/{}", operation.id);
        let waits = operation.status == OperationStatus::WaitingForApproval && operation.decision().is_none();
        let is_paused = operation.paused().next().is_some();
        let plan = operation.plan.as_ref();
        let is_kept = plan.is_some_and(|plan| plan.document.is_some());
        let execution = operation.execution_arn.as_deref();
        let console = execution.and_then(Console::of);
        // Tasks of a stack may print in another account and Region; builds print in Slipway's own.
        let build = operation.logs.iter().rfind(|log| log.in_segments);
        Self {
            plan: is_kept.then(|| format!("{this}/plan")),
            sheet: plan.map(|_| format!("{this}/sheet")),
            stack: format!("/v1/stacks/{}", operation.stack),
            logs: format!("{this}/logs"),
            approve: waits.then(|| format!("{this}/approve")),
            reject: waits.then(|| format!("{this}/reject")),
            continue_release: is_paused.then(|| format!("{this}/continue")),
            roll_back: is_paused.then(|| format!("{this}/roll-back")),
            cancel: (!operation.status.has_ended()).then(|| format!("{this}/cancel")),
            log: console
                .zip(build)
                .map(|(console, build)| console.log_stream(&build.group, &build.stream)),
            console: console.zip(execution).map(|(console, arn)| console.execution(arn)),
            this,
        }
    }
}
