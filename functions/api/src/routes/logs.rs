//! `/v1/operations/{id}/logs`

use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::count::counted;
use slipway_model::id::OperationId;
use slipway_model::log::{Line, Segment};
use slipway_model::operation::build::{APPLY, PLAN};
use slipway_model::operation::{LogStream, Operation};
use slipway_model::secret::Secrets;
use slipway_policy::Resource;

use super::log_pages::{Found, From};
use crate::access::Admitted;
use crate::error::Error;
use crate::openapi::ReadProblems;
use crate::parameters::Parameters;
use crate::records::found;
use crate::waiting::Waited;
use crate::{Api, Caller};
use slipway_api_types::{LogLine, LogLines};

/// How many lines an answer has at most.
pub(super) const LINES: usize = 1_000;

/// How many bytes of lines an answer of the function has at most. Lambda takes 6 MB:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub(super) const ANSWER_BYTES: usize = 4_000_000;

/// What an answer has of a line besides its message.
pub(super) const LINE_OVERHEAD: usize = 256;

/// The most bytes of a line that are shown. In an answer each of them is seven at most.
const LONGEST_LINE: usize = 256 * 1024;

/// How many seconds a request that waits pauses before it reads the streams again, the longer the more often there was nothing.
pub(super) const PAUSES: [u64; 4] = [1, 2, 3, 5];

/// How long after the end of its step a stream may still get lines: CodeBuild and ECS deliver them late.
const LATE: Duration = Duration::from_secs(10);

/// Read the log of an operation
///
/// The output of its steps, from the beginning or after a cursor. With `wait`, the response arrives as soon as there are new lines or
/// the operation has ended. If too many requests are waiting, it arrives at once with `Retry-After`: repeat after that many seconds.
#[utoipa::path(
    get,
    path = "/v1/operations/{id}/logs",
    operation_id = "read_operation_log",
    tag = "operations",
    params(
        ("id" = String, Path, description = "The operation's ID.", example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
        ("after" = Option<String>, Query, description = "`after` of the previous response."),
        ("wait" = Option<u64>, Query, description = "How many seconds to wait for new lines, from 0 to 25.", maximum = 25),
    ),
    responses(
        (status = 200, description = "Lines of the log.", body = LogLines, headers(("Retry-After" = u64, description = "If too many requests are waiting: the seconds before the next attempt."))),
        ReadProblems,
    ),
)]
pub(super) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Admitted(operation): Admitted<Operation>,
    Extension(resource): Extension<Resource>,
    mut parameters: Parameters,
) -> Result<Waited<LogLines>, Error> {
    let wait = parameters.wait();
    let after: Option<String> = parameters.optional("after", AFTER_REMEDY);
    parameters.finish()?;
    let mut place = match after {
        Some(after) => Place::parse(&after, &operation.id).ok_or_else(wrong_place)?,
        None => Place::new(operation.id.clone()),
    };
    // The operation was read before its lines: once it has ended, no line can come after those.
    api.note_reader_of(&caller, &operation, &resource).await?;
    let read = api.read_lines(&operation, &mut place).await?;
    if wait.is_zero() || is_news(&operation, &read) {
        return Ok(Waited::over(answer(&operation, read, &place)));
    }
    let waited = {
        let place = &mut place;
        async { api.wait_for_lines(operation.clone(), place, wait).await }
    };
    Ok(match Box::pin(api.in_place(wait, waited)).await? {
        Some((operation, read)) => Waited::over(answer(&operation, read, &place)),
        None => Waited::no_place(answer(&operation, read, &place)),
    })
}

/// Whether there is something to answer.
fn is_news(operation: &Operation, read: &Read) -> bool {
    !read.lines.is_empty() || has_ended(operation, read)
}

/// Whether the operation has ended, and its streams were read to where they end now.
fn has_ended(operation: &Operation, read: &Read) -> bool {
    operation.status.has_ended() && !read.more && !read.throttled
}

fn answer(operation: &Operation, read: Read, place: &Place) -> LogLines {
    LogLines {
        ended: has_ended(operation, &read),
        lines: read.lines,
        after: place.to_string(),
    }
}

impl Api {
    /// Reads the streams again and again, until there are lines, the operation has ended or the wait is over.
    async fn wait_for_lines(
        &self,
        mut operation: Operation,
        place: &mut Place,
        wait: Duration,
    ) -> Result<(Operation, Read), Error> {
        let deadline = Instant::now() + wait;
        let mut pauses = PAUSES.into_iter();
        let [.., longest] = PAUSES;
        let mut throttled = false;
        loop {
            let next = if throttled {
                longest
            } else {
                pauses.next().unwrap_or(longest)
            };
            let pause = deadline
                .saturating_duration_since(Instant::now())
                .min(Duration::from_secs(next));
            operation = if operation.status.has_ended() {
                tokio::time::sleep(pause).await;
                operation
            } else {
                found(
                    &operation.id,
                    self.store
                        .operation_changed(&operation.id, operation.revision, pause)
                        .await,
                )?
            };
            let read = self.read_lines(&operation, place).await?;
            if is_news(&operation, &read) || deadline <= Instant::now() {
                return Ok((operation, read));
            }
            throttled = read.throttled;
        }
    }
}

const AFTER_REMEDY: &str =
    "give `after` of the answer before, of the same operation, as it came; or leave it out to read from the beginning";

fn wrong_place() -> Error {
    Error::parameter("after", "is not a cursor of this log", AFTER_REMEDY)
}

/// How far the log of an operation is read: the cursor, opaque to clients.
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
    /// So many lines of this segment, and all before it; the last of them was of this time.
    Segment {
        number: u32,
        lines: usize,
        time: Option<i64>,
    },
    /// So many events of the page in CloudWatch Logs that begins at this token or time, and all before it.
    Events {
        token: Option<String>,
        since: Option<i64>,
        lines: usize,
    },
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
#[derive(Debug, Default)]
struct Read {
    lines: Vec<LogLine>,
    /// How much of the answer these lines take.
    bytes: usize,
    /// Whether the answer is full, and there is more.
    more: bool,
    /// Whether CloudWatch Logs wants to be asked less often.
    throttled: bool,
    /// What the lines of containers must not show, once there are any.
    secrets: Option<Secrets>,
}

impl Read {
    /// Adds lines of a stream, as many as the answer holds, and at least one; how many that were.
    fn add(&mut self, operation: &Operation, stream: &LogStream, lines: &[Line]) -> usize {
        for (index, line) in lines.iter().enumerate() {
            let message = shown(&line.message);
            let bytes = answer_bytes(&message) + LINE_OVERHEAD;
            if !self.lines.is_empty() && (self.lines.len() >= LINES || self.bytes + bytes > ANSWER_BYTES) {
                self.more = true;
                return index;
            }
            self.bytes += bytes;
            self.lines.push(LogLine {
                time: Timestamp::from_millisecond(line.time).unwrap_or_default(),
                step: step_at(operation, stream, line.time).to_owned(),
                message,
            });
        }
        lines.len()
    }
}

/// The step that printed a line of a stream. The build of Plan may come to Apply, and has the lines of both in one stream.
fn step_at<'a>(operation: &Operation, stream: &'a LogStream, time: i64) -> &'a str {
    let has_own = operation.logs.iter().any(|log| log.step == APPLY);
    let apply = operation.steps.iter().find(|step| step.name == APPLY);
    match apply {
        Some(apply) if stream.step == PLAN && !has_own && apply.started_at.as_millisecond() <= time => APPLY,
        _ => &stream.step,
    }
}

/// A line as it is shown: without the line break, and without the end of a line that no answer holds.
pub(super) fn shown(message: &str) -> String {
    let text = message.trim_end();
    let kept = &text[..text.floor_char_boundary(LONGEST_LINE)];
    match text.len() - kept.len() {
        0 => kept.to_owned(),
        cut => format!("{kept}… [{}]", counted(cut, "more byte")),
    }
}

/// How many bytes a text has in the function's answer: a text in the JSON of the body, which is a text in the JSON of the answer.
pub(super) fn answer_bytes(text: &str) -> usize {
    let bytes = |byte: u8| match byte {
        b'"' | b'\\' => 4,
        b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 3,
        0..0x20 => 7,
        _ => 1,
    };
    text.bytes().map(bytes).sum()
}

impl Api {
    /// Lines that a container printed, and the end of a build that was killed: a runner hides secrets in what it writes itself.
    async fn without_secrets(
        &self,
        operation: &Operation,
        lines: &[Line],
        read: &mut Read,
    ) -> Result<Vec<Line>, Error> {
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let secrets = match read.secrets.take() {
            Some(secrets) => secrets,
            None => self.secrets.of_operation(operation).await?,
        };
        let hidden = lines.iter().map(|line| Line {
            time: line.time,
            message: secrets.hide(&line.message),
        });
        let hidden = hidden.collect();
        read.secrets = Some(secrets);
        Ok(hidden)
    }

    /// Reads what the streams have after `place`, one stream after the other, and moves `place` on.
    async fn read_lines(&self, operation: &Operation, place: &mut Place) -> Result<Read, Error> {
        place.streams.resize(operation.logs.len(), Position::Beginning);
        let mut read = Read::default();
        for (stream, position) in operation.logs.iter().zip(&mut place.streams) {
            if stream.in_segments && matches!(position, Position::Beginning | Position::Segment { .. }) {
                self.read_segments(operation, stream, position, &mut read).await?;
            } else if *position == Position::Beginning {
                *position = Position::Events {
                    token: None,
                    since: None,
                    lines: 0,
                };
            }
            if !read.more {
                self.read_events(operation, stream, position, &mut read).await?;
            }
            if read.more {
                break;
            }
        }
        Ok(read)
    }

    /// Reads the segments of a build's log. Where its build ended without the last one, the rest is in CloudWatch Logs.
    async fn read_segments(
        &self,
        operation: &Operation,
        stream: &LogStream,
        position: &mut Position,
        read: &mut Read,
    ) -> Result<(), Error> {
        let (mut number, mut done, mut time) = match position {
            Position::Segment { number, lines, time } => (*number, *lines, *time),
            _ => (1, 0, None),
        };
        loop {
            let key = slipway_model::artifact::log_segment(operation, &stream.stream, number);
            let Some(segment) = self.segment(&key).await? else {
                // The runner writes the last one when it has recorded the end of its step, before its build ends.
                let over = is_over(operation, stream) || operation.status.has_ended();
                *position = if over {
                    // A millisecond after the last line: what was printed within that one is lost, and nothing comes twice.
                    let since = time.map(|time| time + 1);
                    let (token, lines) = (None, 0);
                    Position::Events { token, since, lines }
                } else {
                    let lines = done;
                    Position::Segment { number, lines, time }
                };
                return Ok(());
            };
            let lines = segment.lines.get(done..).unwrap_or_default();
            let added = read.add(operation, stream, lines);
            time = lines[..added].last().map(|line| line.time).or(time);
            if added < lines.len() {
                let lines = done + added;
                *position = Position::Segment { number, lines, time };
                return Ok(());
            }
            if segment.last {
                *position = Position::End;
                return Ok(());
            }
            (number, done) = (number + 1, 0);
        }
    }

    async fn segment(&self, key: &str) -> Result<Option<Segment>, Error> {
        const DOING: &str = "reading a log";
        let Some(bytes) = self.artifact(DOING, key, None).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes.into_bytes())
            .map(Some)
            .map_err(|error| Error::internal(DOING, error))
    }

    /// Reads the events of a stream in CloudWatch Logs. It says with another token that there may be more: a page without events is
    /// not the end.
    async fn read_events(
        &self,
        operation: &Operation,
        stream: &LogStream,
        position: &mut Position,
        read: &mut Read,
    ) -> Result<(), Error> {
        while let Position::Events { token, since, lines } = position {
            let from = From {
                token: token.clone(),
                since: *since,
            };
            let last = operation.status.has_ended();
            let found = self.log_pages.get(&self.logs, stream, &from, last).await;
            let page = match found.map_err(|error| Error::Unavailable {
                doing: "reading a log",
                source: error.into(),
            })? {
                Found::Page(page) => page,
                Found::WrongToken => return Err(wrong_place()),
                Found::Throttled => {
                    read.throttled = true;
                    return Ok(());
                }
            };
            let rest = page.lines.get(*lines..).unwrap_or_default();
            let shown = self.without_secrets(operation, rest, read).await?;
            let added = read.add(operation, stream, &shown);
            if added < rest.len() {
                *lines += added;
                return Ok(());
            }
            if page.next.is_none() || page.next == *token {
                // To where it ends now. The same token may have more later, after these.
                *lines += added;
                if is_over(operation, stream) {
                    *position = Position::End;
                }
                return Ok(());
            }
            token.clone_from(&page.next);
            *lines = 0;
        }
        Ok(())
    }
}

/// Whether the step that prints to a stream ended so long ago that no line is on its way.
fn is_over(operation: &Operation, stream: &LogStream) -> bool {
    let step = operation.steps.iter().find(|step| step.name == stream.step);
    let ended = step.and_then(|step| step.ended_at).or(operation.ended_at);
    ended.is_some_and(|ended| Timestamp::now().duration_since(ended).unsigned_abs() > LATE)
}
