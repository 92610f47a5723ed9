//! The stack that a command names, and its operations.

use serde_json::Value;
use slipway_api_types::{Missing, MissingKind, Operation};
use slipway_model::id::StackId;
use slipway_model::operation::OperationKind;
use slipway_model::stack::StackStatus;

use crate::args::StackRef;
use crate::client::Client;
use crate::error::Error;
use crate::operation_text::read;
use crate::output::text_at;
use crate::stack_needs::ended_by;

/// The ID of the stack. A name is resolved by the server, and rejected if several environments have one of that name.
pub async fn stack_id(stack: &StackRef, client: &Client) -> Result<StackId, Error> {
    let (environment, name) = match stack {
        StackRef::Id(id) => return Ok(id.clone()),
        StackRef::Named { environment, name } => (environment, name),
    };
    let environment = environment
        .as_ref()
        .map(|environment| ("environment", environment.to_string()));
    let query: Vec<_> = [("name", name.to_string())].into_iter().chain(environment).collect();
    let found = client.list("/v1/stacks", &query).await?;
    match found.as_slice() {
        [stack] => id_of(stack),
        [] => Err(match destroyed(query, client).await {
            Some(last) => Error::Destroyed {
                name: stack.to_string(),
                id: text_at(&last, "id"),
                environment: text_at(&last, "environment"),
                end: Box::pin(end_of(&last, client)).await,
            },
            None => Error::Missing(Missing {
                kind: MissingKind::Stack,
                name: stack.to_string(),
            }),
        }),
        several => {
            let ways = several
                .iter()
                .map(|stack| format!("`{}/{name}`", text_at(stack, "environment")));
            Err(Error::Usage(format!(
                "{} stacks are called `{name}`: name one as {}, or by its ID",
                several.len(),
                ways.collect::<Vec<_>>().join(" or ")
            )))
        }
    }
}

/// The newest of the destroyed stacks of a name, among the newest thousand of all. It is for a message only: if it cannot be read, there
/// is none.
async fn destroyed(mut query: Vec<(&str, String)>, client: &Client) -> Option<Value> {
    query.push(("status", StackStatus::Destroyed.to_string()));
    query.push(("limit", "100".to_owned()));
    for _ in 0..10 {
        let page = client.page("/v1/stacks", &query).await.ok()?;
        if let Some(newest) = page.items.into_iter().next() {
            return Some(newest);
        }
        query.retain(|(name, _)| *name != "cursor");
        query.push(("cursor", page.next?));
    }
    None
}

/// How a destroyed stack ended, in words.
pub async fn end_of(stack: &Value, client: &Client) -> String {
    match ended_by(&operations_of(stack, client).await) {
        Some(provision) if provision.kind == OperationKind::Provision => format!(
            "was not created: its provision {} ended as `{}`",
            provision.id, provision.status
        ),
        _ => format!("was destroyed at {}", text_at(stack, "updated_at")),
    }
}

/// The newest operations of a stack, and those in progress. What cannot be read is left out: the stack is shown without it.
pub async fn operations_of(stack: &Value, client: &Client) -> Vec<Operation> {
    let path = format!("/v1/stacks/{}/operations", text_at(stack, "id"));
    let page: Option<Value> = client.get(&path).await.ok();
    let items = page.as_ref().and_then(|page| page["items"].as_array());
    let items = items.into_iter().flatten();
    let mut operations: Vec<Operation> = items.filter_map(|operation| read(operation).ok()).collect();
    for id in ["active_operation", "operation_beside"]
        .into_iter()
        .filter_map(|field| stack[field].as_str())
    {
        // Beside a plan that waits for days, others may fill pages.
        if operations.iter().all(|operation| operation.id != id) {
            let named: Option<Value> = client.get(&format!("/v1/operations/{id}")).await.ok();
            operations.extend(named.and_then(|operation| read(&operation).ok()));
        }
    }
    operations
}

fn id_of(stack: &Value) -> Result<StackId, Error> {
    let id = text_at(stack, "id");
    id.parse()
        .map_err(|error| Error::Program(format!("the server's answer has no ID of a stack: {error}")))
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::get};
    use serde_json::json;

    use super::*;
    use crate::example::record;

    /// Many releases have run beside it.
    #[tokio::test]
    async fn plan_that_waits_behind_a_page_is_read() {
        let operation = |id: &str, kind: &str, status: &str| record(&json!({"id": id, "kind": kind, "status": status}));
        let page = json!({"items": [operation("op-2", "release", "running")], "next": "more"});
        let update = operation("op-1", "update", "waiting_for_approval");
        let app = Router::new()
            .route(
                "/v1/stacks/lusab-babad/operations",
                get(move || async move { Json(page) }),
            )
            .route("/v1/operations/op-1", get(move || async move { Json(update) }));
        let client = Client::of_server(app).await;
        let stack =
            json!({"id": "lusab-babad", "status": "updating", "active_operation": "op-1", "operation_beside": "op-2"});
        let ids: Vec<String> = operations_of(&stack, &client)
            .await
            .into_iter()
            .map(|operation| operation.id)
            .collect();
        assert_eq!(ids, ["op-2", "op-1"]);
    }
}
