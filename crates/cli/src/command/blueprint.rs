//! `slipway blueprint`

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use slipway_model::blueprint::Source;

use crate::args::{BlueprintCommand, BlueprintRef};
use crate::client::Client;
use crate::error::Error;
use crate::output::{Output, text_at};

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
        } => {
            let value = publish(client, &folder, &name, &description).await?;
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
pub async fn publish(client: &Client, folder: &Path, name: &BlueprintRef, description: &str) -> Result<Value, Error> {
    let Some(version) = &name.version else {
        return Err(Error::Usage("--as needs a version: `name@1.2.0`".to_owned()));
    };
    let source = read(folder)?;
    let body = json!({ "description": description, "root": source.root, "files": source.files });
    client
        .send(
            Method::PUT,
            &format!("/v1/blueprints/{}/versions/{version}", name.name),
            &body,
        )
        .await
}

/// The files of a root module: all text below its folder, less what Terraform puts there itself.
fn read(folder: &Path) -> Result<Source, Error> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        let unreadable = |source| Error::File {
            action: "read",
            path: current.clone(),
            source,
        };
        for entry in fs::read_dir(&current).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name == ".terraform" || name.contains(".tfstate") {
                continue;
            }
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_symlink() {
                let what = format!(
                    "{} is a link: a blueprint is published as files of its own folder",
                    path.display()
                );
                return Err(Error::Usage(what));
            }
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|source| Error::File {
                action: "read as text",
                path: path.clone(),
                source,
            })?;
            let relative = path.strip_prefix(folder).unwrap_or(&path);
            files.insert(relative.to_string_lossy().into_owned(), text);
        }
    }
    Ok(Source {
        root: String::new(),
        files,
    })
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
