//! `slipway environment`

use serde_json::{Map, Value};
use slipway_model::count::counted;
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
            let environment = client.resource(&format!("{}/{name}", ENVIRONMENTS.path)).await?;
            output.answer(&environment, sheet);
            Ok(())
        }
        EnvironmentCommand::Put { name, request } => {
            let object = object_in(&request)?;
            let forbidden = self_approval_forbidden(&object);
            configuration::put(&ENVIRONMENTS, name.as_str(), &request, object, client, output).await?;
            if let Some(forbidden) = forbidden {
                output.note(forbidden);
            }
            Ok(())
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

/// That a default policy overrules `self_approval`, in an environment that is protected besides.
fn self_approval_forbidden(environment: &Map<String, Value>) -> Option<&'static str> {
    let is_set = |name: &str| environment.get(name) == Some(&Value::Bool(true));
    (is_set("protected") && is_set("self_approval")).then_some(
        "note: requesters still cannot approve in this environment, because it is protected: the default policy \
         `approver-is-not-the-requester` forbids it. Replace the policy to permit it.",
    )
}

/// An environment as people read it.
fn sheet(environment: &Value) -> String {
    let field = |name: &str| {
        let span = environment[name].as_u64().filter(|_| name.ends_with("_seconds"));
        let span = span.and_then(in_words).map(|words| format!(" ({words})"));
        format!("{name:<27}{}{}", text_at(environment, name), span.unwrap_or_default())
    };
    [
        "name",
        "account",
        "region",
        "role",
        "approval",
        "approvals_required",
        "self_approval",
        "approval_timeout_seconds",
        "approval_reminder_seconds",
        "protected",
        "sandbox",
        "protected_types",
        "variables",
        "references",
        "revision",
    ]
    .map(field)
    .join("\n")
}

/// Seconds in the largest unit of which they are a whole number; none for those that no larger unit has.
fn in_words(seconds: u64) -> Option<String> {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit = units
        .into_iter()
        .find(|(size, _)| seconds > 0 && seconds.is_multiple_of(*size));
    unit.map(|(size, name)| counted(seconds / size, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn protected_environment_notes_that_self_approval_is_forbidden() {
        let noted = |protected: bool, self_approval: bool| {
            let environment = json!({"protected": protected, "self_approval": self_approval});
            self_approval_forbidden(environment.as_object().expect("an object")).is_some()
        };
        assert!(noted(true, true));
        assert!(!noted(true, false) && !noted(false, true));
        assert!(self_approval_forbidden(&Map::new()).is_none());
    }

    #[test]
    fn environment_shows_every_rule_of_its_approvals() {
        let shown = sheet(&json!({
            "name": "live", "approval": "always", "approvals_required": 2, "self_approval": false,
            "approval_timeout_seconds": 259_200, "approval_reminder_seconds": 0,
        }));
        for line in [
            "approval                   always",
            "approvals_required         2",
            "self_approval              false",
            "approval_timeout_seconds   259200 (3 days)",
            "approval_reminder_seconds  0",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{shown}");
        }
    }
}
