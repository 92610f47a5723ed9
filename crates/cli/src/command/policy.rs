//! `slipway policy` and `slipway can-i`

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use slipway_api_types::PutPolicy;
use slipway_model::count::counted_as;

use crate::args::{CanI, PolicyCommand};
use crate::client::{Client, Condition, with_query};
use crate::error::Error;
use crate::hint;
use crate::json_file::object_in;
use crate::output::{Output, text_at};
use crate::stack_id::stack_id;

const POLICIES: &str = "/v1/policies";

/// Runs the command.
pub async fn run(command: PolicyCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        PolicyCommand::List => {
            let policies: Value = client.get(POLICIES).await?;
            let items = items(&policies);
            let rows: Vec<Value> = items.iter().map(row).collect();
            let columns = [
                ("name", "name"),
                ("effect", "effect"),
                ("from", "from"),
                ("updated", "updated_at"),
                ("by", "updated_by"),
            ];
            if output.is_data() {
                output.answer(&policies, |_| String::new());
            } else {
                output.table(&rows, &columns, "There are no policies.");
            }
            Ok(())
        }
        PolicyCommand::Show { name } => {
            let policy: Value = client.get(&format!("{POLICIES}/{name}")).await?;
            output.answer(&policy, |policy| text_at(policy, "text"));
            Ok(())
        }
        PolicyCommand::Put { name, file } => {
            let body = PutPolicy { text: text_in(&file)? };
            let policy: Value = client.send(Method::PUT, &format!("{POLICIES}/{name}"), &body).await?;
            output.answer(&policy, |_| format!("stored policy {name}"));
            Ok(())
        }
        PolicyCommand::Delete { name } => {
            let () = client.delete(&format!("{POLICIES}/{name}")).await?;
            output.say(&format!("deleted policy {name}"));
            Ok(())
        }
        PolicyCommand::Export { revision } => {
            let query: Vec<_> = revision
                .map(|revision| ("revision", revision.to_string()))
                .into_iter()
                .collect();
            let policies: Value = client.get(&with_query(POLICIES, &query)).await?;
            output.answer(&policies, exported);
            Ok(())
        }
        PolicyCommand::Import { files } => {
            let texts: Result<Vec<String>, Error> = files.iter().map(|file| text_in(file)).collect();
            let before: Value = client.get(POLICIES).await?;
            // A change made since then is not overwritten.
            let condition = Condition::Revision(before["revision"].as_u64().unwrap_or_default());
            let body = json!({ "text": texts?.join("\n") });
            let policies: Value = client.send_if(Method::PUT, POLICIES, &body, condition).await?;
            output.answer(&policies, |policies| imported(&before, policies));
            Ok(())
        }
        PolicyCommand::Test { tests, policies } => {
            let mut body = object_in(&tests)?;
            if let Some(policies) = policies {
                body.insert("text".to_owned(), text_in(&policies)?.into());
            }
            let results: Value = client.send(Method::POST, "/v1/policy-tests", &body).await?;
            output.answer(&results, results_of);
            match results["failed"].as_u64() {
                Some(0) => Ok(()),
                failed => Err(Error::PolicyTests(failed.unwrap_or_default())),
            }
        }
    }
}

/// Asks whether the caller may do something.
pub async fn can_i(question: CanI, client: &Client, output: Output) -> Result<(), Error> {
    if question.operation.is_none() && ["approve", "reject"].contains(&question.action.as_str()) {
        return Err(Error::Usage(format!(
            "`{}` is about an operation: add `--operation op-…`. `{}` lists the plans that wait",
            question.action,
            hint::command("operation list --waiting")
        )));
    }
    let mut query = vec![("action", question.action)];
    if let Some(stack) = &question.stack {
        query.push(("stack", stack_id(stack, client).await?.to_string()));
    }
    let named = [
        ("operation", question.operation.map(|one| one.to_string())),
        ("environment", question.environment.map(|one| one.to_string())),
        ("blueprint", question.blueprint.map(|one| one.to_string())),
    ];
    query.extend(named.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let decision: Value = client.get(&with_query("/v1/can-i", &query)).await?;
    output.answer(&decision, |decision| {
        let policies = decision["policies"].as_array().into_iter().flatten();
        let policies: Vec<&str> = policies.filter_map(Value::as_str).collect();
        match decision["reason"].as_str() {
            None => format!("yes: {}", policies.join(", ")),
            Some(reason) => format!("no: {reason}"),
        }
    });
    if decision["allowed"] == true {
        Ok(())
    } else {
        Err(Error::NotPermitted)
    }
}

fn items(policies: &Value) -> &[Value] {
    policies["items"].as_array().map_or(&[], Vec::as_slice)
}

fn row(policy: &Value) -> Value {
    let from = match (policy["default"] == true, policy["replaces_default"] == true) {
        (true, _) => "default",
        (false, true) => "stored, replaces the default",
        (false, false) => "stored",
    };
    json!({"name": policy["name"], "effect": policy["effect"], "from": from, "updated_at": policy["updated_at"], "updated_by": policy["updated_by"]})
}

/// The policies as a file.
fn exported(policies: &Value) -> String {
    let parts = items(policies).iter().map(|policy| text_at(policy, "in_file"));
    parts.collect::<Vec<_>>().join("\n\n")
}

/// What came of an import: also which default policies hold again because the file neither replaces them nor switches them off.
fn imported(before: &Value, policies: &Value) -> String {
    let is_default = |name: &Value| {
        let mut now = items(policies).iter();
        now.any(|policy| policy["name"] == *name && policy["default"] == true)
    };
    let replaced = items(before).iter().filter(|policy| policy["replaces_default"] == true);
    let again = replaced.filter(|policy| is_default(&policy["name"]));
    let again: Vec<String> = again.map(|policy| text_at(policy, "name")).collect();
    let hold = counted_as(items(policies).len(), "policy holds", "policies hold");
    let hold = format!("{hold} at revision {}", text_at(policies, "revision"));
    if again.is_empty() {
        hold
    } else {
        format!(
            "{hold}\nholds again as Slipway ships it, because no file names it: {}",
            again.join(", ")
        )
    }
}

fn results_of(results: &Value) -> String {
    let line = |result: &Value| {
        let mark = if result["passed"] == true { "ok  " } else { "FAIL" };
        let decision = if result["allowed"] == true { "allow" } else { "deny" };
        let policies = result["policies"].as_array().into_iter().flatten();
        let policies: Vec<&str> = policies.filter_map(Value::as_str).collect();
        format!(
            "{mark} {}: {decision} ({})",
            text_at(result, "name"),
            policies.join(", ")
        )
    };
    let lines = results["results"].as_array().into_iter().flatten().map(line);
    let lines: Vec<String> = lines.collect();
    format!(
        "{}\n{} passed, {} failed",
        lines.join("\n"),
        results["passed"],
        results["failed"]
    )
}

fn text_in(file: &Path) -> Result<String, Error> {
    std::fs::read_to_string(file).map_err(|source| Error::File {
        action: "read",
        path: file.to_owned(),
        source,
    })
}
