//! `slipway release`

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::operation::started;
use crate::args::{OperationRef, ReleaseCommand, Wait};
use crate::client::Client;
use crate::error::Error;
use crate::harmless::in_a_line;
use crate::images::by_service;
use crate::json_file::object_in;
use crate::operation_of::{Wanted, operation_of};
use crate::operation_text::{failure_line, read};
use crate::output::{Output, text_at};
use crate::stack_id::stack_id;
use slipway_api_types::{Failure, RollBack};

/// The fields of a release that are shown in a line each.
const FIELDS: [&str; 8] = [
    "number",
    "status",
    "snapshot",
    "compatible_with_previous",
    "last_operation",
    "requested_by",
    "created_at",
    "ended_at",
];

/// Runs the command.
pub async fn run(command: ReleaseCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        ReleaseCommand::Create {
            stack,
            images,
            request,
            snapshot,
            compatible_with_previous,
            wait,
        } => {
            let mut body = request.as_deref().map_or_else(|| Ok(Map::new()), object_in)?;
            let images = by_service(images, output).await?;
            if !images.is_empty() {
                body.insert("images".to_owned(), json!(images));
            }
            if snapshot {
                body.insert("snapshot".to_owned(), json!(true));
            }
            if let Some(compatible) = compatible_with_previous {
                body.insert("compatible_with_previous".to_owned(), json!(compatible));
            }
            let path = format!("/v1/stacks/{}/releases", stack_id(&stack, client).await?);
            let value: Value = client.send(Method::POST, &path, &body).await?;
            started(client, output, &value, wait).await
        }
        ReleaseCommand::Rollback { stack, number, wait } => {
            let body = RollBack {
                release: number.map(|number| number.0),
            };
            let path = format!("/v1/stacks/{}/rollback", stack_id(&stack, client).await?);
            let value: Value = client.send(Method::POST, &path, &body).await?;
            started(client, output, &value, wait).await
        }
        ReleaseCommand::Continue { operation, wait } => decide(&operation, "continue", wait, client, output).await,
        ReleaseCommand::Restore { operation, wait } => decide(&operation, "roll-back", wait, client, output).await,
        ReleaseCommand::List { stack } => {
            let stack = stack_id(&stack, client).await?;
            let mut items = client.list(&format!("/v1/stacks/{stack}/releases"), &[]).await?;
            if !output.is_data() {
                items = with_history(items, stack.as_str(), client).await?;
            }
            let columns = [
                ("release", "number"),
                ("status", "status"),
                ("images", "shown_images"),
                ("requested", "created_at"),
                ("by", "requested_by"),
                ("last operation", "last_operation"),
                ("error", "error"),
            ];
            output.table(&items, &columns, "The stack has no releases.");
            Ok(())
        }
        ReleaseCommand::Show { stack, number } => {
            let stack = stack_id(&stack, client).await?;
            let value = client
                .resource(&format!("/v1/stacks/{stack}/releases/{number}"))
                .await?;
            let failure = if output.is_data() {
                None
            } else {
                failure(&value, client).await
            };
            output.answer(&value, |release| sheet(release, failure.as_ref()));
            Ok(())
        }
    }
}

/// Why a release failed, from its last operation. It only adds to the release, which is shown without it if it cannot be read.
async fn failure(release: &Value, client: &Client) -> Option<Failure> {
    if release["status"] != "failed" {
        return None;
    }
    let path = format!("/v1/operations/{}", text_at(release, "last_operation"));
    let operation: Value = client.get(&path).await.ok()?;
    read(&operation).ok()?.error
}

/// The release, a line for each field.
fn sheet(release: &Value, failure: Option<&Failure>) -> String {
    let field = |name: &str, value: &str| format!("{name:<26}{value}");
    let fields = FIELDS.iter().map(|name| field(name, &text_at(release, name)));
    let error = failure.map(|failure| field("error", &in_a_line(&failure_line(failure))));
    let images = release["images"].as_object().into_iter().flatten();
    let images = images.map(|(service, image)| format!("  {service} = {}", image.as_str().unwrap_or_default()));
    let heading = std::iter::once("images".to_owned());
    let lines: Vec<String> = fields.chain(error).chain(heading).chain(images).collect();
    lines.join("\n")
}

/// Sends a decision at a pause.
async fn decide(
    named: &OperationRef,
    decision: &str,
    wait: Wait,
    client: &Client,
    output: Output,
) -> Result<(), Error> {
    let id = operation_of(named, Wanted::Running, client).await?;
    let path = format!("/v1/operations/{id}/{decision}");
    let value: Value = client.send(Method::POST, &path, &json!({})).await?;
    started(client, output, &value, wait).await
}

/// An image without the registry, and with the beginning of its digest: `web@sha256:0123456789ab`.
fn short(image: &str) -> String {
    let (name, digest) = image.split_once('@').unwrap_or((image, ""));
    let name = name.rsplit('/').next().unwrap_or(name);
    let digest: String = digest.chars().take("sha256:".len() + 12).collect();
    format!("{name}@{digest}")
}

/// Adds to each release what people need: its images in short, and the error of the operation that failed.
async fn with_history(mut releases: Vec<Value>, stack: &str, client: &Client) -> Result<Vec<Value>, Error> {
    let has_failed = |release: &Value| release["status"] == "failed";
    let operations = if releases.iter().any(has_failed) {
        client.list(&format!("/v1/stacks/{stack}/operations"), &[]).await?
    } else {
        Vec::new()
    };
    for release in &mut releases {
        let images = release["images"].as_object().into_iter().flatten();
        let images: Vec<String> = images
            .map(|(service, image)| format!("{service}={}", short(image.as_str().unwrap_or_default())))
            .collect();
        let operation = operations
            .iter()
            .find(|operation| operation["id"] == release["last_operation"]);
        let error = operation
            .filter(|_| has_failed(release))
            .map(|operation| text_at(operation, "error.name"));
        release["shown_images"] = images.join(" ").into();
        release["error"] = json!(error);
    }
    Ok(releases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_release_is_shown_with_its_error() {
        let release =
            json!({"number": 3, "status": "failed", "images": {"web": "web@sha256:1"}, "last_operation": "op-1"});
        let failure: Failure = serde_json::from_value(json!({
            "name": "Slipway.MigrationFailed", "step": "Run migration: migrate", "message": "it exited\nwith 1",
            "log": "/v1/operations/op-1/logs",
        }))
        .expect("a failure");
        let shown = sheet(&release, Some(&failure));
        let error =
            "error                     Slipway.MigrationFailed in \"Run migration: migrate\": it exited\\nwith 1";
        assert!(
            shown.ends_with(&format!("\n{error}\nimages\n  web = web@sha256:1")),
            "{shown}"
        );
        assert!(!sheet(&release, None).contains("error"));
    }
}
