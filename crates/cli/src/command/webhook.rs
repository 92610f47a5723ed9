//! `slipway webhook`

use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{NewWebhook, WebhookCommand};
use crate::client::{Client, Condition};
use crate::error::Error;
use crate::output::{Output, text_at};
use crate::stack_id::stack_id;

const WEBHOOKS: &str = "/v1/webhooks";

/// Runs the command.
pub async fn run(command: WebhookCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        WebhookCommand::Add(new) => add(new, client, output).await,
        WebhookCommand::List => {
            let items = client.list(WEBHOOKS, &[]).await?;
            let columns = [
                ("name", "name"),
                ("url", "url"),
                ("format", "format"),
                ("kinds", "kinds"),
                ("environments", "environments"),
                ("stacks", "stacks"),
                ("description", "description"),
            ];
            output.table(&items, &columns, "There are no webhooks.");
            Ok(())
        }
        WebhookCommand::Remove { name } => {
            let () = client.delete(&format!("{WEBHOOKS}/{name}")).await?;
            output.answer(&json!({"removed": name}), |_| format!("The webhook {name} is removed."));
            Ok(())
        }
        WebhookCommand::Deliveries { name } => {
            let items = client.list(&format!("{WEBHOOKS}/{name}/deliveries"), &[]).await?;
            let items: Vec<Value> = items.into_iter().map(with_last).collect();
            let columns = [
                ("id", "id"),
                ("kind", "kind"),
                ("status", "status"),
                ("attempts", "attempts"),
                ("last", "last"),
                ("next_attempt_at", "next attempt"),
            ];
            output.table(&items, &columns, "There are no deliveries.");
            Ok(())
        }
        WebhookCommand::Redeliver { name, notification } => {
            let path = format!("{WEBHOOKS}/{name}/redeliver/{notification}");
            let delivery: Value = client.send(Method::POST, &path, &json!({})).await?;
            output.answer(&delivery, |delivery| {
                format!(
                    "The delivery {} is pending. Check it with: slipway webhook deliveries {name}",
                    text_at(delivery, "id")
                )
            });
            Ok(())
        }
    }
}

async fn add(new: NewWebhook, client: &Client, output: Output) -> Result<(), Error> {
    let mut stacks = Vec::new();
    for stack in &new.stacks {
        stacks.push(stack_id(stack, client).await?);
    }
    let url = match new.url.as_str() {
        // Other users of the machine see command lines, and the address of a chat is a secret.
        "-" => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Error::Usage(format!("failed to read the address from standard input: {error}")))?,
        url => url.to_owned(),
    };
    let body = json!({
        "url": url.trim(),
        "format": new.format,
        "kinds": new.kinds,
        "environments": new.environments,
        "stacks": stacks,
        "description": new.description,
    });
    let path = format!("{WEBHOOKS}/{}", new.name);
    let added: Value = client.send_if(Method::PUT, &path, &body, Condition::Absent).await?;
    output.answer(&added, |added| {
        format!(
            "The webhook {} is added. Its deliveries are signed with this secret, which is not shown again:\n{}",
            new.name,
            text_at(added, "secret")
        )
    });
    Ok(())
}

/// A delivery with the outcome of its last attempt, for a table.
fn with_last(mut delivery: Value) -> Value {
    let log = delivery["log"].as_array();
    let last = log
        .and_then(|log| log.last())
        .map(|attempt| match attempt["status"].as_u64() {
            Some(status) => format!("status {status}"),
            None => text_at(attempt, "error"),
        });
    delivery["last"] = json!(last);
    delivery
}
