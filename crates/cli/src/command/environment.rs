//! `slipway environment`

use serde_json::Value;

use crate::args::EnvironmentCommand;
use crate::client::Client;
use crate::error::Error;
use crate::output::{Output, text_at};

/// Runs the command.
pub async fn run(command: EnvironmentCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        EnvironmentCommand::List => {
            let items = client.list("/v1/environments", &[]).await?;
            let columns = [
                ("name", "name"),
                ("account", "account"),
                ("region", "region"),
                ("approval", "approval"),
                ("protected", "protected"),
            ];
            output.table(&items, &columns, "There are no environments.");
        }
        EnvironmentCommand::Show { name } => {
            let environment: Value = client.get(&format!("/v1/environments/{name}")).await?;
            output.answer(&environment, |environment| {
                let field = |name: &str| format!("{name:<12}{}", text_at(environment, name));
                ["name", "account", "region", "approval", "protected", "variables"]
                    .map(field)
                    .join("\n")
            });
        }
    }
    Ok(())
}
