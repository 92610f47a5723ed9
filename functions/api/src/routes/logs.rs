//! `/v1/operations/{id}/logs`

use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::Error as LogsError;
use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::id::OperationId;
use slipway_model::operation::{LogStream, Operation};

use super::operations::{found, operation_id};
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::{InPath, Parameters};
use crate::view::{LogLine, LogLines};
use crate::{Api, Caller};

/// About how many lines an answer has at most: a line may be long, and Lambda answers at most 6 MB.
const LINES: usize = 1_000;

/// How often new lines are looked for while a request waits: each look is a call for every stream that may have some, and
/// CloudWatch Logs takes 25 of these a second from an account.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long after the end of its step a stream may still get lines: CodeBuild and ECS deliver them late.
const LATE: Duration = Duration::from_secs(10);

/// Read the log of an operation
///
/// What its steps print, from the beginning or after a cursor. With `wait`, the answer comes as soon as there are new lines
/// or the operation has ended.
#[utoipa::path(
    get,
    path = "/v1/operations/{id}/logs",
    operation_id = "read_operation_log",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's id.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("after" = Option<String>, Query, description = "`after` of the answer before."),
        ("wait" = Option<u64>, Query, description = "How many seconds to wait for new lines, from 0 to 25.", maximum = 25),
    ),
    responses((status = 200, description = "Lines of the log.", body = LogLines), ReadProblems),
)]
pub(super) async fn read(
    State(api): State<Api>,
    _caller: Caller,
    InPath(id): InPath<String>,
    mut parameters: Parameters,
) -> Result<Json<LogLines>, Error> {
    let wait = parameters.wait();
    let after: Option<String> = parameters.optional("after", AFTER_REMEDY);
    parameters.finish()?;
    let id = operation_id(&id)?;
    let mut place = match after {
        Some(after) => Place::parse(&after, &id).ok_or_else(wrong_place)?,
        None => Place::new(id.clone()),
    };
    let deadline = Instant::now() + wait;
    loop {
        // First the operation, then its lines: once it has ended, no line can come after those.
        let operation = found(&id, api.store.operation(&id).await)?;
        let read = api.read_lines(&operation, &mut place).await?;
        let ended = operation.status.has_ended() && read.drained;
        let left = deadline.saturating_duration_since(Instant::now());
        if ended || !read.lines.is_empty() || left.is_zero() {
            return Ok(Json(LogLines {
                lines: read.lines,
                after: place.to_string(),
                ended,
            }));
        }
        let pause = left.min(LOOK_EVERY);
        if operation.status.has_ended() {
            tokio::time::sleep(pause).await;
        } else {
            api.store.operation_changed(&id, operation.revision, pause).await?;
        }
    }
}

const AFTER_REMEDY: &str =
    "give `after` of the answer before, of the same operation, as it came; or leave it out to read from the beginning";

fn wrong_place() -> Error {
    Error::parameter("after", "is not a cursor of this log", AFTER_REMEDY)
}

/// How far the log of an operation is read: the cursor, opaque to everybody else.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    /// Whose log it is.
    operation: OperationId,
    /// How far each of the operation's streams is read, in their order.
    streams: Vec<Position>,
}

/// How far a stream is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Position {
    /// Not at all.
    #[default]
    Beginning,
    /// To this forward token of CloudWatch Logs.
    Token(String),
    /// To its end: no line will come.
    End,
}

impl Place {
    fn new(operation: OperationId) -> Self {
        Self {
            operation,
            streams: Vec::new(),
        }
    }

    fn parse(text: &str, operation: &OperationId) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let place: Self = serde_json::from_slice(&json).ok()?;
        (place.operation == *operation).then_some(place)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| std::fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

/// What was read of an operation's streams.
struct Read {
    lines: Vec<LogLine>,
    /// Whether each stream was read to where it ends now.
    drained: bool,
}

impl Api {
    /// Reads what the streams have after `place`, one stream after the other, and moves `place` on.
    async fn read_lines(&self, operation: &Operation, place: &mut Place) -> Result<Read, Error> {
        place.streams.resize(operation.logs.len(), Position::Beginning);
        let mut lines = Vec::new();
        for (stream, position) in operation.logs.iter().zip(&mut place.streams) {
            while *position != Position::End {
                if lines.len() >= LINES {
                    return Ok(Read { lines, drained: false });
                }
                if !self.read_stream(stream, position, &mut lines).await? {
                    if is_over(operation, stream) {
                        *position = Position::End;
                    }
                    break;
                }
            }
        }
        Ok(Read { lines, drained: true })
    }

    /// Reads the next events of a stream; whether there may be more. CloudWatch Logs says so with another token: a page without
    /// events is not the end.
    async fn read_stream(
        &self,
        stream: &LogStream,
        position: &mut Position,
        lines: &mut Vec<LogLine>,
    ) -> Result<bool, Error> {
        let token = match position {
            Position::Token(token) => Some(token.clone()),
            Position::Beginning | Position::End => None,
        };
        let get = self.logs.get_log_events().start_from_head(true).set_next_token(token);
        let get = get.log_group_name(&stream.group).log_stream_name(&stream.stream);
        let limit = i32::try_from(LINES - lines.len()).unwrap_or(1);
        let page = match get.limit(limit).send().await.map_err(LogsError::from) {
            Ok(page) => page,
            // The step has been announced, and has printed nothing yet.
            Err(LogsError::ResourceNotFoundException(_)) => return Ok(false),
            Err(LogsError::InvalidParameterException(_)) if matches!(position, Position::Token(_)) => {
                return Err(wrong_place());
            }
            Err(error) => {
                return Err(Error::Unavailable {
                    doing: "reading a log",
                    source: error.into(),
                });
            }
        };
        let mut moved = false;
        if let Some(token) = page.next_forward_token {
            let next = Position::Token(token);
            moved = *position != next;
            *position = next;
        }
        lines.extend(page.events.into_iter().flatten().map(|event| {
            LogLine {
                time: event
                    .timestamp
                    .and_then(|time| Timestamp::from_millisecond(time).ok())
                    .unwrap_or_default(),
                step: stream.step.clone(),
                message: event.message.unwrap_or_default().trim_end().to_owned(),
            }
        }));
        Ok(moved)
    }
}

/// Whether the step that prints to a stream ended so long ago that no line is on its way.
fn is_over(operation: &Operation, stream: &LogStream) -> bool {
    let step = operation.steps.iter().find(|step| step.name == stream.step);
    let ended = step.and_then(|step| step.ended_at).or(operation.ended_at);
    ended.is_some_and(|ended| Timestamp::now().duration_since(ended).unsigned_abs() > LATE)
}
