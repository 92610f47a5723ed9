//! The result of a request by event: version 1 of the detail of `Slipway Result`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::VERSION;
use crate::id::{OperationId, ReleaseNumber, StackId};
use crate::name::Name;
use crate::operation::{Failure, Operation, OperationStatus};
use crate::problem::FieldProblem;
use crate::source_account::Action;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventResult {
    /// The version of the contract.
    pub version: u64,
    /// The key of the request; null where it has none that can be read.
    pub key: Option<String>,
    /// The requested action; null if it is unreadable.
    pub action: Option<Action>,
    /// How it stands.
    pub status: ResultStatus,
    /// The stack that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<ResultStack>,
    /// The operation that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// Its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseNumber>,
    /// How many resources drifted, after a drift check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drifted: Option<u64>,
    /// Why it was refused, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is wrong with the request, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<FieldProblem>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultStatus {
    /// An operation does what was asked, or waits for its turn.
    Accepted,
    /// Nothing is done.
    Refused,
    /// The operation did it.
    Succeeded,
    /// The operation did not, or was cancelled or discarded.
    Failed,
}

/// The stack that a result is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultStack {
    /// Its id.
    pub id: StackId,
    /// What people call it.
    pub name: Name,
    /// The environment that it lives in.
    pub environment: Name,
    /// Addresses that people open, once it has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, String>,
}

impl EventResult {
    /// The result of an operation that was requested by event.
    pub fn of(operation: &Operation) -> Self {
        let origin = operation.origin.as_ref();
        let status = match operation.status {
            OperationStatus::Succeeded => ResultStatus::Succeeded,
            OperationStatus::Failed | OperationStatus::Cancelled | OperationStatus::Discarded => ResultStatus::Failed,
            OperationStatus::Queued
            | OperationStatus::Starting
            | OperationStatus::Running
            | OperationStatus::WaitingForApproval => ResultStatus::Accepted,
        };
        let stack = ResultStack {
            id: operation.stack.clone(),
            name: operation.stack_name.clone(),
            environment: operation.environment.clone(),
            endpoints: BTreeMap::new(),
        };
        Self {
            version: VERSION,
            key: origin.map(|origin| origin.key.clone()),
            action: origin.map(|origin| origin.action),
            status,
            stack: Some(stack),
            operation: Some(operation.id.clone()),
            release: operation.release,
            drifted: operation.drift.as_ref().map(|drift| drift.count),
            detail: None,
            problems: Vec::new(),
            failure: operation.failure.clone().filter(|_| status == ResultStatus::Failed),
        }
    }

    /// A request that nothing is done about.
    pub fn refused(
        key: Option<String>,
        action: Option<Action>,
        detail: impl Into<String>,
        problems: Vec<FieldProblem>,
    ) -> Self {
        Self {
            version: VERSION,
            key,
            action,
            status: ResultStatus::Refused,
            stack: None,
            operation: None,
            release: None,
            drifted: None,
            detail: Some(detail.into()),
            problems,
            failure: None,
        }
    }
}
