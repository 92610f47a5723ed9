//! `slipway release`

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Map, Value, json};
use slipway_model::name::{Image, Name};

use super::operation::started;
use crate::args::ReleaseCommand;
use crate::client::Client;
use crate::error::Error;
use crate::json_file::object_in;
use crate::output::{Output, text_at};
use crate::stack_id::stack_id;

/// Runs the command.
pub async fn run(command: ReleaseCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        ReleaseCommand::Create {
            stack,
            images,
            request,
            snapshot,
            wait,
        } => {
            let mut body = request.as_deref().map_or_else(|| Ok(Map::new()), object_in)?;
            let images = by_service(images)?;
            if !images.is_empty() {
                body.insert("images".to_owned(), json!(images));
            }
            if snapshot {
                body.insert("snapshot".to_owned(), json!(true));
            }
            let path = format!("/v1/stacks/{}/releases", stack_id(&stack, client).await?);
            let value: Value = client.send(Method::POST, &path, &body.into()).await?;
            started(client, output, &value, wait).await
        }
        ReleaseCommand::Rollback { stack, number, wait } => {
            let body = number.map_or_else(|| json!({}), |number| json!({ "release": number }));
            let path = format!("/v1/stacks/{}/rollback", stack_id(&stack, client).await?);
            let value: Value = client.send(Method::POST, &path, &body).await?;
            started(client, output, &value, wait).await
        }
        ReleaseCommand::List { stack } => {
            let path = format!("/v1/stacks/{}/releases", stack_id(&stack, client).await?);
            let items = client.list(&path, &[]).await?;
            let columns = [
                ("release", "number"),
                ("status", "status"),
                ("requested", "created_at"),
                ("by", "requested_by"),
                ("operation", "operation"),
            ];
            output.table(&items, &columns, "The stack has no releases.");
            Ok(())
        }
        ReleaseCommand::Show { stack, number } => {
            let stack = stack_id(&stack, client).await?;
            let value: Value = client.get(&format!("/v1/stacks/{stack}/releases/{number}")).await?;
            output.answer(&value, |release| {
                let field = |name: &str| format!("{name:<14}{}", text_at(release, name));
                [
                    "number",
                    "status",
                    "images",
                    "snapshot",
                    "operation",
                    "requested_by",
                    "created_at",
                    "ended_at",
                ]
                .map(field)
                .join("\n")
            });
            Ok(())
        }
    }
}

/// The images by service; a service that is named twice is a mistake, whichever image was meant.
pub fn by_service(images: Vec<(Name, Image)>) -> Result<BTreeMap<Name, Image>, Error> {
    let mut by_service = BTreeMap::new();
    for (service, image) in images {
        if by_service.contains_key(&service) {
            return Err(Error::Usage(format!("--image names the service `{service}` twice")));
        }
        by_service.insert(service, image);
    }
    Ok(by_service)
}
