//! `slipway plan`, `slipway sheet`, `slipway approve` and `slipway reject`: what an operation would do, and the decision about it.

use reqwest::Method;
use serde_json::{Value, json};
use slipway_api_types::{ApprovePlan, Items, RejectPlan, SheetDocument};
use slipway_model::id::OperationId;
use slipway_model::operation::OperationStatus;

use crate::args::{Approve, OperationRef, Reject, ShowPlan};
use crate::client::{Client, following, read_as, with_query};
use crate::confirm::{self, can_ask};
use crate::decision::Decision;
use crate::error::Error;
use crate::hint;
use crate::operation_end::result_of;
use crate::operation_of::{Wanted, operation_of};
use crate::operation_text::{approved, read, title_with_stack};
use crate::output::{Line, Output, Style, text_at};
use crate::plan_view;
use crate::sheet_view;
use crate::watch::watch;

/// Shows a whole plan, or the part that the filters leave.
pub async fn show(command: ShowPlan, client: &Client, output: Output) -> Result<(), Error> {
    let id = operation_of(&command.target, Wanted::Planned, client).await?;
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
    read(&shown)?;
    let path = format!("/v1/operations/{id}/plan");
    let (mut items, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut query = filters.clone();
        query.push(("limit", "100".to_owned()));
        query.extend(after.take().map(|after| ("after", after)));
        let page: Items<Value> = client.get(&with_query(&path, &query)).await?;
        items.extend(page.items);
        after = following(&path, &query, page.next)?;
        if after.is_none() {
            break;
        }
    }
    if output.is_data() {
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
    lines.extend(plan_view::legend(&items));
    output.lines(&lines);
    Ok(())
}

/// Shows the approval sheet.
pub async fn sheet(operation: &OperationRef, client: &Client, output: Output) -> Result<(), Error> {
    let id = operation_of(operation, Wanted::Waiting, client).await?;
    let (sheet, document) = read_sheet(&id, client).await?;
    if output.is_data() {
        output.answer(&sheet, |_| String::new());
        return Ok(());
    }
    output.lines(&sheet_view::sheet(&sheet));
    if document.status == OperationStatus::WaitingForApproval && document.decision.is_none() {
        output.lines(&decide(&id, &document.hash, client).await);
    }
    Ok(())
}

/// How the caller decides about the sheet. Nothing if the server does not say what the caller may do.
async fn decide(id: &OperationId, hash: &str, client: &Client) -> Vec<Line> {
    let Some(may) = Decision::about(id.as_str(), client).await else {
        return Vec::new();
    };
    let approve = may.approval(id.as_str(), &format!("approve {id} --sheet {hash}"));
    let reject = may.reject.then(|| hint::command(&format!("reject {id}")));
    let reject = reject.map(|reject| format!("reject       {reject} --reason \"WHY\""));
    let steps = [Some(format!("approve      {approve}")), reject];
    steps
        .into_iter()
        .flatten()
        .map(|step| Line::new(Style::Bold, step))
        .collect()
}

/// Approves the sheet that is named, or shows it and asks.
pub async fn approve(command: Approve, client: &Client, output: Output) -> Result<(), Error> {
    let id = operation_of(&command.operation, Wanted::Waiting, client).await?;
    let hash = match command.sheet {
        Some(hash) => hash.as_str().to_owned(),
        None => ask(&id, client, output).await?,
    };
    let path = format!("/v1/operations/{id}/approve");
    let body = ApprovePlan {
        sheet: hash,
        comment: command.comment,
    };
    let value: Value = client.send(Method::POST, &path, &body).await?;
    let operation = read(&value)?;
    if !command.wait {
        output.answer(&value, |_| approved(&operation));
        return Ok(());
    }
    output.say(&format!("approved: {} ({id})", title_with_stack(&operation)));
    let (value, operation) = Box::pin(watch(client, id.as_str(), output)).await?;
    if output.is_data() {
        output.data(&value);
    }
    result_of(&operation, client).await
}

/// Rejects the plan of an operation.
pub async fn reject(command: Reject, client: &Client, output: Output) -> Result<(), Error> {
    let id = operation_of(&command.operation, Wanted::Waiting, client).await?;
    let path = format!("/v1/operations/{id}/reject");
    let body = RejectPlan { reason: command.reason };
    let value: Value = client.send(Method::POST, &path, &body).await?;
    let operation = read(&value)?;
    output.answer(&value, |_| {
        format!("rejected: {} ({id}). Nothing is applied.", title_with_stack(&operation))
    });
    Ok(())
}

/// Shows the sheet and asks; gives its hash.
async fn ask(id: &OperationId, client: &Client, output: Output) -> Result<String, Error> {
    if !can_ask(output) {
        return Err(Error::Usage(format!(
            "this is not a terminal, so name the sheet that you approve with `--sheet HASH`; `{}` shows it with its hash",
            hint::command(&format!("sheet {id}"))
        )));
    }
    let (sheet, SheetDocument { hash, .. }) = read_sheet(id, client).await?;
    output.lines(&sheet_view::sheet(&sheet));
    output.say(&format!("You approve the sheet {hash}."));
    if confirm::ask("Approve this plan? Only `yes` approves it:")? == "yes" {
        return Ok(hash);
    }
    Err(Error::Declined(format!(
        "the plan of {id} was not approved, and still waits: only `yes` approves it"
    )))
}

async fn read_sheet(operation: &OperationId, client: &Client) -> Result<(Value, SheetDocument), Error> {
    let path = format!("/v1/operations/{operation}/sheet");
    let sheet: Value = client.get(&path).await?;
    let document = read_as(&path, &sheet)?;
    Ok((sheet, document))
}
