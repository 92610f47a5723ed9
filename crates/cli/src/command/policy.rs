//! `slipway policy` and `slipway can-i`

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use slipway_api_types::{Decision, Policies, Policy, PutPolicy};
use slipway_model::count::counted_as;

use crate::args::{CanI, PolicyCommand};
use crate::client::{Client, Condition, read_as, with_query};
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
            let policies = stored(POLICIES, client).await?;
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
            let path = format!("{POLICIES}/{name}");
            let policy: Value = client.get(&path).await?;
            let read: Policy = read_as(&path, &policy)?;
            output.answer(&policy, |_| read.text);
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
            let policies = stored(&with_query(POLICIES, &query), client).await?;
            output.answer(&policies, exported);
            Ok(())
        }
        PolicyCommand::Import { files } => {
            let texts: Result<Vec<String>, Error> = files.iter().map(|file| text_in(file)).collect();
            let before = stored(POLICIES, client).await?;
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
    let path = with_query("/v1/can-i", &query);
    let answer: Value = client.get(&path).await?;
    let decision: Decision = read_as(&path, &answer)?;
    output.answer(&answer, |_| verdict(&decision));
    if decision.allowed {
        Ok(())
    } else {
        Err(Error::NotPermitted)
    }
}

/// A decision as people read it.
fn verdict(decision: &Decision) -> String {
    if decision.allowed {
        format!("yes: {}", decision.policies.join(", "))
    } else {
        format!(
            "no: {}",
            decision.reason.as_deref().unwrap_or("the server gives no reason")
        )
    }
}

/// Reads the policies. Another answer would be exported as an empty backup.
async fn stored(path: &str, client: &Client) -> Result<Value, Error> {
    let policies: Value = client.get(path).await?;
    let _: Policies = read_as(path, &policies)?;
    Ok(policies)
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

#[cfg(test)]
mod tests {
    use axum::{Json, Router};

    use super::*;
    use crate::output::Format;

    #[tokio::test]
    async fn answer_that_does_not_fit_is_no_policies_and_no_decision() {
        let app = Router::new().fallback(|| async { Json(json!({})) });
        let client = Client::of_server(app).await;
        let output = Output::new(Format::Json, None);
        for command in [
            PolicyCommand::List,
            PolicyCommand::Export { revision: None },
            PolicyCommand::Show {
                name: "rules".parse().expect("a name"),
            },
        ] {
            let error = run(command, &client, output).await.expect_err("no policies");
            assert_eq!(error.exit_code(), 4, "{error}");
        }
        let question = CanI {
            action: "read".to_owned(),
            stack: None,
            operation: None,
            environment: None,
            blueprint: None,
        };
        let error = can_i(question, &client, output).await.expect_err("no decision");
        assert_eq!(error.exit_code(), 4, "{error}");
        assert!(error.to_string().contains("missing field `allowed`"), "{error}");
    }

    #[test]
    fn verdict_is_that_of_the_decision() {
        let decision = |allowed: bool, reason: Option<&str>| Decision {
            allowed,
            policies: vec!["owner".to_owned()],
            reason: reason.map(str::to_owned),
        };
        assert_eq!(verdict(&decision(true, Some("why"))), "yes: owner");
        assert_eq!(verdict(&decision(false, Some("why"))), "no: why");
        assert_eq!(verdict(&decision(false, None)), "no: the server gives no reason");
    }
}
