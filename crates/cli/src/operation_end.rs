//! What a command makes of an operation that has ended.

use jiff::Timestamp;
use serde_json::Value;
use slipway_api_types::Operation;
use slipway_model::operation::{OperationKind, OperationStatus};

use crate::client::Client;
use crate::error::Error;
use crate::hint;
use crate::operation_text::{check, log_commands, own_log};
use crate::stack_id::end_of;
use crate::stack_needs::retry;

/// An error for scripts unless it succeeded, with the logs that have lines.
pub async fn result_of(operation: &Operation, client: &Client) -> Result<(), Error> {
    match check(operation) {
        Err(Error::OperationEnded {
            operation: id,
            status,
            reason,
            ..
        }) => Err(Error::OperationEnded {
            operation: id,
            status,
            reason,
            logs: written_logs(operation, client).await,
        }),
        result => result,
    }
}

/// An error if it succeeded and its stack was destroyed since. A request whose idempotency key was used before gets such an operation,
/// and starts nothing. A stack that cannot be read says nothing of this.
pub async fn still_exists(operation: &Operation, client: &Client) -> Result<(), Error> {
    if !leaves_a_stack(operation.kind) {
        return Ok(());
    }
    let stack: Option<Value> = client.get(&operation.links.stack).await.ok();
    match stack.filter(|stack| stack["status"] == "destroyed") {
        None => Ok(()),
        Some(stack) => Err(Error::Outlived {
            operation: operation.id.clone(),
            stack: operation.stack.id.clone(),
            end: Box::pin(end_of(&stack, client)).await,
        }),
    }
}

/// Whether the stack exists after an operation of this kind, changed by it.
pub fn leaves_a_stack(kind: OperationKind) -> bool {
    match kind {
        OperationKind::Provision | OperationKind::Update | OperationKind::Release | OperationKind::Rollback => true,
        OperationKind::Task | OperationKind::Destroy | OperationKind::Preview | OperationKind::Drift => false,
    }
}

/// The commands that print why it failed, without its own log if nothing was printed there: the reason has all that is known.
async fn written_logs(operation: &Operation, client: &Client) -> Vec<String> {
    let mut commands = log_commands(operation, Timestamp::now());
    let own = own_log(operation);
    if commands.contains(&own) {
        let page: Option<Value> = client.get(&operation.links.logs).await.ok();
        let lines = page.as_ref().and_then(|page| page["lines"].as_array());
        if lines.is_some_and(Vec::is_empty) {
            commands.retain(|command| *command != own);
        }
    }
    commands
}

/// The next commands after a failure, in lines: for its logs, its approval sheet, and to request it again.
pub async fn next_steps(operation: &Operation, client: &Client) -> Vec<String> {
    let has_failed = matches!(
        operation.status,
        OperationStatus::Failed | OperationStatus::NeedsAttention
    );
    if !has_failed {
        return Vec::new();
    }
    let logs = written_logs(operation, client).await;
    let mut lines: Vec<String> = logs.iter().map(|log| format!("log        {log}")).collect();
    if operation.links.sheet.is_some() {
        let sheet = hint::command(&format!("sheet {}", operation.id));
        lines.push(format!("sheet      {sheet}"));
    }
    if operation.ways_forward.is_empty() {
        lines.push(format!("next       {}", retry(operation)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router, routing::get};
    use serde_json::json;

    use super::*;
    use crate::example;

    fn operation(status: &str) -> Operation {
        let mut record = example::record(&json!({"kind": "provision", "status": status}));
        record["links"]["sheet"] = json!("/v1/operations/op-1/sheet");
        serde_json::from_value(record).expect("an operation")
    }

    /// A client of a server with a stack of this status, and an operation that printed these lines.
    async fn client(status: &'static str, lines: &Value) -> Client {
        let stack = json!({
            "id": "lusab-babad", "status": status, "active_operation": null, "updated_at": "2026-11-30T01:00:00Z",
        });
        let operations = json!({"items": [], "next": null});
        let log = json!({"lines": lines, "after": "end", "ended": true});
        let app = Router::new()
            .route("/v1/stacks/lusab-babad", get(move || async move { Json(stack) }))
            .route(
                "/v1/stacks/lusab-babad/operations",
                get(move || async move { Json(operations) }),
            )
            .route("/v1/operations/op-1/logs", get(move || async move { Json(log) }));
        Client::of_server(app).await
    }

    #[tokio::test]
    async fn success_of_a_destroyed_stack_is_an_error() {
        let succeeded = operation("succeeded");
        let live = client("ready", &json!([])).await;
        assert!(still_exists(&succeeded, &live).await.is_ok());
        let destroyed = client("destroyed", &json!([])).await;
        let error = still_exists(&succeeded, &destroyed).await.expect_err("no stack");
        assert_eq!(error.exit_code(), 3);
        let report = error.report();
        for part in [
            "lusab-babad of op-1",
            "it was destroyed at 2026-11-30T01:00:00Z",
            "under another key",
        ] {
            assert!(report.contains(part), "{part}: {report}");
        }
    }

    #[tokio::test]
    async fn only_a_log_with_lines_is_named() {
        let failed = operation("failed");
        let silent = client("destroyed", &json!([])).await;
        let error = result_of(&failed, &silent).await.expect_err("a failure");
        assert!(!error.report().contains("slipway logs"), "{}", error.report());
        let line = json!({"time": "2026-11-30T00:00:01Z", "step": "Plan", "message": "no"});
        let printed = client("destroyed", &json!([line])).await;
        let error = result_of(&failed, &printed).await.expect_err("a failure");
        assert!(error.report().contains("log: slipway logs op-1"), "{}", error.report());
        assert_eq!(
            next_steps(&failed, &printed).await,
            [
                "log        slipway logs op-1",
                "sheet      slipway sheet op-1",
                "next       slipway stack create shop --blueprint web@1.0.0 --environment live (add `--var` and `--image` as in the first request)"
            ]
        );
        assert_eq!(next_steps(&operation("succeeded"), &printed).await, [""; 0]);
    }
}
