//! `slipway blueprint`

use std::path::Path;

use serde_json::Value;

use crate::args::{BlueprintCommand, BlueprintRef};
use crate::bundle;
use crate::client::Client;
use crate::error::Error;
use crate::output::{Output, text_at};
use crate::publish::blueprints::{check, name_of};
use crate::publish::upload;

/// Runs the command.
pub async fn run(command: BlueprintCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        BlueprintCommand::List => {
            let items = client.list("/v1/blueprints", &[]).await?;
            let columns = [
                ("blueprint", "name"),
                ("newest", "version"),
                ("description", "description"),
            ];
            output.table(
                &items,
                &columns,
                "There are no blueprints: publish one with `slipway blueprint publish`.",
            );
            Ok(())
        }
        BlueprintCommand::Show { blueprint } => {
            let path = match blueprint.version {
                Some(version) => format!("/v1/blueprints/{}/versions/{version}", blueprint.name),
                None => format!("/v1/blueprints/{}", blueprint.name),
            };
            let value: Value = client.get(&path).await?;
            output.answer(&value, sheet);
            Ok(())
        }
        BlueprintCommand::Publish {
            folder,
            name,
            description,
            within,
        } => {
            let about = bundle::about(&folder)?;
            let name = match (name, &about) {
                (Some(name), _) => name,
                (None, Some(about)) => BlueprintRef {
                    name: about.name.clone().map_or_else(|| name_of(&folder), Ok)?,
                    version: Some(about.version.clone()),
                },
                (None, None) => {
                    return Err(Error::Usage(format!(
                        "say as what {} is published: `--as NAME@VERSION`, or a file blueprint.json in it",
                        folder.display()
                    )));
                }
            };
            let description = description.or(about.map(|about| about.description)).unwrap_or_default();
            let value = publish(client, &folder, within.as_deref(), &name, &description).await?;
            output.answer(&value, |value| {
                format!(
                    "published {}@{} ({})",
                    text_at(value, "name"),
                    text_at(value, "version"),
                    text_at(value, "digest")
                )
            });
            Ok(())
        }
    }
}

/// Publishes a folder as a version of a blueprint.
pub async fn publish(
    client: &Client,
    folder: &Path,
    within: Option<&Path>,
    name: &BlueprintRef,
    description: &str,
) -> Result<Value, Error> {
    let Some(version) = &name.version else {
        return Err(Error::Usage("--as needs a version: `name@1.2.0`".to_owned()));
    };
    let source = bundle::read(folder, within.unwrap_or(folder))?;
    check(folder, &source)?;
    let mut body = source.document();
    body["description"] = description.into();
    upload::publish(
        client,
        &format!("/v1/blueprints/{}/versions/{version}", name.name),
        &body,
    )
    .await
}

/// A blueprint version as people read it.
fn sheet(blueprint: &Value) -> String {
    let fields = ["name", "version", "description", "digest", "published_at"];
    let mut lines: Vec<String> = fields
        .map(|name| format!("{name:<14}{}", text_at(blueprint, name)))
        .into();
    lines.push("variables".to_owned());
    for variable in blueprint["variables"].as_array().into_iter().flatten() {
        let hidden = if variable["sensitive"] == true {
            ", sensitive"
        } else {
            ""
        };
        let need = match (&variable["required"], &variable["default"]) {
            (Value::Bool(true), _) => "required".to_owned(),
            (_, Value::Null) => "optional".to_owned(),
            (_, default) => format!("default {default}"),
        };
        let line = format!(
            "  {:<24}{} ({need}{hidden})",
            text_at(variable, "name"),
            text_at(variable, "type_text")
        );
        lines.push(line);
        let description = text_at(variable, "description");
        if !description.is_empty() && description != "-" {
            lines.push(format!("      {description}"));
        }
    }
    lines.join("\n")
}
