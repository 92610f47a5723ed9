//! `/v1/notifications`

use axum::extract::State;
use jiff::Timestamp;
use slipway_model::notification::{Kind, Notification};
use slipway_model::stack::Stack;
use slipway_policy::facts::{OperationFacts, StackFacts};
use slipway_policy::{Action, Resource};
use slipway_store::notification::{Followed, NotificationFilter, Position};

use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::Parameters;
use crate::viewer::Viewer;
use crate::waiting::Waited;
use crate::{Api, Caller};
use slipway_api_types::NotificationPage;

/// What to give for a position.
const POSITION_REMEDY: &str = "give `position` of the page before, as it came";

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
    let at_once = api.store.notifications_after(&filter, &position, limit).await?;
    if wait.is_zero() || !at_once.notifications.is_empty() {
        return Ok(Waited::over(api.visible(&caller, &viewer, at_once).await?));
    }
    let next = async { Ok(api.store.notifications_within(&filter, &position, limit, wait).await?) };
    match Box::pin(api.in_place(wait, next)).await? {
        Some(next) => Ok(Waited::over(api.visible(&caller, &viewer, next).await?)),
        None => Ok(Waited::no_place(api.visible(&caller, &viewer, at_once).await?)),
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

impl Api {
    /// The notifications that the caller may read; the position is after all of them.
    async fn visible(&self, caller: &Caller, viewer: &Viewer, followed: Followed) -> Result<NotificationPage, Error> {
        let of = || followed.notifications.iter().map(|one| &one.stack);
        let environments = self.environments_of(of().map(|stack| &stack.environment)).await?;
        // As they are now: a stack may have been transferred since, and its new owner decides who reads it.
        let stacks = self.stacks_of(of().map(|stack| &stack.id)).await?;
        let may_read = |notification: &Notification| {
            let environment = environments[&notification.stack.environment].clone();
            let stack = StackFacts::new(&stacks[&notification.stack.id], environment);
            let operation = notification.operation.as_ref().map(|operation| OperationFacts {
                id: operation.id.to_string(),
                kind: operation.kind.to_string(),
                requester: operation.requester.clone(),
                stack: stack.clone(),
            });
            let may = |resource| viewer.may(Action::Read, &resource);
            may(Resource::Stack(stack)) && operation.is_none_or(|operation| may(Resource::Operation(operation)))
        };
        let mut items = followed.notifications;
        items.retain(may_read);
        let read: Vec<&Stack> = items.iter().map(|one| &stacks[&one.stack.id]).collect();
        self.note_list(caller, "GET /v1/notifications", &read).await?;
        Ok(NotificationPage {
            items,
            position: self.store.seal(&followed.position).await?,
        })
    }
}
