//! `slipway source-account`

use serde_json::{Map, Value, json};
use slipway_model::source_account::SourceAccount;

use super::configuration::{self, Kind};
use crate::args::{SourceAccountCommand, SourceAccountRecord};
use crate::client::Client;
use crate::error::Error;
use crate::json_file::object_in;
use crate::output::{Output, text_at};

const SOURCE_ACCOUNTS: Kind = Kind {
    noun: "source account",
    path: "/v1/source-accounts",
    key: "account",
    list: "source_accounts",
    fixed: &[],
    read: |fields| Ok(serde_json::to_value(SourceAccount::read(fields, None)?).unwrap_or_default()),
};

/// Runs the command.
pub async fn run(command: SourceAccountCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        SourceAccountCommand::List => {
            let items = client.list(SOURCE_ACCOUNTS.path, &[]).await?;
            let columns = [
                ("account", "account"),
                ("actions", "actions"),
                ("blueprints", "blueprints"),
                ("environments", "environments"),
                ("description", "description"),
            ];
            output.table(&items, &columns, "There are no source accounts.");
            Ok(())
        }
        SourceAccountCommand::Show { account } => {
            let shown = client.resource(&format!("{}/{account}", SOURCE_ACCOUNTS.path)).await?;
            output.answer(&shown, |shown| {
                let field = |name: &str| format!("{name:<14}{}", text_at(shown, name));
                [
                    "account",
                    "description",
                    "actions",
                    "blueprints",
                    "environments",
                    "results",
                    "revision",
                ]
                .map(field)
                .join("\n")
            });
            Ok(())
        }
        SourceAccountCommand::Put { account, record } => {
            let file = record.request.clone().unwrap_or_else(|| "the command line".into());
            let object = asked_for(record)?;
            configuration::put(&SOURCE_ACCOUNTS, account.as_str(), &file, object, client, output).await
        }
        SourceAccountCommand::Delete { account } => {
            configuration::delete(&SOURCE_ACCOUNTS, account.as_str(), client, output).await
        }
        SourceAccountCommand::Export => configuration::export(&SOURCE_ACCOUNTS, client, output).await,
        SourceAccountCommand::Import { files, dry_run } => {
            configuration::import(&SOURCE_ACCOUNTS, &files, dry_run, client, output).await
        }
    }
}

/// The file, and over it what the command line says.
fn asked_for(record: SourceAccountRecord) -> Result<Map<String, Value>, Error> {
    let mut object = record.request.as_deref().map_or_else(|| Ok(Map::new()), object_in)?;
    for (field, list) in [
        ("actions", json!(record.actions)),
        ("blueprints", json!(record.blueprints)),
        ("environments", json!(record.environments)),
    ] {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            object.insert(field.to_owned(), list);
        }
    }
    object.extend(record.description.map(|text| ("description".to_owned(), json!(text))));
    object.extend(record.results.map(|bus| ("results".to_owned(), json!(bus))));
    Ok(object)
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router};

    use super::*;
    use crate::output::Format;

    #[tokio::test]
    async fn answer_that_does_not_fit_is_not_exported() {
        for (answer, reason) in [
            (json!({}), "missing field `items`"),
            (
                json!({"items": [{}], "unreadable": [], "next": null}),
                "no field `account`",
            ),
        ] {
            let app = Router::new().fallback(move || async move { Json(answer) });
            let client = Client::of_server(app).await;
            let output = Output::new(Format::Json, None);
            let exported = run(SourceAccountCommand::Export, &client, output).await;
            let error = exported.expect_err("no source accounts");
            assert_eq!(error.exit_code(), 4, "{error}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
