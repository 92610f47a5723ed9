//! `slipway logs`

use serde_json::Value;
use slipway_model::id::OperationId;

use crate::args::Logs;
use crate::client::{Client, LONG_POLL_SECONDS, with_query};
use crate::error::Error;
use crate::operation_of::{Wanted, operation_of};
use crate::output::{Output, text_at};

/// Prints the lines that are there; with `--follow`, those that come until the operation has ended.
pub async fn run(logs: Logs, client: &Client, output: Output) -> Result<(), Error> {
    let operation = operation_of(&logs.operation, Wanted::Newest, client).await?;
    read(&operation, logs.follow, client, |line| {
        let text = |line: &Value| format!("{:<16} {}", text_at(line, "step"), text_at(line, "message"));
        output.answer(line, text);
    })
    .await
}

/// Prints what a step has printed.
pub async fn of_step(operation: &OperationId, step: &str, client: &Client, output: Output) -> Result<(), Error> {
    read(operation, false, client, |line| {
        if text_at(line, "step") == step {
            output.say(&format!("  {}", text_at(line, "message")));
        }
    })
    .await
}

async fn read(
    operation: &OperationId,
    follow: bool,
    client: &Client,
    mut print: impl FnMut(&Value),
) -> Result<(), Error> {
    let path = format!("/v1/operations/{operation}/logs");
    let mut after: Option<String> = None;
    loop {
        let mut query = Vec::new();
        if follow {
            query.push(("wait", LONG_POLL_SECONDS.to_string()));
        }
        query.extend(after.take().map(|after| ("after", after)));
        let path = with_query(&path, &query);
        let page: Value = if follow {
            client.watch(&path).await?
        } else {
            client.get(&path).await?
        };
        let lines = page["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.iter().for_each(&mut print);
        let ended = page["ended"].as_bool().unwrap_or_default();
        if ended || (!follow && lines.is_empty()) {
            return Ok(());
        }
        after = page["after"].as_str().map(str::to_owned);
    }
}
