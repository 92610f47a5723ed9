//! The result of a request by event: version 1 of the detail of `Slipway Result`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::count::{counted, counted_as};
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

/// The most bytes of a result without its detail's last words, its source and its type: EventBridge takes 256 KB for all of it
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>).
const LARGEST: usize = crate::event::SIZE - 1_024;

/// The most bytes of the sentence that says why a request was refused.
const DETAIL_LENGTH: usize = 16 * 1024;

/// The length of a value as JSON.
fn bytes(value: &impl Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

impl EventResult {
    /// The result of an operation that was requested by event.
    pub fn of(operation: &Operation) -> Self {
        let origin = operation.origin.as_ref();
        let status = match operation.status {
            OperationStatus::Succeeded => ResultStatus::Succeeded,
            OperationStatus::Failed
            | OperationStatus::NeedsAttention
            | OperationStatus::Cancelled
            | OperationStatus::Discarded => ResultStatus::Failed,
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
            release: operation.release(),
            drifted: operation.drift.as_ref().map(|drift| drift.count),
            detail: None,
            problems: Vec::new(),
            failure: operation.failure.clone().filter(|_| status == ResultStatus::Failed),
        }
    }

    /// This result, with as many problems and endpoints as an event can hold. EventBridge rejects a larger one, which would be sent
    /// again and again.
    #[must_use]
    pub fn fitting(mut self) -> Self {
        if let Some(detail) = &mut self.detail {
            detail.truncate(detail.floor_char_boundary(DETAIL_LENGTH));
        }
        let problems = std::mem::take(&mut self.problems);
        let endpoints = self.stack.as_mut().map(|stack| std::mem::take(&mut stack.endpoints));
        let mut left = LARGEST.saturating_sub(bytes(&self));
        let mut fits = |bytes: usize| match left.checked_sub(bytes) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        let count = problems.len();
        self.problems = problems
            .into_iter()
            .take_while(|problem| fits(bytes(problem) + 1))
            .collect();
        if let Some(stack) = &mut self.stack {
            let endpoints = endpoints.unwrap_or_default().into_iter();
            stack.endpoints = endpoints.take_while(|endpoint| fits(bytes(endpoint) + 1)).collect();
        }
        let omitted = count - self.problems.len();
        if omitted > 0 {
            let detail = self.detail.take().unwrap_or_default();
            self.detail = Some(format!(
                "{detail} (of {}, {} not fit into the event)",
                counted(count, "problem"),
                counted_as(omitted, "does", "do")
            ));
        }
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(problems: Vec<FieldProblem>) -> EventResult {
        EventResult::refused(
            Some("key".to_owned()),
            Some(Action::Provision),
            "the request is not valid",
            problems,
        )
    }

    fn unknown(number: usize) -> FieldProblem {
        FieldProblem::new(
            format!("variables.v{number}"),
            "is no variable of the blueprint",
            "leave it out",
        )
    }

    #[test]
    fn result_of_any_size_fits_into_an_event() {
        let many = refused((0..20_000).map(unknown).collect());
        assert!(bytes(&many) > 2 * crate::event::SIZE);
        let fitting = many.fitting();
        let named = fitting.problems.len();
        assert!(
            named > 1_000 && bytes(&fitting) < crate::event::SIZE,
            "{named} problems"
        );
        assert_eq!(fitting.problems[named - 1], unknown(named - 1));
        let said = format!(
            "the request is not valid (of 20000 problems, {} do not fit into the event)",
            20_000 - named
        );
        assert_eq!(fitting.detail, Some(said));

        let long = FieldProblem::new(
            "x".repeat(crate::event::SIZE),
            "is no variable of the blueprint",
            "leave it out",
        );
        let fitting = refused(vec![unknown(0), long]).fitting();
        assert_eq!(fitting.problems, [unknown(0)]);
        assert!(bytes(&fitting) < crate::event::SIZE);

        let mut done = refused(Vec::new());
        done.detail = Some("é".repeat(crate::event::SIZE));
        done.stack = Some(ResultStack {
            id: "lusab-babad".parse().expect("an id"),
            name: "shop".parse().expect("a name"),
            environment: "live".parse().expect("a name"),
            endpoints: (0..3).map(|n| (format!("site-{n}"), "x".repeat(100_000))).collect(),
        });
        let fitting = done.fitting();
        assert!(bytes(&fitting) < crate::event::SIZE);
        assert_eq!(fitting.stack.map(|stack| stack.endpoints.len()), Some(2));
    }

    #[test]
    fn small_result_stays_as_it_is() {
        let result = refused(vec![unknown(0), unknown(1)]);
        assert_eq!(result.clone().fitting(), result);
    }
}
