//! `slipway operation`, and the end of every command that starts one.

use futures::future::try_join_all;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use slipway_api_types::{CallerView, Operation, Release};
use slipway_model::count::counted_as;
use slipway_model::operation::{OperationKind, OperationStatus};

use crate::args::{OperationCommand, OperationList, Wait};
use crate::client::Client;
use crate::command::{logs, plan};
use crate::decision::Decision;
use crate::error::Error;
use crate::harmless::in_a_line;
use crate::hint;
use crate::operation_end::{leaves_a_stack, next_steps, result_of, still_exists};
use crate::operation_of::{Wanted, operation_of, shown_operation};
use crate::operation_text::{
    approvals, cancelled, cancelling, decide, drift_line, drift_lines, duration_text, error, failure_line, plan_lines,
    read, rejected, step_status, steps, title, ways,
};
use crate::output::{Output, moment, text_at};
use crate::plan_view::counts;
use crate::queue_place::queue_place;
use crate::stack_id::stack_id;
use crate::stack_view::{lacks_release, no_release, release_create, repair};
use crate::watch::watch;

/// The statuses of operations in progress, as the API expects them.
const IN_PROGRESS: [&str; 3] = ["waiting_for_approval", "running", "starting"];

/// What a list shows of every operation.
const COLUMNS: [(&str, &str); 7] = [
    ("id", "id"),
    ("kind", "kind"),
    ("release", "release"),
    ("task", "task"),
    ("status", "status"),
    ("requested", "created_at"),
    ("by", "requested_by"),
];

/// Runs the command.
pub async fn run(command: OperationCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        OperationCommand::List(list) => list_of(list, client, output).await,
        OperationCommand::Show { operation } => {
            let id = shown_operation(&operation, client, output).await?;
            let value: Value = client.get(&format!("/v1/operations/{id}")).await?;
            let operation = read(&value)?;
            if output.is_data() {
                output.data(&value);
                return Ok(());
            }
            let release = release_of(&operation, client).await;
            let may = if operation.waits_for_decision() {
                Decision::about(&operation.id, client).await
            } else {
                None
            };
            let may = may.unwrap_or(Decision::UNKNOWN);
            let queued = Box::pin(queue_place(&operation, client)).await;
            output.say(&sheet(&operation, release.as_ref(), queued.as_deref(), may));
            let is_done = operation.status == OperationStatus::Succeeded;
            if is_done && Box::pin(still_exists(&operation, client)).await.is_err() {
                output.say("stack      destroyed since this operation");
            }
            for line in next_steps(&operation, client).await {
                output.say(&line);
            }
            Ok(())
        }
        OperationCommand::Watch { operation } => {
            let id = shown_operation(&operation, client, output).await?;
            let (value, operation) = watch(client, id.as_str(), output).await?;
            output_json(output, &value);
            result_of(&operation, client).await?;
            still_exists(&operation, client).await
        }
        OperationCommand::Approve(approve) => plan::approve(approve, client, output).await,
        OperationCommand::Reject(reject) => plan::reject(reject, client, output).await,
        OperationCommand::Cancel { operation } => {
            let id = operation_of(&operation, Wanted::NotEnded, client).await?;
            let path = format!("/v1/operations/{id}/cancel");
            let value: Value = client.send(Method::POST, &path, &json!({})).await?;
            let text = cancelled(&read(&value)?);
            output.answer(&value, |_| text);
            Ok(())
        }
    }
}

async fn list_of(list: OperationList, client: &Client, output: Output) -> Result<(), Error> {
    let earliest = list.since.map(|since| Timestamp::now() - since);
    let own_stack = list.stack.is_some();
    let mut items = match &list.stack {
        Some(stack) => of_stack(stack_id(stack, client).await?.as_str(), earliest, client).await?,
        None => of_all_stacks(&statuses(&list, earliest), earliest, client).await?,
    };
    let caller: Option<CallerView> = if list.mine {
        Some(client.get("/v1/caller").await?)
    } else {
        None
    };
    let is_mine = |operation: &Value| {
        let caller = caller.as_ref();
        caller.is_none_or(|caller| operation["requested_by"] == *caller.name)
    };
    items.retain(|operation| {
        let is_of_status = list.status.is_none_or(|status| operation["status"] == status.as_str());
        is_of_status && is_mine(operation) && is_since(operation, earliest)
    });
    let mut columns = COLUMNS.to_vec();
    if own_stack || list.status.is_some() || earliest.is_some() {
        columns.push(("error", "error.name"));
    }
    if !own_stack {
        columns.splice(0..0, [("stack", "stack.name"), ("environment", "environment")]);
    }
    let lists_live = !own_stack && !list.waiting && list.status.is_none() && earliest.is_none();
    let empty = if lists_live {
        let ended = hint::command("operation list --since 24h");
        format!("No operation is in progress. Ended ones: `{ended}`")
    } else {
        "There is no such operation.".to_owned()
    };
    output.table(&items, &columns, &empty);
    if lists_live && !output.is_data() {
        let queued = of_all_stacks(&[OperationStatus::Queued.as_str()], None, client).await?;
        let queued = queued.iter().filter(|&operation| is_mine(operation)).count();
        if queued > 0 {
            let queued = counted_as(queued, "more operation is queued", "more operations are queued");
            let list = hint::command("operation list --status queued");
            output.note(&format!("{queued}: {list}"));
        }
    }
    Ok(())
}

/// The statuses of the operations that are listed.
fn statuses(list: &OperationList, earliest: Option<Timestamp>) -> Vec<&'static str> {
    match list.status {
        _ if list.waiting => vec!["waiting_for_approval"],
        Some(status) => vec![status.as_str()],
        None if earliest.is_none() => IN_PROGRESS.to_vec(),
        None => OperationStatus::ALL.map(OperationStatus::as_str).to_vec(),
    }
}

/// The operations of every stack with one of these statuses; the newest first, if there are several.
async fn of_all_stacks(statuses: &[&str], earliest: Option<Timestamp>, client: &Client) -> Result<Vec<Value>, Error> {
    let since = earliest.map(|earliest| ("since", earliest.to_string()));
    let lists = statuses.iter().map(|status| {
        let query: Vec<_> = [("status", (*status).to_owned())]
            .into_iter()
            .chain(since.clone())
            .collect();
        async move { client.list("/v1/operations", &query).await }
    });
    let mut items = try_join_all(lists).await?.concat();
    if earliest.is_some() {
        // Ids sort by time.
        items.sort_by_key(|operation| std::cmp::Reverse(text_at(operation, "id")));
        // One whose status changed meanwhile may be in two lists.
        items.dedup_by_key(|operation| text_at(operation, "id"));
    }
    Ok(items)
}

fn is_since(operation: &Value, earliest: Option<Timestamp>) -> bool {
    let created = operation["created_at"]
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    earliest.is_none_or(|earliest| created.is_some_and(|created| created >= earliest))
}

/// The operations of a stack, the newest first, as far back as is asked for.
async fn of_stack(stack: &str, earliest: Option<Timestamp>, client: &Client) -> Result<Vec<Value>, Error> {
    let path = format!("/v1/stacks/{stack}/operations");
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let query: Vec<_> = cursor.take().into_iter().map(|cursor| ("cursor", cursor)).collect();
        let page = client.page(&path, &query).await?;
        let is_enough = page.items.last().is_some_and(|oldest| !is_since(oldest, earliest));
        items.extend(page.items);
        cursor = page.next;
        if cursor.is_none() || is_enough {
            return Ok(items);
        }
    }
}

/// The release that an operation rolls out. It only adds to what is shown: if it cannot be read, there is none.
async fn release_of(operation: &Operation, client: &Client) -> Option<Release> {
    let path = format!("/v1/stacks/{}/releases/{}", operation.stack.id, operation.release?);
    client.get(&path).await.ok()
}

/// Says which operation a request started, and watches it to its end if the caller waits.
pub async fn started(client: &Client, output: Output, value: &Value, wait: Wait) -> Result<(), Error> {
    let operation = read(value)?;
    if !wait.waits(output) {
        let queued = if output.is_data() {
            None
        } else {
            Box::pin(queue_place(&operation, client)).await
        };
        let queued = queued.map(|place| format!(", queued at {place}"));
        output.answer(value, |_| {
            format!(
                "{} of {} ({}) is operation {}{}\nWatch it: {}",
                title(&operation),
                operation.stack.name,
                operation.stack.id,
                operation.id,
                queued.unwrap_or_default(),
                hint::command(&format!("operation watch {}", operation.id))
            )
        });
        return Ok(());
    }
    output.say(&format!(
        "{} of {} ({}), operation {}",
        title(&operation),
        operation.stack.name,
        operation.stack.id,
        operation.id
    ));
    let (value, operation) = watch(client, &operation.id, output).await?;
    if output.is_data() {
        output_json(output, &value);
    } else {
        outcome(client, output, &operation).await?;
    }
    result_of(&operation, client).await
}

/// What people want to know at the end: the output of a task, the addresses of a stack.
async fn outcome(client: &Client, output: Output, operation: &Operation) -> Result<(), Error> {
    if operation.kind == OperationKind::Task {
        let id = operation
            .id
            .parse()
            .map_err(|error| Error::Program(format!("the server's answer has no id of an operation: {error}")))?;
        return logs::of_task(&id, client, output).await;
    }
    if operation.kind == OperationKind::Provision && operation.status == OperationStatus::Failed {
        // It only adds to the error, which the caller reports.
        let stack: Option<Value> = client.get(&format!("/v1/stacks/{}", operation.stack.id)).await.ok();
        if stack.is_some_and(|stack| stack["status"] == "destroyed") {
            output.say("  Nothing was created, and the name is free: correct the request, and create the stack again.");
        }
    }
    if !leaves_a_stack(operation.kind) || operation.status != OperationStatus::Succeeded {
        return Ok(());
    }
    let stack: Value = client.get(&format!("/v1/stacks/{}", operation.stack.id)).await?;
    let name = format!("{}/{}", operation.environment, operation.stack.name);
    if stack["status"] == "failed" {
        let what = if stack["unsettled"].is_object() {
            "a release"
        } else {
            "an update"
        };
        let repair = repair(&stack, &name);
        output.say(&format!("  The stack stays failed until {what} succeeds: {repair}"));
    } else if lacks_release(&stack) {
        let release = release_create(&name);
        output.say(&format!("  {}: {release}", no_release(&stack)));
    }
    for part in ["endpoints", "notes"] {
        for (name, value) in stack[part].as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            output.say(&format!("  {name:<12} {}", in_a_line(&text)));
        }
    }
    Ok(())
}

/// What programs get at the end of a watch; people have seen it already.
fn output_json(output: Output, value: &Value) {
    if output.is_data() {
        output.answer(value, |_| String::new());
    }
}

/// An operation as people read it, with the images of its release and its place in the queue.
fn sheet(operation: &Operation, release: Option<&Release>, queued: Option<&str>, may: Decision) -> String {
    let mut lines = vec![
        format!("operation  {}", operation.id),
        format!("kind       {}", title(operation)),
        format!("stack      {} ({})", operation.stack.name, operation.stack.id),
        format!(
            "requester  {} at {}",
            operation.requested_by,
            moment(operation.created_at)
        ),
        format!("status     {}", operation.status),
    ];
    let images = release.into_iter().flat_map(|release| &release.images);
    lines.extend(
        images
            .zip(["images"].into_iter().chain(std::iter::repeat("")))
            .map(|((service, image), label)| format!("{label:<11}{}", in_a_line(&format!("{service} = {image}")))),
    );
    lines.extend(
        operation
            .waiting_for_build
            .as_ref()
            .map(|step| format!("             {step}: waiting for a build")),
    );
    lines.extend(rejected(operation).map(|rejected| format!("             {rejected}")));
    lines.extend(cancelling(operation).map(|cancelling| format!("             {cancelling}")));
    lines.extend(queued.map(|place| format!("queue      {place}")));
    if let Some(plan) = &operation.plan {
        lines.push(format!("plan       {}", counts(&json!(plan))));
        lines.extend(plan_lines(plan).map(|line| format!("             {line}")));
    }
    if let Some(drift) = &operation.drift {
        lines.push(format!("drift      {}", drift_line(drift)));
        lines.extend(drift_lines(drift).map(|line| format!("             {line}")));
    }
    for step in steps(operation) {
        let took = step
            .ended_at
            .map(|end| format!(" {}", duration_text(step.started_at, end)))
            .unwrap_or_default();
        lines.push(format!("  {:<10} {}{took}", step_status(operation, step), step.name));
    }
    lines.extend(approvals(operation).map(|approval| format!("approved   {}", in_a_line(&approval))));
    if operation.waits_for_decision() {
        lines.extend(decide(operation, may));
    }
    lines.extend(error(operation).map(|error| format!("error      {}", in_a_line(&failure_line(error)))));
    lines.extend(ways(operation));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use slipway_api_types::PlanDecision;

    use super::*;
    use crate::example;

    #[test]
    fn a_rejected_plan_waits_for_the_workflow_and_no_decision() {
        let mut operation = example::operation(&json!({"status": "waiting_for_approval"}));
        let shown = |operation: &Operation| sheet(operation, None, None, Decision::UNKNOWN);
        assert!(shown(&operation).contains("slipway reject op-1"));
        operation.decision = Some(PlanDecision::Rejected);
        let text = shown(&operation);
        assert!(
            text.contains("its plan was rejected: the workflow ends it now"),
            "{text}"
        );
        assert!(!text.contains("slipway reject"), "{text}");
        operation.status = OperationStatus::Discarded;
        operation.ended_at = Some(operation.created_at);
        assert!(!shown(&operation).contains("ends it now"));
    }

    #[test]
    fn release_is_shown_with_its_number_and_its_images() {
        let operation = example::operation(&json!({"kind": "release", "release": 4}));
        let release: Release = serde_json::from_value(json!({
            "stack": "lusab-babad", "number": 4, "images": {"api": "api@sha256:1", "web": "web@sha256:2"}, "status": "releasing",
            "compatible_with_previous": true, "last_operation": "op-1", "operation": "op-1", "requested_by": "ann",
            "created_at": "2026-11-30T00:00:00Z",
            "links": {"self": "/v1/stacks/lusab-babad/releases/4", "stack": "/v1/stacks/lusab-babad", "operation": "/v1/operations/op-1"},
        }))
        .expect("a release");
        let text = sheet(&operation, Some(&release), Some("position 2"), Decision::UNKNOWN);
        assert!(text.contains("kind       release 4\n"), "{text}");
        assert!(text.contains("\nqueue      position 2"), "{text}");
        assert!(
            text.contains("images     api = api@sha256:1\n           web = web@sha256:2"),
            "{text}"
        );
    }
}
