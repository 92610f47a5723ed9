//! CloudWatch Logs: groups of streams of lines, kept in the ledger.
//!
//! CodeBuild and ECS write through [`Logs::append`], in the same process; the functions and the AWS CLI read over
//! the wire.

mod read;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::ledger::{Ledger, LedgerError, Transaction};
use crate::wire::{AwsError, answer, arn, input};

const GROUP: &str = "log-group";
const STREAM: &str = "log-stream";
const EVENT: &str = "log-event";

/// What AWS allows in one `PutLogEvents`.
const BATCH_EVENTS: usize = 10_000;
const BATCH_BYTES: usize = 1_048_576;
/// What AWS counts for an event besides its message.
const EVENT_OVERHEAD: usize = 26;

/// The log groups of this machine.
#[derive(Clone)]
pub struct Logs {
    ledger: Ledger,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    creation_time: i64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stream {
    log_stream_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ingestion_time: Option<i64>,
}

impl Stream {
    fn new(name: &str, now: i64) -> Self {
        Self {
            log_stream_name: name.to_owned(),
            creation_time: now,
            first_event_timestamp: None,
            last_event_timestamp: None,
            last_ingestion_time: None,
        }
    }
}

/// One line of a stream.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    timestamp: i64,
    message: String,
    ingestion_time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateInput {
    log_group_name: String,
    log_stream_name: Option<String>,
}

#[derive(Deserialize)]
struct PutLogEventsInput {
    #[serde(rename = "logGroupName")]
    group: String,
    #[serde(rename = "logStreamName")]
    stream: String,
    #[serde(rename = "logEvents")]
    events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

impl Logs {
    /// The log groups that this ledger has.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// Appends lines with the time of now. The group and the stream are made when they are missing.
    pub fn append(
        &self,
        group: &str,
        stream: &str,
        lines: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<(), LedgerError> {
        let now = now();
        let events = lines.into_iter().map(|line| Event {
            timestamp: now,
            message: line.into(),
            ingestion_time: now,
        });
        let events: Vec<Event> = events.collect();
        self.ledger.transaction(|transaction| {
            ensure_group(transaction, group, now)?;
            let kept = transaction.readable(STREAM, &stream_id(group, stream))?;
            let kept = kept.unwrap_or_else(|| Stream::new(stream, now));
            write_events(transaction, group, kept, &events)
        })
    }

    /// Makes a group unless it exists: groups of `template.yaml`.
    pub fn ensure_group(&self, group: &str) -> Result<(), LedgerError> {
        self.ledger
            .transaction(|transaction| ensure_group(transaction, group, now()))
    }

    /// A counter that moves after every line written. Subscribe, then read, then wait for `changed()`.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.ledger.changes(EVENT)
    }

    /// One call of the wire API.
    // Nothing here waits; the signature is that of every JSON service.
    #[allow(clippy::unused_async)]
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "CreateLogGroup" => self.create_group(&input(body)?),
            "CreateLogStream" => self.create_stream(&input(body)?),
            "PutLogEvents" => self.put_events(input(body)?),
            "GetLogEvents" => answer(&self.get_events(&input(body)?)?),
            "FilterLogEvents" => answer(&self.filter_events(&input(body)?)?),
            "DescribeLogGroups" => self.describe_groups(&input(body)?),
            "DescribeLogStreams" => self.describe_streams(&input(body)?),
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    fn create_group(&self, input: &CreateInput) -> Result<Value, AwsError> {
        check_name("logGroupName", &input.log_group_name)?;
        self.ledger.transaction(|transaction| {
            if transaction.get::<Group>(GROUP, &input.log_group_name)?.is_some() {
                return Err(already_exists("log group"));
            }
            Ok(ensure_group(transaction, &input.log_group_name, now())?)
        })?;
        Ok(json!({}))
    }

    fn create_stream(&self, input: &CreateInput) -> Result<Value, AwsError> {
        let name = input.log_stream_name.as_deref().unwrap_or_default();
        check_name("logStreamName", name)?;
        self.ledger.transaction(|transaction| {
            require_group(transaction, &input.log_group_name)?;
            let id = stream_id(&input.log_group_name, name);
            if transaction.get::<Stream>(STREAM, &id)?.is_some() {
                return Err(already_exists("log stream"));
            }
            Ok(transaction.put(STREAM, &id, &Stream::new(name, now()))?)
        })?;
        Ok(json!({}))
    }

    fn put_events(&self, input: PutLogEventsInput) -> Result<Value, AwsError> {
        check_batch(&input.events)?;
        let now = now();
        let events: Vec<Event> = input
            .events
            .into_iter()
            .map(|event| Event {
                timestamp: event.timestamp,
                message: event.message,
                ingestion_time: now,
            })
            .collect();
        self.ledger.transaction(|transaction| {
            require_group(transaction, &input.group)?;
            let id = stream_id(&input.group, &input.stream);
            let stream: Stream = transaction.get(STREAM, &id)?.ok_or_else(|| missing("log stream"))?;
            write_events(transaction, &input.group, stream, &events).map_err(AwsError::from)
        })?;
        // AWS ignores the token since 2023, and still answers one.
        Ok(json!({"nextSequenceToken": "0"}))
    }
}

fn write_events(
    transaction: &Transaction<'_>,
    group: &str,
    mut stream: Stream,
    events: &[Event],
) -> Result<(), LedgerError> {
    let id = stream_id(group, &stream.log_stream_name);
    for event in events {
        transaction.append(EVENT, &id, event)?;
        stream.first_event_timestamp.get_or_insert(event.timestamp);
        stream.last_event_timestamp = Some(event.timestamp);
        stream.last_ingestion_time = Some(event.ingestion_time);
    }
    transaction.put(STREAM, &id, &stream)
}

fn ensure_group(transaction: &Transaction<'_>, group: &str, now: i64) -> Result<(), LedgerError> {
    if transaction.readable::<Group>(GROUP, group)?.is_none() {
        transaction.put(GROUP, group, &Group { creation_time: now })?;
    }
    Ok(())
}

fn require_group(transaction: &Transaction<'_>, group: &str) -> Result<(), AwsError> {
    transaction
        .get::<Group>(GROUP, group)?
        .map(drop)
        .ok_or_else(|| missing("log group"))
}

fn check_batch(events: &[InputEvent]) -> Result<(), AwsError> {
    let size: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if events.is_empty() || events.len() > BATCH_EVENTS || size > BATCH_BYTES {
        return Err(invalid(format!(
            "A batch holds 1 to {BATCH_EVENTS} events and at most {BATCH_BYTES} bytes; this one holds {} events and {size} bytes.",
            events.len()
        )));
    }
    if events.iter().any(|event| event.message.is_empty()) {
        return Err(invalid("A log event's message must not be empty."));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    Ok(())
}

fn check_name(field: &str, name: &str) -> Result<(), AwsError> {
    if name.is_empty() || name.len() > 512 || name.contains([':', '*']) || name.chars().any(char::is_control) {
        return Err(invalid(format!(
            "Value at '{field}' must have 1 to 512 characters, and none of them ':' or '*'."
        )));
    }
    Ok(())
}

/// Neither name has a colon in it, so the pair is unique.
fn stream_id(group: &str, stream: &str) -> String {
    format!("{group}:{stream}")
}

fn group_arn(group: &str) -> String {
    arn("logs", &format!("log-group:{group}"))
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn missing(what: &str) -> AwsError {
    AwsError::new(
        "ResourceNotFoundException",
        format!("The specified {what} does not exist."),
    )
}

fn already_exists(what: &str) -> AwsError {
    AwsError::new(
        "ResourceAlreadyExistsException",
        format!("The specified {what} already exists"),
    )
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs() -> (tempfile::TempDir, Logs) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        (folder, Logs::new(ledger))
    }

    fn messages(output: &Value) -> Vec<&str> {
        let events = output["events"].as_array().expect("events");
        events
            .iter()
            .map(|event| event["message"].as_str().expect("a text"))
            .collect()
    }

    #[tokio::test]
    async fn lines_are_read_forward_page_by_page_until_the_token_stays() {
        let (_folder, logs) = logs();
        logs.append("/builds", "b1", ["one", "two", "three"]).expect("append");
        let mut read = Vec::new();
        let mut request = json!({
            "logGroupName": "/builds", "logStreamName": "b1", "startFromHead": true, "limit": 2,
        });
        loop {
            let output = logs.call("GetLogEvents", request.clone()).await.expect("reads");
            read.extend(messages(&output).into_iter().map(str::to_owned));
            if output["nextForwardToken"] == request["nextToken"] {
                break;
            }
            request["nextToken"] = output["nextForwardToken"].clone();
        }
        assert_eq!(read, ["one", "two", "three"]);

        logs.append("/builds", "b1", ["four"]).expect("append");
        let output = logs.call("GetLogEvents", request).await.expect("reads on");
        assert_eq!(messages(&output), ["four"]);
    }

    #[tokio::test]
    async fn without_a_token_the_newest_lines_are_read_and_older_ones_before_them() {
        let (_folder, logs) = logs();
        logs.append("/builds", "b1", ["one", "two", "three"]).expect("append");
        let mut request = json!({"logGroupName": "/builds", "logStreamName": "b1", "limit": 2});
        let output = logs.call("GetLogEvents", request.clone()).await.expect("reads");
        assert_eq!(messages(&output), ["two", "three"]);
        request["nextToken"] = output["nextBackwardToken"].clone();
        let output = logs.call("GetLogEvents", request).await.expect("reads back");
        assert_eq!(messages(&output), ["one"]);
    }

    /// The last line of a failed task is its reason, also after a line that fills a page.
    #[tokio::test]
    async fn page_backwards_ends_with_the_newest_line() {
        let (_folder, logs) = logs();
        let long = "x".repeat(1_500_000);
        logs.append("/tasks", "t1", ["first", long.as_str(), "no such table"])
            .expect("append");
        let mut request = json!({"logGroupName": "/tasks", "logStreamName": "t1", "limit": 20});
        let mut pages = Vec::new();
        for _ in 0..4 {
            let output = logs.call("GetLogEvents", request.clone()).await.expect("reads back");
            pages.push(messages(&output).iter().map(|line| line.len()).collect::<Vec<_>>());
            request["nextToken"] = output["nextBackwardToken"].clone();
        }
        assert_eq!(
            pages,
            [
                vec!["no such table".len()],
                vec![long.len()],
                vec!["first".len()],
                vec![]
            ]
        );
    }

    #[tokio::test]
    async fn a_filter_finds_words_across_streams_and_pages() {
        let (_folder, logs) = logs();
        logs.append("/builds", "a", ["ERROR in a", "fine"]).expect("append");
        logs.append("/builds", "b", ["ERROR in b", "ERROR again"])
            .expect("append");
        let mut request = json!({"logGroupName": "/builds", "filterPattern": "ERROR", "limit": 2});
        let first = logs.call("FilterLogEvents", request.clone()).await.expect("filters");
        assert_eq!(messages(&first), ["ERROR in a", "ERROR in b"]);
        request["nextToken"] = first["nextToken"].clone();
        let second = logs.call("FilterLogEvents", request.clone()).await.expect("filters on");
        assert_eq!(messages(&second), ["ERROR again"]);
        assert!(second.get("nextToken").is_none());

        request["filterPattern"] = json!("{ $.level = 3 }");
        let refused = logs.call("FilterLogEvents", request).await.expect_err("refused");
        assert_eq!(refused.code, "InvalidParameterException");
    }

    #[tokio::test]
    async fn the_wire_api_wants_groups_and_streams_to_exist_and_batches_in_order() {
        let (_folder, logs) = logs();
        let put = |events: Value| json!({"logGroupName": "g", "logStreamName": "s", "logEvents": events});
        let ordered = put(json!([{"timestamp": 1, "message": "a"}, {"timestamp": 2, "message": "b"}]));
        let code = |outcome: Result<Value, AwsError>| outcome.expect_err("refused").code;

        let outcome = logs.call("PutLogEvents", ordered.clone()).await;
        assert_eq!(code(outcome), "ResourceNotFoundException");
        let group = json!({"logGroupName": "g", "logStreamName": "s"});
        logs.call("CreateLogGroup", group.clone()).await.expect("creates");
        logs.call("CreateLogStream", group.clone()).await.expect("creates");
        let outcome = logs.call("CreateLogGroup", group).await;
        assert_eq!(code(outcome), "ResourceAlreadyExistsException");

        logs.call("PutLogEvents", ordered).await.expect("puts");
        let backwards = put(json!([{"timestamp": 2, "message": "a"}, {"timestamp": 1, "message": "b"}]));
        let outcome = logs.call("PutLogEvents", backwards).await;
        assert_eq!(code(outcome), "InvalidParameterException");

        let streams = logs
            .call(
                "DescribeLogStreams",
                json!({"logGroupName": "g", "orderBy": "LastEventTime"}),
            )
            .await
            .expect("describes");
        assert_eq!(streams["logStreams"][0]["lastEventTimestamp"], 2);
        let groups = logs
            .call("DescribeLogGroups", json!({"logGroupNamePrefix": "g"}))
            .await
            .expect("describes");
        assert_eq!(
            groups["logGroups"][0]["arn"],
            "arn:aws:logs:us-east-1:000000000000:log-group:g:*"
        );
    }
}
