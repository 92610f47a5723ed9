//! `slipway plan`, `slipway sheet` and `slipway approve`: what an operation would do, and the consent to it.

use std::io::{IsTerminal, Write};

use reqwest::Method;
use serde_json::{Value, json};
use slipway_model::id::OperationId;

use crate::args::{Approve, PlanTarget, ShowPlan};
use crate::client::{Client, with_query};
use crate::command::operation;
use crate::error::Error;
use crate::output::{Line, Output, Style, text_at};
use crate::plan_view;
use crate::stack_id::stack_id;

/// Shows a whole plan, or the part that the filters leave.
pub async fn show(command: ShowPlan, client: &Client, output: Output) -> Result<(), Error> {
    let id = operation_of(&command.target, client).await?;
    let filters = [
        ("action", command.action),
        ("subject", command.subject),
        ("type", command.kind),
        ("address", command.address),
    ];
    let filters: Vec<(&str, String)> = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let shown: Value = client.get(&format!("/v1/operations/{id}")).await?;
    let (mut items, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut query = filters.clone();
        query.push(("limit", "100".to_owned()));
        query.extend(after.take().map(|after| ("after", after)));
        let mut page: Value = client
            .get(&with_query(&format!("/v1/operations/{id}/plan"), &query))
            .await?;
        if let Value::Array(more) = page["items"].take() {
            items.extend(more);
        }
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    if output.is_json() {
        output.answer(&json!({ "operation": id, "items": items }), |_| String::new());
        return Ok(());
    }
    let mut lines = vec![Line::new(
        Style::Bold,
        format!(
            "{} of {}: {}",
            text_at(&shown, "kind"),
            text_at(&shown, "stack.name"),
            plan_view::counts(&shown["plan"])
        ),
    )];
    lines.extend(plan_view::items(&items));
    output.lines(&lines);
    Ok(())
}

/// The operation itself, or the newest one of a stack that has a plan.
async fn operation_of(target: &PlanTarget, client: &Client) -> Result<String, Error> {
    let stack = match target {
        PlanTarget::Operation(operation) => return Ok(operation.to_string()),
        PlanTarget::Stack(stack) => stack_id(stack, client).await?,
    };
    let mut cursor = None::<String>;
    loop {
        let query: Vec<_> = cursor.take().into_iter().map(|cursor| ("cursor", cursor)).collect();
        let page: Value = client
            .get(&with_query(&format!("/v1/stacks/{stack}/operations"), &query))
            .await?;
        let planned = page["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|operation| operation["plan"].is_object());
        if let Some(planned) = planned {
            return Ok(text_at(planned, "id"));
        }
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Err(Error::Refused {
                title: "Not found".to_owned(),
                detail: format!("The stack {stack} has no operation with a plan."),
                errors: Vec::new(),
            });
        }
    }
}

/// Shows the approval sheet.
pub async fn sheet(operation: &OperationId, client: &Client, output: Output) -> Result<(), Error> {
    let sheet = read_sheet(operation, client).await?;
    if output.is_json() {
        output.answer(&sheet, |_| String::new());
    } else {
        output.lines(&plan_view::sheet(&sheet));
    }
    Ok(())
}

/// Approves the sheet that is named, or shows it and asks.
pub async fn approve(command: Approve, client: &Client, output: Output) -> Result<(), Error> {
    let id = &command.operation;
    let hash = match command.sheet {
        Some(hash) => hash.as_str().to_owned(),
        None => ask(id, client, output).await?,
    };
    let path = format!("/v1/operations/{id}/approve");
    let body = json!({ "sheet": hash, "comment": command.comment });
    let value: Value = client.send(Method::POST, &path, &body).await?;
    operation::show(&value, output)
}

async fn ask(id: &OperationId, client: &Client, output: Output) -> Result<String, Error> {
    if output.is_json() || !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!(
            "this is not a terminal, so name the sheet that you approve with `--sheet HASH`; `slipway sheet {id}` shows it with its hash"
        )));
    }
    let sheet = read_sheet(id, client).await?;
    output.lines(&plan_view::sheet(&sheet));
    let mut stdout = std::io::stdout();
    let _ = write!(stdout, "Approve this plan? Only `yes` approves it: ");
    let _ = stdout.flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match read {
        Ok(_) if answer.trim() == "yes" => Ok(text_at(&sheet, "hash")),
        _ => Err(Error::Usage(format!("the plan of {id} was not approved"))),
    }
}

async fn read_sheet(operation: &OperationId, client: &Client) -> Result<Value, Error> {
    client.get(&format!("/v1/operations/{operation}/sheet")).await
}
