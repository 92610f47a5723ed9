//! Pages of CloudWatch Logs, which the readers of one process share.
//!
//! CloudWatch Logs takes 25 `GetLogEvents` a second from all readers of an account together:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::Error as LogsError;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use slipway_model::log::Line;
use slipway_model::operation::LogStream;
use tokio::sync::Mutex;

/// About how many lines a page has at most.
const LINES: i32 = 1_000;

/// How long a page is good for: as long as a reader waits between two of them at least.
const FRESH: Duration = Duration::from_secs(1);

/// How many pages are kept. A page has a megabyte at most.
const KEPT: usize = 16;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct From {
    /// The forward token of the page before.
    pub(super) token: Option<String>,
    /// Without one, the first time, in milliseconds since 1970.
    pub(super) since: Option<i64>,
}

/// A page.
#[derive(Debug)]
pub(super) struct LogPage {
    pub(super) lines: Vec<Line>,
    /// The forward token; none where the stream is not there yet.
    pub(super) next: Option<String>,
}

/// What CloudWatch Logs answered.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// A page.
    Page(Arc<LogPage>),
    /// The token is none of this stream.
    WrongToken,
    /// It takes no more requests at the moment.
    Throttled,
}

type Key = (String, String, From);

/// The pages that were read last. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogPages {
    // Held while a page is read: readers who want the same one wait for it instead of asking too.
    pages: Arc<Mutex<HashMap<Key, (Instant, Found)>>>,
}

impl LogPages {
    /// A page of a stream. The last pages of a log are read again each time, because their missing lines are never requested again.
    pub(super) async fn get(
        &self,
        logs: &Client,
        stream: &LogStream,
        from: &From,
        last: bool,
    ) -> Result<Found, LogsError> {
        let key = (stream.group.clone(), stream.stream.clone(), from.clone());
        let mut pages = self.pages.lock().await;
        pages.retain(|_, (read, _)| read.elapsed() < FRESH);
        if let Some((_, page)) = pages.get(&key).filter(|_| !last) {
            return Ok(page.clone());
        }
        let page = read(logs, stream, from).await?;
        if pages.len() < KEPT {
            pages.insert(key, (Instant::now(), page.clone()));
        }
        Ok(page)
    }
}

async fn read(logs: &Client, stream: &LogStream, from: &From) -> Result<Found, LogsError> {
    let get = logs.get_log_events().start_from_head(true).limit(LINES);
    let get = get.log_group_name(&stream.group).log_stream_name(&stream.stream);
    let since = from.since.filter(|_| from.token.is_none());
    let get = get.set_next_token(from.token.clone()).set_start_time(since);
    let page = match get.send().await.map_err(LogsError::from) {
        Ok(page) => page,
        // The step has been announced, and has printed nothing yet.
        Err(LogsError::ResourceNotFoundException(_)) => {
            let lines = Vec::new();
            return Ok(Found::Page(Arc::new(LogPage { lines, next: None })));
        }
        Err(LogsError::InvalidParameterException(_)) if from.token.is_some() => return Ok(Found::WrongToken),
        Err(error) if error.code() == Some("ThrottlingException") => return Ok(Found::Throttled),
        Err(error) => return Err(error),
    };
    let events = page.events.into_iter().flatten();
    let lines = events.map(|event| Line {
        time: event.timestamp.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    });
    Ok(Found::Page(Arc::new(LogPage {
        lines: lines.collect(),
        next: page.next_forward_token,
    })))
}
