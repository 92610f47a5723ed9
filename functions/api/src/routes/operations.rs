//! `/v1/operations`, and the operations of a stack.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde::Deserialize;
use slipway_api_types::{self as view, ApprovePlan, Items, RejectPlan};
use slipway_control::approval::{self, Delivery};
use slipway_control::cancel;
use slipway_model::error_name::ErrorName;
use slipway_model::name::Digest;
use slipway_model::operation::approval::{Approver, Rejection, WAIT_FOR_APPROVAL};
use slipway_model::operation::{Failure, Operation, OperationStatus};
use slipway_model::problem::FieldProblem;
use slipway_model::stack::Stack;
use slipway_policy::Resource;
use slipway_store::{ATTEMPTS, Page, pause};
use utoipa::ToSchema;

use super::answers::busy;
use crate::access::Admitted;
use crate::body::Fields;
use crate::error::Error;
use crate::openapi::{ChangeProblems, ReadProblems};
use crate::parameters::{Parameters, one_of};
use crate::records::found;
use crate::submission::Submission;
use crate::viewer::Viewer;
use crate::visible::{VisiblePage, json_size};
use crate::waiting::Waited;
use crate::{Api, Caller};

/// How long a decision waits for a step that is being retried. API Gateway gives up after 30 seconds.
const DELIVERY: Duration = Duration::from_secs(15);

/// The longest reason, in bytes: it becomes the `Cause` of the execution.
const REASON_LENGTH: usize = 1_000;

/// List the operations of a stack
///
/// The newest first, those that the caller may read.
#[utoipa::path(
    get,
    path = "/v1/stacks/{id}/operations",
    operation_id = "list_operations",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of operations.", body = Items<view::Operation>), ReadProblems),
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    Admitted(stack): Admitted<Stack>,
    Extension(resource): Extension<Resource>,
    mut parameters: Parameters,
) -> Result<Json<Items<view::Operation>>, Error> {
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let cursor = api.opened(cursor).await?;
    api.note_reader(&caller, &stack.owner, &stack.id).await?;
    // Who may read a stack need not be permitted to read each of its operations.
    let may_read = |operation: &Operation| match &resource {
        Resource::Stack(stack) => viewer.may_read(operation, stack.clone()),
        _ => false,
    };
    let mut page = VisiblePage::new(limit, cursor, json_size);
    while let Some((limit, cursor)) = page.wanted() {
        let read = api.store.operations(&stack.id, limit, cursor).await?;
        let judged = read.items.into_iter().map(|one| may_read(&one).then_some(one));
        page.take(judged.collect(), read.next);
    }
    let page = page.page();
    let waits = |operation: &Operation| operation.status == OperationStatus::Queued;
    let queue = if page.items.iter().any(waits) {
        api.store.queue(&stack.id).await?
    } else {
        Vec::new()
    };
    let show = |operation: Operation| {
        let place = queue.iter().position(|queued| *queued == operation.id);
        view::Operation::new(operation, place.map(|index| index + 1))
    };
    Ok(Json(api.items(page, show).await?))
}

/// List the operations of all stacks by status
///
/// Of every stack whose operations the caller may read: for example, those that wait for approval, or those that failed. Operations
/// that have ended come with the newest first, others with the oldest first.
#[utoipa::path(
    get,
    path = "/v1/operations",
    operation_id = "list_operations_by_status",
    tag = "operations",
    params(
        ("status" = String, Query, description = "Their status: `queued`, `starting`, `running`, `waiting_for_approval`, `succeeded`, `failed`, `needs_attention`, `cancelled` or `discarded`.", example = "failed"),
        ("since" = Option<String>, Query, description = "Only those requested since this time.", example = "2026-11-29T10:00:00Z"),
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next` of the previous page."),
    ),
    responses((status = 200, description = "A page of operations.", body = Items<view::Operation>), ReadProblems),
)]
pub(super) async fn list_by_status(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    mut parameters: Parameters,
) -> Result<Json<Items<view::Operation>>, Error> {
    let status = parameters.one_of("status", OperationStatus::ALL, "is not a status of an operation");
    let since: Option<Timestamp> = parameters.time("since");
    let limit = parameters.limit();
    let cursor = parameters.cursor();
    parameters.finish()?;
    let status = status.ok_or_else(|| Error::parameter("status", "is missing", one_of(OperationStatus::ALL)))?;
    let cursor = api.opened(cursor).await?;
    let mut page = VisiblePage::new(limit, cursor, json_size);
    let mut stacks = BTreeMap::new();
    while let Some((limit, cursor)) = page.wanted() {
        let read = api.store.operations_with_status(status, since, limit, cursor).await?;
        let (judged, stacks_of_them) = api.readable(&viewer, read.items).await?;
        stacks.extend(stacks_of_them);
        page.take(judged, read.next);
    }
    let Page {
        items: operations,
        next,
    } = page.page();
    let read: Vec<&Stack> = operations.iter().map(|operation| &stacks[&operation.stack]).collect();
    api.note_list(&caller, "GET /v1/operations", &read).await?;
    let shown = operations.into_iter().map(|operation| api.shown(operation));
    let items = try_join_all(shown).await?;
    let page = Page { items, next };
    Ok(Json(api.items(page, |operation| operation).await?))
}

/// Show an operation
///
/// With `wait`, the response arrives as soon as the operation has changed since the revision `seen`, or has ended. If too many
/// requests are waiting, it arrives at once with `Retry-After`: repeat after that many seconds.
#[utoipa::path(
    get,
    path = "/v1/operations/{id}",
    operation_id = "show_operation",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("wait" = Option<u64>, Query, description = "How many seconds to wait for a change, from 0 to 25.", maximum = 25),
        ("seen" = Option<u64>, Query, description = "The last known revision."),
    ),
    responses(
        (status = 200, description = "The operation.", body = view::Operation, headers(("Retry-After" = u64, description = "If too many requests are waiting: the seconds before the next attempt."))),
        ReadProblems,
    ),
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    Admitted(operation): Admitted<Operation>,
    Extension(resource): Extension<Resource>,
    mut parameters: Parameters,
) -> Result<Waited<view::Operation>, Error> {
    let wait = parameters.wait();
    let seen = parameters
        .optional("seen", "give `revision` of the operation as it was")
        .unwrap_or(0);
    parameters.finish()?;
    let id = operation.id.clone();
    api.note_reader_of(&caller, &operation, &resource).await?;
    if wait.is_zero() || operation.revision > seen || operation.status.has_ended() {
        return Ok(Waited::over(api.shown(operation).await?));
    }
    let changed = async { found(&id, api.store.operation_changed(&id, seen, wait).await) };
    match Box::pin(api.in_place(wait, changed)).await? {
        Some(operation) => Ok(Waited::over(api.shown(operation).await?)),
        None => Ok(Waited::no_place(api.shown(operation).await?)),
    }
}

/// Approve a plan
///
/// The approval quotes the hash of the approval sheet. Without the current hash it is rejected with 409, which has the hash and the
/// path of the current sheet. The workflow applies exactly the plan on the sheet. The rules of the environment decide how many
/// approvals a plan needs, and whether requesters may approve. An approver counts once. Approvals of an earlier sheet do not count.
/// Earlier approvals are judged again: those that the policies do not permit any more do not count, and have the reason in `denied`.
/// While an operation runs beside the plan, an approval is rejected with 409: repeat it when that operation has ended.
/// Policies must permit the approver to `read` the operation as well.
#[utoipa::path(
    post,
    path = "/v1/operations/{id}/approve",
    operation_id = "approve_operation",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = ApprovePlan, description = "The hash of the approval sheet, and a comment."),
    responses(
        (status = 202, description = "The approval counts; the operation continues once the plan has enough of them.", body = view::Operation, headers(("Location" = String, description = "The path of the operation."))),
        ChangeProblems,
    ),
)]
pub(super) async fn approve(
    State(api): State<Api>,
    Admitted(operation): Admitted<Operation>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let (sheet, comment) = read_approval(submission.optional_fields())?;
    let approver = submission.caller.approver(sheet.as_ref(), comment.as_deref());
    let operation = Box::pin(api.approve(operation, approver)).await?;
    let operation = Box::pin(api.deliver(operation, "approving a plan")).await?;
    Box::pin(api.answer_about(&submission, operation)).await
}

/// Reject a plan
///
/// Nothing is applied: the operation is discarded with the reason, and the stack is unchanged.
#[utoipa::path(
    post,
    path = "/v1/operations/{id}/reject",
    operation_id = "reject_operation",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = RejectPlan, description = "The reason."),
    responses(
        (status = 202, description = "The operation is about to be discarded.", body = view::Operation, headers(("Location" = String, description = "The path of the operation."))),
        ChangeProblems,
    ),
)]
pub(super) async fn reject(
    State(api): State<Api>,
    Admitted(operation): Admitted<Operation>,
    mut submission: Submission,
) -> Result<Response, Error> {
    let reason = read_reason(submission.fields()?)?;
    let failure = Failure {
        name: ErrorName::ApprovalRejected.to_string(),
        step: WAIT_FOR_APPROVAL.to_owned(),
        message: format!("{} rejected the plan: {reason}", submission.caller.name),
        address: None,
    };
    let rejection = Rejection {
        by: submission.caller.name.clone(),
        sheet: Box::pin(api.keep_rejected_sheet(&operation)).await,
    };
    let rejected = api.store.reject(&operation, rejection, &failure).await;
    let operation = match rejected {
        // The reason names who decided before, and why.
        Err(slipway_store::Error::Undecidable(_)) if submission.read_resource().is_none() => {
            let detail = "Nothing was changed: the plan does not wait for a decision.";
            return Err(Error::Conflict(detail.to_owned()));
        }
        rejected => rejected?,
    };
    let operation = Box::pin(api.deliver(operation, "rejecting a plan")).await?;
    Box::pin(api.answer_about(&submission, operation)).await
}

/// Cancel an operation
///
/// A queued operation leaves the queue. While a build is running, the operation stays `running` and shows the request as `cancel`:
/// Terraform is interrupted and saves the state, then the operation is `cancelled`. Repeating the request has no effect.
#[utoipa::path(
    post,
    path = "/v1/operations/{id}/cancel",
    operation_id = "cancel_operation",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("Idempotency-Key" = Option<String>, Header, description = "See the introduction."),
    ),
    request_body(content = Option<NoFields>, description = "Empty, or `{}`."),
    responses(
        (status = 202, description = "The operation is cancelled, or will be.", body = view::Operation, headers(("Location" = String, description = "The path of the operation."))),
        ChangeProblems,
    ),
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    Admitted(operation): Admitted<Operation>,
    mut submission: Submission,
) -> Result<Response, Error> {
    submission.no_fields()?;
    // On the heap: it is the deepest of all handlers.
    let operation = Box::pin(api.cancel(&operation, &submission.caller)).await?;
    Box::pin(api.answer_about(&submission, operation)).await
}

/// A body without fields.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NoFields {}

/// The hash of the sheet that is approved, and the comment.
fn read_approval(mut fields: Fields) -> Result<(Option<Digest>, Option<String>), Error> {
    let sheet = fields.optional("sheet", "give `hash` of GET /v1/operations/{id}/sheet, as it came");
    let comment = sentence(&mut fields, "comment", "say something, or leave it out");
    let problems = fields.problems();
    if problems.is_empty() {
        Ok((sheet, comment))
    } else {
        Err(Error::invalid(problems))
    }
}

fn read_reason(mut fields: Fields) -> Result<String, Error> {
    let reason = sentence(&mut fields, "reason", "say why, in a sentence or two");
    let mut problems = fields.problems();
    match reason {
        Some(reason) if problems.is_empty() => Ok(reason),
        reason => {
            if reason.is_none() && problems.is_empty() {
                problems.push(FieldProblem::new(
                    "reason",
                    "is missing",
                    "say why, in a sentence or two",
                ));
            }
            Err(Error::invalid(problems))
        }
    }
}

/// A text for people, which ends in the record of an operation.
fn sentence(fields: &mut Fields, name: &'static str, remedy: &str) -> Option<String> {
    let text: String = fields.optional(name, remedy)?;
    let problem = match text.trim() {
        "" => FieldProblem::new(name, "is empty", remedy),
        text if text.len() > REASON_LENGTH => {
            FieldProblem::new(name, format!("has more than {REASON_LENGTH} bytes"), remedy)
        }
        text => return Some(text.to_owned()),
    };
    fields.problem(problem);
    None
}

impl Api {
    /// The operation as it is shown, with its place in the queue.
    pub(super) async fn shown(&self, operation: Operation) -> Result<view::Operation, Error> {
        let position = match operation.status {
            OperationStatus::Queued => self.store.position(&operation.stack, &operation.id).await?,
            _ => None,
        };
        Ok(view::Operation::new(operation, position))
    }

    /// Records an approval of the sheet as it is. An operation beside the plan that has ended meanwhile may have changed the sheet, so both
    /// are judged again then. The approvals before it count if the policies still permit them.
    async fn approve(&self, mut operation: Operation, approver: Approver<'_>) -> Result<Operation, Error> {
        // Each attempt quotes the same hash, so there is one sheet to keep.
        let mut is_kept = false;
        for attempt in 0..ATTEMPTS {
            Box::pin(self.judge_approvals(&mut operation)).await?;
            let mut decided = operation.clone();
            decided
                .approve(approver, Timestamp::now())
                .map_err(slipway_store::Error::from)?;
            if decided != operation {
                // A repeated approval is of the sheet that it was of.
                let sheet = Box::pin(self.require_sheet(&operation, &decided, approver.sheet)).await?;
                if !is_kept {
                    Box::pin(self.keep_sheet(&operation, &sheet)).await?;
                    is_kept = true;
                }
            }
            if let Some(approved) = Box::pin(self.store.try_approve(&operation, approver)).await? {
                return Ok(approved);
            }
            pause(attempt).await;
            let changed = self.store.operation(&operation.id).await?;
            if changed.stack_owner != operation.stack_owner {
                // The policies decided about an operation of another owner.
                break;
            }
            operation = changed;
        }
        Err(busy("approving a plan"))
    }

    /// Brings a recorded decision to the workflow. It is acknowledged once the workflow has it, and not before.
    async fn deliver(&self, operation: Operation, doing: &'static str) -> Result<Operation, Error> {
        let rejection = operation.failure.clone();
        let delivery = approval::deliver_within(&self.store, &self.sfn, operation, DELIVERY);
        let delivery = Box::pin(delivery).await;
        match delivery.map_err(|error| unanswered(doing, error))? {
            Delivery::Delivered(operation) => Ok(operation),
            // Its own end, where another attempt of the step delivered it.
            Delivery::Ended(ended) if ended.status == OperationStatus::Discarded && ended.failure == rejection => {
                Ok(ended)
            }
            Delivery::Ended(ended) => Err(Error::Conflict(format!(
                "The operation `{}` ended before the decision reached it: it {}.",
                ended.id, ended.status
            ))),
            Delivery::Pending => Err(Error::Unavailable {
                doing,
                source: "the step that waits for the decision is being retried".into(),
            }),
        }
    }

    /// Cancels an operation: now, or once its build or its rollout has ended.
    async fn cancel(&self, operation: &Operation, caller: &Caller) -> Result<Operation, Error> {
        let cancelled = cancel::cancel(&self.store, &self.sfn, &self.state_machine, operation, &caller.name);
        let cancelled = Box::pin(cancelled).await;
        match cancelled.map_err(|error| unanswered("cancelling an operation", error))? {
            cancel::Outcome::Accepted(operation) => Ok(operation),
            cancel::Outcome::EndedBefore(operation) => Err(Error::Conflict(format!(
                "The operation `{}` has ended: it {}. There is nothing to cancel.",
                operation.id, operation.status
            ))),
            cancel::Outcome::BetweenTwoSteps(operation) => Err(Error::Conflict(format!(
                "The operation `{}` is between two steps of its release, and stopping it there could leave some services on the new \
                 images and some on the old: cancel it again in a moment, or roll back when it has ended.",
                operation.id
            ))),
        }
    }
}

pub(super) fn unanswered(doing: &'static str, error: slipway_control::Error) -> Error {
    match error {
        slipway_control::Error::Record(error) => error.into(),
        source => Error::Unavailable {
            doing,
            source: source.into(),
        },
    }
}
