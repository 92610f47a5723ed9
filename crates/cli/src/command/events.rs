//! `slipway events`: notifications of what changed.

use slipway_api_types::NotificationPage;
use slipway_model::count::counted;
use slipway_model::notification::{Kind, Notification};
use slipway_model::operation::OperationStatus;
use slipway_model::stack::StackStatus;

use crate::args::{EventsCommand, Tail};
use crate::client::{Client, LONG_POLL_SECONDS, NO_ANSWER, with_query};
use crate::error::Error;
use crate::output::{Line, Output, Style};
use crate::stack_id::stack_id;

/// Runs the command.
pub async fn run(command: EventsCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        EventsCommand::Tail(tail) => follow(tail, client, output).await,
    }
}

/// Shows notifications as they come. The position is this program's, so a server that is away for a while, or another one that takes its
/// place, loses none.
async fn follow(tail: Tail, client: &Client, output: Output) -> Result<(), Error> {
    let stack = match &tail.stack {
        Some(stack) => Some(stack_id(stack, client).await?.to_string()),
        None => None,
    };
    // A deleted one may have earlier notifications.
    if let Some(environment) = tail.environment.as_ref().filter(|_| tail.since.is_none()) {
        client.require(&format!("/v1/environments/{environment}")).await?;
    }
    let filters = [
        ("stack", stack),
        ("environment", tail.environment.map(|name| name.to_string())),
        ("kind", tail.kind.map(|kind| kind.to_string())),
    ];
    let filters: Vec<_> = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let mut query = filters.clone();
    query.extend(tail.since.map(|since| ("since", since.to_string())));
    let mut page: NotificationPage = client.get(&with_query("/v1/notifications", &query)).await?;
    let mut position = None;
    loop {
        for notification in &page.items {
            show(notification, output);
        }
        // A page may be empty because the caller may read nothing in it.
        if tail.no_follow && position.as_ref() == Some(&page.position) {
            return Ok(());
        }
        position = Some(page.position.clone());
        let mut query = filters.clone();
        query.push(("position", page.position.clone()));
        if !tail.no_follow {
            query.push(("wait", LONG_POLL_SECONDS.to_string()));
        }
        let path = with_query("/v1/notifications", &query);
        page = loop {
            match client.watch(&path, || output.note(NO_ANSWER)).await {
                Err(error @ Error::Unreachable { .. }) if !tail.no_follow => {
                    tracing::warn!("{error}; trying again");
                }
                answer => break answer?,
            }
        };
    }
}

fn show(notification: &Notification, output: Output) {
    if output.is_data() {
        output.answer(&serde_json::to_value(notification).unwrap_or_default(), |_| {
            String::new()
        });
    } else {
        output.lines(&[Line::new(style(notification.kind), line(notification))]);
    }
}

fn style(kind: Kind) -> Style {
    match kind {
        Kind::Operation(OperationStatus::Failed | OperationStatus::NeedsAttention)
        | Kind::Stack(StackStatus::Failed) => Style::Red,
        Kind::Operation(OperationStatus::WaitingForApproval) | Kind::ApprovalReminder | Kind::Drifted => Style::Yellow,
        Kind::Operation(OperationStatus::Succeeded) | Kind::Stack(StackStatus::Ready) => Style::Green,
        Kind::Operation(_) | Kind::Stack(_) => Style::Plain,
    }
}

/// A notification in a line: when, what, where, and why.
fn line(notification: &Notification) -> String {
    let stack = &notification.stack;
    let time = notification.time.strftime("%Y-%m-%dT%H:%M:%SZ");
    let what = notification.kind.to_string();
    let mut line = format!("{time}  {what:<30}  {}/{}", stack.environment, stack.name);
    let operation = notification.operation.as_ref();
    let parts = [
        operation.map(|operation| format!("{} {} by {}", operation.kind, operation.id, operation.requester)),
        notification
            .failure
            .as_ref()
            .map(|failure| format!("{}: {}", failure.name, failure.message)),
        notification
            .drift
            .as_ref()
            .map(|drift| counted(drift.count, "resource")),
        notification
            .approval
            .map(|approval| format!("{} of {}", approval.given, counted(approval.required, "approval"))),
    ];
    for part in parts.into_iter().flatten() {
        line.push_str("  ");
        line.push_str(&part);
    }
    line
}
