//! `/v1/notifications`

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use jiff::Timestamp;
use slipway_model::id::StackId;
use slipway_model::notification::{Kind, Notification};
use slipway_model::stack::Stack;
use slipway_policy::facts::{OperationFacts, StackFacts};
use slipway_policy::{Action, Resource};
use slipway_store::PAGE;
use slipway_store::notification::{NotificationFilter, Position};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::Parameters;
use crate::viewer::Viewer;
use crate::visible::READS;
use crate::waiting::Waited;
use crate::{Api, Caller};
use slipway_api_types::NotificationPage;

/// What to give for a position.
const POSITION_REMEDY: &str = "give `position` of the page before, as it came";

/// How long a wait rests after a notification that the caller may not read.
const BETWEEN_HIDDEN: Duration = Duration::from_millis(250);

/// Follow notifications
///
/// Of the stacks and operations that the caller may read, in the order in which they happened: from the position of the page before, or
/// from now on. A reader who continues at `position` gets each notification once. With `wait`, the response arrives as soon as there is
/// one. If too many requests are waiting, it arrives at once with `Retry-After`: repeat after that many seconds. They are kept for 30
/// days.
#[utoipa::path(
    get,
    path = "/v1/notifications",
    operation_id = "follow_notifications",
    tag = "notifications",
    params(
        ("stack" = Option<String>, Query, description = "Only those of this stack and its operations: its ID.", example = "lusab-babad"),
        ("environment" = Option<String>, Query, description = "Only those of stacks in this environment."),
        ("kind" = Option<String>, Query, description = "Only those of this kind.", example = "operation.failed"),
        ("position" = Option<String>, Query, description = "`position` of the page before."),
        ("since" = Option<String>, Query, description = "Instead of `position`: those after this time."),
        ("limit" = Option<u16>, Query, description = "Page size, from 1 to 100.", minimum = 1, maximum = 100),
        ("wait" = Option<u64>, Query, description = "How many seconds to wait for a notification, from 0 to 25.", maximum = 25),
    ),
    responses(
        (status = 200, description = "The next notifications.", body = NotificationPage, headers(("Retry-After" = u64, description = "If too many requests are waiting: the seconds before the next attempt."))),
        ReadProblems,
    ),
)]
pub(super) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    viewer: Viewer,
    mut parameters: Parameters,
) -> Result<Waited<NotificationPage>, Error> {
    let filter = NotificationFilter {
        stack: parameters.optional("stack", "give the ID of a stack, like `lusab-babad`"),
        environment: parameters.optional("environment", "give the name of an environment"),
        kind: parameters.one_of("kind", Kind::ALL, "is no kind of notification"),
    };
    let position: Option<String> = parameters.optional("position", POSITION_REMEDY);
    let since: Option<Timestamp> = parameters.time("since");
    let limit = parameters.limit();
    let wait = parameters.wait();
    if position.is_some() && since.is_some() {
        let remedy = "give one of `position` and `since`";
        return Err(Error::parameter("since", "is given with `position`", remedy));
    }
    parameters.finish()?;
    let position = match position {
        Some(text) => api.store.open(&text).await.map_err(wrong_position)?,
        None => Position::after(since.unwrap_or_else(Timestamp::now)),
    };
    let reader = Reader {
        api: &api,
        caller: &caller,
        viewer: &viewer,
        filter: &filter,
        limit,
    };
    let at_once = reader.next(&position).await?;
    if wait.is_zero() || !at_once.items.is_empty() {
        return Ok(Waited::over(at_once.sealed(&api).await?));
    }
    let next = reader.next_within(&at_once.position, wait);
    match Box::pin(api.in_place(wait, next)).await? {
        Some(next) => Ok(Waited::over(next.sealed(&api).await?)),
        None => Ok(Waited::no_place(at_once.sealed(&api).await?)),
    }
}

fn wrong_position(error: slipway_store::Error) -> Error {
    match error {
        slipway_store::Error::InvalidCursor(_) => {
            Error::parameter("position", "is not a position that this API has given", POSITION_REMEDY)
        }
        error => error.into(),
    }
}

/// A caller who follows notifications.
struct Reader<'a> {
    api: &'a Api,
    caller: &'a Caller,
    viewer: &'a Viewer,
    filter: &'a NotificationFilter,
    limit: u16,
}

/// What a reader gets.
struct Next {
    items: Vec<Notification>,
    /// After all of them, and after those that are hidden before the last of them.
    position: Position,
}

impl Reader<'_> {
    /// The next notifications that the caller may read; none if there are none yet. What is hidden between them does not make a page
    /// shorter: see [`crate::visible`].
    async fn next(&self, from: &Position) -> Result<Next, Error> {
        let (mut items, mut position) = (Vec::new(), from.clone());
        let mut stacks = BTreeMap::new();
        let (limit, mut window) = (usize::from(self.limit), self.limit);
        for _ in 0..READS {
            let read = self
                .api
                .store
                .notifications_after(self.filter, &position, window)
                .await?;
            let mut read = read.notifications;
            let is_last = read.len() < usize::from(window);
            let (may_read, stacks_of_them) = self.judge(&read).await?;
            stacks.extend(stacks_of_them);
            let visible = (1..).zip(&may_read).filter(|(_, may_read)| **may_read);
            let end = visible.map(|(end, _)| end).nth(limit.saturating_sub(items.len() + 1));
            read.truncate(end.unwrap_or(read.len()));
            position = position.past(&read);
            let judged = read.into_iter().zip(may_read);
            items.extend(judged.filter_map(|(one, may_read)| may_read.then_some(one)));
            if is_last || items.len() >= limit {
                break;
            }
            window = PAGE;
        }
        let read: Vec<&Stack> = items.iter().map(|one| &stacks[&one.stack.id]).collect();
        self.api.note_list(self.caller, "GET /v1/notifications", &read).await?;
        Ok(Next { items, position })
    }

    /// Likewise, as soon as there are some, or when `timeout` is over. A hidden one does not end the wait.
    async fn next_within(&self, from: &Position, timeout: Duration) -> Result<Next, Error> {
        let deadline = Instant::now() + timeout;
        let mut position = from.clone();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (store, filter) = (&self.api.store, self.filter);
            store.notifications_within(filter, &position, 1, left).await?;
            let next = self.next(&position).await?;
            if !next.items.is_empty() || Instant::now() >= deadline {
                return Ok(next);
            }
            position = next.position;
            sleep(BETWEEN_HIDDEN).await;
        }
    }

    /// Whether the caller may read each of these, and their stacks.
    async fn judge(&self, notifications: &[Notification]) -> Result<(Vec<bool>, BTreeMap<StackId, Stack>), Error> {
        let of = || notifications.iter().map(|one| &one.stack);
        let environments = of().map(|stack| &stack.environment);
        let environments = self.api.environments_of(environments).await?;
        // As they are now: a stack may have been transferred since, and its new owner decides who reads it.
        let stacks = self.api.stacks_of(of().map(|stack| &stack.id)).await?;
        let may_read = |notification: &Notification| {
            let environment = environments[&notification.stack.environment].clone();
            let stack = StackFacts::new(&stacks[&notification.stack.id], environment);
            let operation = notification.operation.as_ref().map(|operation| OperationFacts {
                id: operation.id.to_string(),
                kind: operation.kind.to_string(),
                requester: operation.requester.clone(),
                stack: stack.clone(),
            });
            let may = |resource| self.viewer.may(Action::Read, &resource);
            may(Resource::Stack(stack)) && operation.is_none_or(|operation| may(Resource::Operation(operation)))
        };
        let may_read = notifications.iter().map(may_read).collect();
        Ok((may_read, stacks))
    }
}

impl Next {
    async fn sealed(self, api: &Api) -> Result<NotificationPage, Error> {
        Ok(NotificationPage {
            position: api.store.seal(&self.position).await?,
            items: self.items,
        })
    }
}
