//! `slipway task`

use reqwest::Method;
use serde_json::{Value, json};

use super::operation::started;
use crate::args::TaskCommand;
use crate::client::Client;
use crate::error::Error;
use crate::output::Output;
use crate::stack_id::stack_id;

/// Runs the command.
pub async fn run(command: TaskCommand, client: &Client, output: Output) -> Result<(), Error> {
    let TaskCommand::Run { stack, name, wait } = command;
    let path = format!("/v1/stacks/{}/tasks/{name}", stack_id(&stack, client).await?);
    let value: Value = client.send(Method::POST, &path, &json!({})).await?;
    started(client, output, &value, wait).await
}
