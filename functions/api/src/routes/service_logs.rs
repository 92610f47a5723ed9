//! `/v1/stacks/{id}/services/{service}/logs`

use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::Error as LogsError;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsOutput;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use slipway_model::contract::ContainerLog;
use slipway_model::id::StackId;
use slipway_model::name::Digest;
use slipway_model::secret::Secrets;
use slipway_model::stack::Stack;

use super::logs::{ANSWER_BYTES, LINE_OVERHEAD, LINES, PAUSES, answer_bytes, shown};
use crate::access::Admitted;
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::{InPath, Parameters};
use crate::waiting::Waited;
use crate::{Api, Caller};
use slipway_api_types::{ServiceLine, ServiceLog};

/// How far back a log is read if the request does not say.
const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// How late an event may come behind others: tasks deliver them each at its own pace. In milliseconds.
const LATE: i64 = 3_000;

/// How many of the newest events a cursor names, which would come again otherwise. It is part of an address, and API Gateway takes 10 KB of
/// request line and headers (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
const NAMED: usize = 120;

/// How many pages one request reads: CloudWatch Logs may search long without a find.
const PAGES: usize = 10;

const DOING: &str = "reading the log of a service";

/// Read the log of a service
///
/// What the containers of its tasks print, as CloudWatch Logs has it: from a time on, or after a cursor. With `wait`, the response arrives as
/// soon as there are lines. If too many requests are waiting, it arrives at once with `Retry-After`: repeat after that many seconds.
/// Lines that arrive more than three seconds late may be missing if you follow the log.
#[utoipa::path(
    get,
    path = "/v1/stacks/{id}/services/{service}/logs",
    operation_id = "read_service_log",
    tag = "stacks",
    params(
        ("id" = String, Path, description = "The stack's ID.", example = "lusab-babad"),
        ("service" = String, Path, description = "The service.", example = "web"),
        ("since" = Option<String>, Query, description = "From this time on. Without it, from ten minutes ago.", example = "2026-11-29T10:00:00Z"),
        ("after" = Option<String>, Query, description = "Instead of `since`: `after` of the previous response."),
        ("wait" = Option<u64>, Query, description = "How many seconds to wait for lines, from 0 to 25.", maximum = 25),
    ),
    responses(
        (status = 200, description = "Lines of the log.", body = ServiceLog, headers(("Retry-After" = u64, description = "If too many requests are waiting: the seconds before the next attempt."))),
        ReadProblems,
    ),
)]
pub(super) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Admitted(stack): Admitted<Stack>,
    InPath((_, service)): InPath<(String, String)>,
    mut parameters: Parameters,
) -> Result<Waited<ServiceLog>, Error> {
    let wait = parameters.wait();
    let since: Option<Timestamp> = parameters.time("since");
    let after: Option<String> = parameters.optional("after", AFTER_REMEDY);
    parameters.finish()?;
    if since.is_some() && after.is_some() {
        let remedy = "give one of `since` and `after`";
        return Err(Error::parameter("since", "is given with `after`", remedy));
    }
    let logs = logs_of(&stack, &service)?;
    let since = since.unwrap_or_else(|| Timestamp::now() - RECENT);
    let mut place = match after {
        Some(after) => Place::parse(&after, &stack.id, &service).ok_or_else(wrong_place)?,
        None => Place::new(&stack.id, &service, since),
    };
    place.logs.resize(logs.len(), Position::at(place.since));
    api.note_reader(&caller, &stack.owner, &stack.id).await?;
    let environment = api.store.environment(&stack.environment).await?;
    let client = api.stack_logs.client(&environment, &stack.id, &api.state_machine);
    let log = Log {
        client: Box::pin(client).await?,
        secrets: api.secrets.of_stack(&stack).await?,
        logs,
    };
    let read = log.read(&mut place).await?;
    if wait.is_zero() || read.is_news() {
        return Ok(Waited::over(read.answer(&place)));
    }
    let waited = {
        let place = &mut place;
        async { log.wait(place, wait, read.throttled).await }
    };
    Ok(match Box::pin(api.in_place(wait, waited)).await? {
        Some(read) => Waited::over(read.answer(&place)),
        None => Waited::no_place(Read::default().answer(&place)),
    })
}

/// The logs of a service, which are the stack's own.
fn logs_of(stack: &Stack, service: &str) -> Result<Vec<ContainerLog>, Error> {
    let services = stack.contract.iter().flat_map(|contract| &contract.services);
    let Some((_, found)) = services.clone().find(|(name, _)| name.as_str() == service) else {
        let names: Vec<String> = services.map(|(name, _)| format!("`{name}`")).collect();
        let there_are = match names.as_slice() {
            [] => "it has no services".to_owned(),
            [only] => format!("its only service is {only}"),
            names => format!("its services are {}", names.join(", ")),
        };
        let service = crate::body::shortened(service);
        return Err(Error::NotFound(format!(
            "The stack `{}` has no service `{service}`; {there_are}.",
            stack.name
        )));
    };
    let logs: Vec<ContainerLog> = found.logs().into_iter().filter(|log| log.is_of(&stack.id)).collect();
    if logs.is_empty() {
        return Err(Error::NotFound(format!(
            "The service `{service}` of the stack `{0}` prints to no log that Slipway reads. Give its containers the log driver `awslogs` with \
             `awslogs-stream-prefix`, and a log group below `/slipway/stacks/{0}`.",
            stack.id
        )));
    }
    Ok(logs)
}

const AFTER_REMEDY: &str =
    "give `after` of the answer before, of the same service, as it came; or give `since` instead";

fn wrong_place() -> Error {
    Error::parameter("after", "is not a cursor of this log", AFTER_REMEDY)
}

/// How far the log of a service is read: the cursor, opaque to clients.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    stack: StackId,
    service: String,
    /// The time from which it is read.
    since: i64,
    /// How far the log of each container is read, in their order.
    logs: Vec<Position>,
}

/// How far the log of a container is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The time from which events are read, in milliseconds since 1970.
    from: i64,
    /// The page of these events that comes next; none for the first.
    token: Option<String>,
    /// How many events of this page were answered.
    done: usize,
    /// The events that were answered since `from`: time and a digest of the ID.
    seen: Vec<(i64, u32)>,
}

impl Position {
    fn at(time: i64) -> Self {
        Self {
            from: time,
            ..Self::default()
        }
    }

    /// All pages were read: the next round begins a little before the newest event, and passes over what was answered.
    fn round(&mut self, named: usize) {
        self.token = None;
        self.done = 0;
        self.seen.sort_unstable();
        if let Some((newest, _)) = self.seen.last() {
            self.from = self.from.max(newest - LATE);
        }
        if let Some(excess) = self.seen.len().checked_sub(named + 1) {
            self.from = self.from.max(self.seen[excess].0 + 1);
        }
        let from = self.from;
        self.seen.retain(|(time, _)| *time >= from);
    }
}

impl Place {
    fn new(stack: &StackId, service: &str, since: Timestamp) -> Self {
        Self {
            stack: stack.clone(),
            service: service.to_owned(),
            since: since.as_millisecond().max(0),
            logs: Vec::new(),
        }
    }

    fn parse(text: &str, stack: &StackId, service: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let place: Self = serde_json::from_slice(&json).ok()?;
        let bounds = 0..=i64::MAX / 4;
        let fits = place
            .logs
            .iter()
            .all(|one| bounds.contains(&one.from) && one.seen.iter().all(|(time, _)| bounds.contains(time)));
        (place.stack == *stack && place.service == service && bounds.contains(&place.since) && fits).then_some(place)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| std::fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

/// What one request reads.
struct Log {
    client: Client,
    secrets: Secrets,
    logs: Vec<ContainerLog>,
}

/// What was read.
#[derive(Debug, Default)]
struct Read {
    lines: Vec<ServiceLine>,
    bytes: usize,
    /// Whether there is more now.
    more: bool,
    /// Whether CloudWatch Logs wants to be asked less often.
    throttled: bool,
}

impl Read {
    fn is_news(&self) -> bool {
        self.more || !self.lines.is_empty()
    }

    fn answer(mut self, place: &Place) -> ServiceLog {
        self.lines.sort_by_key(|line| line.time);
        ServiceLog {
            lines: self.lines,
            after: place.to_string(),
            more: self.more,
        }
    }
}

impl Log {
    /// How many events the cursor names of each container.
    fn named(&self) -> usize {
        NAMED / self.logs.len().max(1)
    }

    /// Reads again and again, until there are lines or the wait is over.
    async fn wait(&self, place: &mut Place, wait: Duration, mut throttled: bool) -> Result<Read, Error> {
        let deadline = Instant::now() + wait;
        let mut pauses = PAUSES.into_iter();
        let [.., longest] = PAUSES;
        loop {
            let next = if throttled {
                longest
            } else {
                pauses.next().unwrap_or(longest)
            };
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::time::sleep(left.min(Duration::from_secs(next))).await;
            let read = self.read(place).await?;
            if read.is_news() || deadline <= Instant::now() {
                return Ok(read);
            }
            throttled = read.throttled;
        }
    }

    /// Reads what the logs have after `place`, and moves it on.
    async fn read(&self, place: &mut Place) -> Result<Read, Error> {
        let mut read = Read::default();
        for (log, position) in self.logs.iter().zip(&mut place.logs) {
            self.read_container(log, position, &mut read).await?;
        }
        Ok(read)
    }

    async fn read_container(&self, log: &ContainerLog, position: &mut Position, read: &mut Read) -> Result<(), Error> {
        for _ in 0..PAGES {
            if read.more {
                return Ok(());
            }
            let Some(page) = self.page(log, position, read).await? else {
                return Ok(());
            };
            if !self.add(log, &page, position, read) {
                return Ok(());
            }
            let Some(token) = page.next_token else {
                position.round(self.named());
                return Ok(());
            };
            position.token = Some(token);
            position.done = 0;
        }
        read.more = true;
        Ok(())
    }

    /// The next page; none if there is no such log yet, or CloudWatch Logs takes no more requests at the moment.
    async fn page(
        &self,
        log: &ContainerLog,
        position: &Position,
        read: &mut Read,
    ) -> Result<Option<FilterLogEventsOutput>, Error> {
        let filter = self.client.filter_log_events().log_group_name(&log.group);
        let filter = filter.log_stream_name_prefix(&log.streams).start_time(position.from);
        let filter = filter.limit(i32::try_from(LINES).unwrap_or(i32::MAX));
        let answer = filter.set_next_token(position.token.clone()).send().await;
        match answer.map_err(LogsError::from) {
            Ok(page) => Ok(Some(page)),
            // No task has printed yet.
            Err(LogsError::ResourceNotFoundException(_)) => Ok(None),
            Err(LogsError::InvalidParameterException(_)) if position.token.is_some() => Err(wrong_place()),
            Err(error) if error.code() == Some("ThrottlingException") => {
                read.throttled = true;
                Ok(None)
            }
            Err(error) => Err(crate::artifacts::unavailable(DOING, error)),
        }
    }

    /// Adds the events of a page, as many as the answer holds; whether that was all of them.
    fn add(&self, log: &ContainerLog, page: &FilterLogEventsOutput, position: &mut Position, read: &mut Read) -> bool {
        for event in page.events().iter().skip(position.done) {
            let time = event.timestamp().unwrap_or_default();
            let mark = (time, digest(event.event_id().unwrap_or_default()));
            if !position.seen.contains(&mark) {
                // Before it is cut, which could cut a secret in two.
                let message = shown(&self.secrets.hide(event.message().unwrap_or_default()));
                let bytes = answer_bytes(&message) + LINE_OVERHEAD;
                let is_full = read.lines.len() >= LINES || read.bytes + bytes > ANSWER_BYTES;
                if is_full && !read.lines.is_empty() {
                    read.more = true;
                    return false;
                }
                read.bytes += bytes;
                let task = event.log_stream_name().and_then(|name| name.strip_prefix(&log.streams));
                read.lines.push(ServiceLine {
                    time: Timestamp::from_millisecond(time).unwrap_or_default(),
                    container: log.container.clone(),
                    task: task.unwrap_or_default().to_owned(),
                    message,
                });
                position.seen.push(mark);
            }
            position.done += 1;
        }
        // Only the newest can come again.
        let excess = position.seen.len().saturating_sub(self.named() + 1);
        position.seen.sort_unstable();
        position.seen.drain(..excess);
        true
    }
}

/// A part of the digest of an event's ID, which distinguishes it from others of its millisecond.
fn digest(id: &str) -> u32 {
    u32::from_str_radix(&Digest::of(id.as_bytes()).hex()[..8], 16).unwrap_or_default()
}
