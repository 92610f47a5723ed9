//! `slipway events`: notifications of what changed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use slipway_api_types::NotificationPage;
use slipway_model::count::counted;
use slipway_model::notification::{Kind, Notification};
use slipway_model::operation::OperationStatus;
use slipway_model::stack::StackStatus;

use crate::args::{EventsCommand, Tail};
use crate::client::{Client, LONG_POLL_SECONDS, with_query};
use crate::error::Error;
use crate::output::{Line, Output, Style, moment};
use crate::stack_id::stack_id;

/// How far before the last notification shown a reader begins again whose position is rejected. Two of one moment may arrive one after
/// the other, and clocks differ.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

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
    let mut unknown = tail.environment.as_ref().map(|name| format!("/v1/environments/{name}"));
    // A deleted one may have earlier notifications: with `--since` it is required once there turn out to be none.
    if tail.since.is_none()
        && let Some(environment) = unknown.take()
    {
        client.require(&environment).await?;
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
    let mut shown = Shown::since(tail.since.unwrap_or_else(Timestamp::now));
    let mut query = filters.clone();
    query.extend(tail.since.map(|since| ("since", since.to_string())));
    let mut page: NotificationPage = client.get(&with_query("/v1/notifications", &query)).await?;
    let (mut position, mut begins_again) = (None, false);
    loop {
        for notification in page.items.iter().filter(|notification| shown.is_new(notification)) {
            show(notification, output);
        }
        // A page may be empty because the caller may read nothing in it.
        if position.as_ref() == Some(&page.position) {
            if let Some(environment) = unknown.take().filter(|_| shown.recent.is_empty()) {
                client.require(&environment).await?;
            }
            if tail.no_follow {
                return Ok(());
            }
        }
        position = Some(page.position.clone());
        let mut query = filters.clone();
        query.push(("position", page.position));
        if !tail.no_follow {
            query.push(("wait", LONG_POLL_SECONDS.to_string()));
        }
        page = match next(&query, !tail.no_follow, client, output).await {
            Err(error) if !begins_again && is_of_position(&error) => {
                begins_again = true;
                let since = shown.again();
                output.note(&format!(
                    "the server no longer accepts the position of this reader; continuing with notifications since {}",
                    moment(since)
                ));
                let mut query = filters.clone();
                query.push(("since", since.to_string()));
                client.get(&with_query("/v1/notifications", &query)).await?
            }
            page => {
                begins_again = false;
                page?
            }
        };
    }
}

/// The next page. One who follows waits for a server that is away.
async fn next(
    query: &[(&str, String)],
    follows: bool,
    client: &Client,
    output: Output,
) -> Result<NotificationPage, Error> {
    let path = with_query("/v1/notifications", query);
    loop {
        match client.watch(&path, |trouble| output.note(trouble)).await {
            Err(error @ (Error::Unreachable { .. } | Error::Unanswered { .. })) if follows => {
                tracing::warn!("{error}; trying again");
            }
            answer => return answer,
        }
    }
}

/// Whether the server rejects the position, as another version of it may.
fn is_of_position(error: &Error) -> bool {
    matches!(error, Error::Refused { errors, .. } if errors.iter().any(|problem| problem.field == "position"))
}

/// What was shown, for a reader who has to begin again by time.
struct Shown {
    /// Nothing before this is shown.
    start: Timestamp,
    /// The IDs of the last ones, with their times.
    recent: BTreeMap<String, Timestamp>,
}

impl Shown {
    fn since(start: Timestamp) -> Self {
        Self {
            start,
            recent: BTreeMap::new(),
        }
    }

    /// Whether it was not shown yet; from now on it was.
    fn is_new(&mut self, notification: &Notification) -> bool {
        let id = notification.id.to_string();
        let is_new = self.recent.insert(id, notification.time).is_none();
        // Twice what is read again: they do not arrive exactly in the order of their times.
        if let Ok(oldest) = self.last().checked_sub(OVERLAP + OVERLAP) {
            self.recent.retain(|_, time| *time >= oldest);
        }
        is_new
    }

    /// The time of the last one; the start, if there is none.
    fn last(&self) -> Timestamp {
        self.recent.values().copied().max().unwrap_or(self.start)
    }

    /// Since when to read again.
    fn again(&self) -> Timestamp {
        let since = self.last().checked_sub(OVERLAP).unwrap_or(self.start);
        since.max(self.start)
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
