//! `slipway environment`

use serde_json::Value;
use slipway_model::environment::Environment;

use super::configuration::{self, Kind};
use crate::args::EnvironmentCommand;
use crate::client::Client;
use crate::error::Error;
use crate::json_file::object_in;
use crate::output::{Output, text_at};

const ENVIRONMENTS: Kind = Kind {
    noun: "environment",
    path: "/v1/environments",
    key: "name",
    list: "environments",
    fixed: &["account", "region"],
    read: |fields| Ok(serde_json::to_value(Environment::read(fields, None)?).unwrap_or_default()),
};

/// Runs the command.
pub async fn run(command: EnvironmentCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        EnvironmentCommand::List => {
            let items = client.list(ENVIRONMENTS.path, &[]).await?;
            let columns = [
                ("name", "name"),
                ("account", "account"),
                ("region", "region"),
                ("approval", "approval"),
                ("protected", "protected"),
                ("sandbox", "sandbox"),
            ];
            output.table(&items, &columns, "There are no environments.");
            Ok(())
        }
        EnvironmentCommand::Show { name } => {
            let environment: Value = client.get(&format!("{}/{name}", ENVIRONMENTS.path)).await?;
            output.answer(&environment, |environment| {
                let field = |name: &str| format!("{name:<16}{}", text_at(environment, name));
                [
                    "name",
                    "account",
                    "region",
                    "role",
                    "approval",
                    "protected",
                    "sandbox",
                    "protected_types",
                    "variables",
                    "references",
                    "revision",
                ]
                .map(field)
                .join("\n")
            });
            Ok(())
        }
        EnvironmentCommand::Put { name, request } => {
            let object = object_in(&request)?;
            configuration::put(&ENVIRONMENTS, name.as_str(), &request, object, client, output).await
        }
        EnvironmentCommand::Delete { name } => {
            configuration::delete(&ENVIRONMENTS, name.as_str(), client, output).await
        }
        EnvironmentCommand::Export => configuration::export(&ENVIRONMENTS, client, output).await,
        EnvironmentCommand::Import { files, dry_run } => {
            configuration::import(&ENVIRONMENTS, &files, dry_run, client, output).await
        }
    }
}
