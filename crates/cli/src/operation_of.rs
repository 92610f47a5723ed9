//! The operation that a command means: named by its ID, or by its stack.

use serde_json::Value;
use slipway_api_types::{Missing, MissingKind};
use slipway_model::id::{OperationId, StackId};

use crate::args::{OperationRef, StackRef};
use crate::client::{Client, with_query};
use crate::error::Error;
use crate::output::text_at;
use crate::stack_id::stack_id;

/// Which operation of a stack is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest.
    Newest,
    /// The newest with a plan.
    Planned,
    /// The one in progress; the newest if none is.
    Running,
    /// The only one that has not ended.
    NotEnded,
    /// The one whose plan waits for an approval.
    Waiting,
}

/// The ID of the operation.
pub async fn operation_of(named: &OperationRef, wanted: Wanted, client: &Client) -> Result<OperationId, Error> {
    match named {
        OperationRef::Operation(operation) => Ok(operation.clone()),
        OperationRef::Stack(stack) => {
            let id = stack_id(stack, client).await.map_err(|error| match error {
                // The ID of an operation is longer than people type.
                Error::Missing(stack) if stack.name.starts_with("op-") => Error::Missing(Missing {
                    kind: MissingKind::Operation,
                    ..stack
                }),
                error => error,
            })?;
            of_stack(stack, &id, wanted, client).await
        }
    }
}

async fn of_stack(stack: &StackRef, id: &StackId, wanted: Wanted, client: &Client) -> Result<OperationId, Error> {
    let path = format!("/v1/stacks/{id}/operations");
    let (mut found, mut newest, mut cursor) = (Vec::new(), None, None::<String>);
    loop {
        let query: Vec<_> = cursor.take().into_iter().map(|cursor| ("cursor", cursor)).collect();
        let page: Value = client.get(&with_query(&path, &query)).await?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        newest = newest.or_else(|| items.first().cloned());
        let all_ended = items.last().is_none_or(|operation| !operation["ended_at"].is_null());
        found.extend(items.into_iter().filter(|operation| is_wanted(operation, wanted)));
        cursor = page["next"].as_str().map(str::to_owned);
        // Operations run in the order in which they were requested: behind one that has ended, all have.
        let is_enough = if wanted == Wanted::NotEnded {
            all_ended
        } else {
            !found.is_empty()
        };
        if cursor.is_none() || is_enough || (all_ended && wanted != Wanted::Planned) {
            break;
        }
    }
    match found.as_slice() {
        [operation] => id_of(operation),
        [] if wanted == Wanted::Running && newest.is_some() => {
            newest.as_ref().map_or_else(|| Err(none(stack, wanted)), id_of)
        }
        [] => Err(none(stack, wanted)),
        [first, ..] if wanted != Wanted::NotEnded => id_of(first),
        several => {
            let ids: Vec<String> = several
                .iter()
                .map(|operation| {
                    format!(
                        "{} ({}, {})",
                        text_at(operation, "id"),
                        text_at(operation, "kind"),
                        text_at(operation, "status")
                    )
                })
                .collect();
            Err(Error::Usage(format!(
                "{} operations of the stack `{stack}` have not ended: name one of {}",
                several.len(),
                ids.join(", ")
            )))
        }
    }
}

fn is_wanted(operation: &Value, wanted: Wanted) -> bool {
    let has_ended = !operation["ended_at"].is_null();
    match wanted {
        Wanted::Newest => true,
        Wanted::Planned => operation["plan"].is_object(),
        Wanted::Running => !has_ended && operation["status"] != "queued",
        Wanted::NotEnded => !has_ended,
        Wanted::Waiting => operation["status"] == "waiting_for_approval",
    }
}

fn none(stack: &StackRef, wanted: Wanted) -> Error {
    let what = match wanted {
        Wanted::Newest | Wanted::Running => "has no operation",
        Wanted::Planned => "has no operation with a plan",
        Wanted::NotEnded => "has no operation that has not ended",
        Wanted::Waiting => "has no plan that waits for an approval",
    };
    Error::Refused {
        title: "No such operation".to_owned(),
        detail: format!("The stack `{stack}` {what}. List its operations with `slipway operation list {stack}`."),
        errors: Vec::new(),
    }
}

fn id_of(operation: &Value) -> Result<OperationId, Error> {
    text_at(operation, "id")
        .parse()
        .map_err(|error| Error::Program(format!("the server's answer has no ID of an operation: {error}")))
}
