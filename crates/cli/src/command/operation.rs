//! `slipway operation`, and the end of every command that starts one.

use reqwest::Method;
use serde_json::{Value, json};
use slipway_model::id::OperationId;

use crate::args::{OperationCommand, Wait};
use crate::client::Client;
use crate::command::plan;
use crate::error::Error;
use crate::operation_view::{Operation, duration_text, watch};
use crate::output::Output;
use crate::stack_id::stack_id;

/// The statuses of operations in progress, as the API expects them.
const IN_PROGRESS: [&str; 3] = ["waiting_for_approval", "running", "starting"];

/// What a list shows of every operation.
const COLUMNS: [(&str, &str); 7] = [
    ("id", "id"),
    ("kind", "kind"),
    ("release", "release"),
    ("task", "task"),
    ("status", "status"),
    ("requested", "created_at"),
    ("by", "requested_by"),
];

/// Runs the command.
pub async fn run(command: OperationCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        OperationCommand::List { stack: Some(stack), .. } => {
            let path = format!("/v1/stacks/{}/operations", stack_id(&stack, client).await?);
            let items = client.list(&path, &[]).await?;
            let mut columns = COLUMNS.to_vec();
            columns.push(("error", "error.name"));
            output.table(&items, &columns, "The stack has no operations.");
            Ok(())
        }
        OperationCommand::List { stack: None, waiting } => {
            let statuses: &[&str] = if waiting {
                &["waiting_for_approval"]
            } else {
                &IN_PROGRESS
            };
            let mut items = Vec::new();
            for status in statuses {
                items.extend(
                    client
                        .list("/v1/operations", &[("status", (*status).to_owned())])
                        .await?,
                );
            }
            let columns = [&[("stack", "stack.name"), ("environment", "environment")], &COLUMNS[..]].concat();
            output.table(&items, &columns, "No such operation is in progress.");
            Ok(())
        }
        OperationCommand::Show { operation } => {
            let value: Value = client.get(&format!("/v1/operations/{operation}")).await?;
            show(&value, output)
        }
        OperationCommand::Watch { operation } => {
            let (value, operation) = watch(client, operation.as_str(), output).await?;
            output_json(output, &value);
            operation.check()
        }
        OperationCommand::Approve(approve) => plan::approve(approve, client, output).await,
        OperationCommand::Reject { operation, reason } => {
            act(client, output, &operation, "reject", &json!({ "reason": reason })).await
        }
        OperationCommand::Cancel { operation } => act(client, output, &operation, "cancel", &json!({})).await,
    }
}

async fn act(client: &Client, output: Output, id: &OperationId, verb: &str, body: &Value) -> Result<(), Error> {
    let value: Value = client
        .send(Method::POST, &format!("/v1/operations/{id}/{verb}"), body)
        .await?;
    show(&value, output)
}

/// Shows an operation as the API gives it.
pub fn show(value: &Value, output: Output) -> Result<(), Error> {
    let text = sheet(&Operation::read(value)?);
    output.answer(value, |_| text);
    Ok(())
}

/// Prints the operation that a request started, and watches it to its end with `--wait`.
pub async fn started(client: &Client, output: Output, value: &Value, wait: Wait) -> Result<(), Error> {
    let operation = Operation::read(value)?;
    if !wait.wait {
        output.answer(value, |_| {
            format!(
                "{} of stack {} ({}) is operation {}\nWatch it: slipway operation watch {}",
                operation.title(),
                operation.stack.id,
                operation.stack.name,
                operation.id,
                operation.id
            )
        });
        return Ok(());
    }
    output.say(&format!(
        "{} of stack {} ({}), operation {}",
        operation.title(),
        operation.stack.id,
        operation.stack.name,
        operation.id
    ));
    let (value, operation) = watch(client, &operation.id, output).await?;
    output_json(output, &value);
    operation.check()
}

/// What programs get at the end of a watch; people have seen it already.
fn output_json(output: Output, value: &Value) {
    if output.is_json() {
        output.answer(value, |_| String::new());
    }
}

/// An operation as people read it.
fn sheet(operation: &Operation) -> String {
    let mut lines = vec![
        format!("operation  {}", operation.id),
        format!("kind       {}", operation.title()),
        format!("stack      {} ({})", operation.stack.id, operation.stack.name),
        format!("status     {}", operation.status),
    ];
    lines.extend(
        operation
            .waiting_for_build
            .as_ref()
            .map(|step| format!("             {step}: waiting for a build")),
    );
    lines.extend(
        operation
            .cancelling()
            .map(|cancelling| format!("             {cancelling}")),
    );
    lines.extend(
        operation
            .position
            .map(|position| format!("queue      place {position}")),
    );
    if let Some(plan) = &operation.plan {
        lines.push(format!("plan       {}", plan.line()));
        lines.extend(plan.lines().map(|line| format!("             {line}")));
    }
    if let Some(drift) = &operation.drift {
        lines.push(format!("drift      {}", drift.line()));
        lines.extend(drift.lines().map(|line| format!("             {line}")));
    }
    for step in &operation.steps {
        let took = step
            .ended_at
            .map(|end| duration_text(step.started_at, end))
            .unwrap_or_default();
        lines.push(format!("  {:<10} {} {took}", step.status, step.name));
    }
    lines.extend(operation.approvals().map(|approval| format!("approved   {approval}")));
    if operation.waits_for_decision() {
        lines.push(operation.decide());
    }
    lines.extend(
        operation
            .error
            .as_ref()
            .map(|error| format!("error      {}", error.line())),
    );
    lines.join("\n")
}
