//! The reading half of CloudWatch Logs.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{EVENT, Event, GROUP, Group, Logs, STREAM, Stream, group_arn, invalid, missing, stream_id};
use crate::wire::{AwsError, arn};

/// AWS's own: at most this many events in an answer, or as many as fit into 1 MB.
const PAGE_EVENTS: usize = 10_000;
const PAGE_BYTES: usize = 1_048_576;
/// AWS's own: at most this many groups or streams in an answer.
const PAGE_NAMES: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEventsInput {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    start_from_head: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEventsOutput {
    events: Vec<Event>,
    next_forward_token: String,
    next_backward_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEventsInput {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEventsOutput {
    events: Vec<FilteredEvent>,
    searched_log_streams: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilteredEvent {
    event_id: String,
    log_stream_name: String,
    #[serde(flatten)]
    event: Event,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeGroupsInput {
    log_group_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeStreamsInput {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl Logs {
    pub(super) fn get_events(&self, input: &GetLogEventsInput) -> Result<GetLogEventsOutput, AwsError> {
        let group = group_name(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        self.require(&group, Some(&input.log_stream_name))?;
        let id = stream_id(&group, &input.log_stream_name);
        let limit = page_limit(input.limit, PAGE_EVENTS)?;
        let last = self.ledger.last(EVENT, &id)?;
        let start = match input.next_token.as_deref().map(Position::parse).transpose()? {
            Some(start) => start,
            None if input.start_from_head => Position::Forward(1),
            None => Position::Backward(last + 1),
        };
        let (first, count) = match start {
            Position::Forward(number) => (number, limit),
            Position::Backward(number) => before(number, limit),
        };
        let mut events: Vec<(u64, Event)> = self.ledger.page(EVENT, &id, first, count)?;
        match start {
            Position::Forward(_) => events.truncate(fitting(events.iter())),
            // What does not fit is before the page, and the next one back has it.
            Position::Backward(_) => drop(events.drain(..events.len() - fitting(events.iter().rev()))),
        }
        // As on AWS, the end of a stream shows in a forward token that does not change.
        let next = events.last().map_or(first.min(last + 1), |(number, _)| number + 1);
        let previous = events.first().map_or(first, |(number, _)| *number);
        events.retain(|(_, event)| within(event, input.start_time, input.end_time));
        Ok(GetLogEventsOutput {
            events: events.into_iter().map(|(_, event)| event).collect(),
            next_forward_token: Position::Forward(next).to_string(),
            next_backward_token: Position::Backward(previous).to_string(),
        })
    }

    pub(super) fn filter_events(&self, input: &FilterLogEventsInput) -> Result<FilterLogEventsOutput, AwsError> {
        let group = group_name(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        self.require(&group, None)?;
        let terms = filter_terms(input.filter_pattern.as_deref().unwrap_or_default())?;
        let limit = page_limit(input.limit, PAGE_EVENTS)?;
        let (from_stream, mut from) = match input.next_token.as_deref() {
            Some(token) => parse_filter_token(token)?,
            None => (String::new(), 1),
        };
        let prefix = stream_id(&group, input.log_stream_name_prefix.as_deref().unwrap_or_default());
        let mut output = FilterLogEventsOutput {
            events: Vec::new(),
            searched_log_streams: Vec::new(),
            next_token: None,
        };
        for (id, stream) in self.ledger.list_under::<Stream>(STREAM, &prefix)? {
            let name = stream.log_stream_name;
            let asked_for = input.log_stream_names.is_empty() || input.log_stream_names.contains(&name);
            if !asked_for || name < from_stream {
                continue;
            }
            if name != from_stream {
                from = 1;
            }
            loop {
                let page = self.ledger.page::<Event>(EVENT, &id, from, PAGE_EVENTS)?;
                if page.is_empty() {
                    break;
                }
                for (number, event) in page {
                    if output.events.len() == limit {
                        output.next_token = Some(format!("{number}/{name}"));
                        return Ok(output);
                    }
                    let fits = within(&event, input.start_time, input.end_time)
                        && terms.iter().all(|term| event.message.contains(term.as_str()));
                    if fits {
                        output.events.push(FilteredEvent {
                            event_id: format!("{id}:{number}"),
                            log_stream_name: name.clone(),
                            event,
                        });
                    }
                    from = number + 1;
                }
            }
        }
        output.events.sort_by_key(|found| found.event.timestamp);
        Ok(output)
    }

    pub(super) fn describe_groups(&self, input: &DescribeGroupsInput) -> Result<Value, AwsError> {
        let limit = page_limit(input.limit, PAGE_NAMES)?;
        let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
        let groups: Vec<(String, Group)> = self.ledger.list_under(GROUP, prefix)?;
        let after = input.next_token.as_deref().unwrap_or_default();
        let mut rest = groups.into_iter().filter(|(name, _)| name.as_str() > after);
        let page: Vec<(String, Group)> = rest.by_ref().take(limit).collect();
        let mut output = json!({
            "logGroups": page.iter().map(|(name, group)| json!({
                "logGroupName": name,
                "creationTime": group.creation_time,
                "arn": format!("{}:*", group_arn(name)),
                "logGroupArn": group_arn(name),
                "metricFilterCount": 0,
            })).collect::<Vec<_>>(),
        });
        if let (Some(_), Some((name, _))) = (rest.next(), page.last()) {
            output["nextToken"] = json!(name);
        }
        Ok(output)
    }

    pub(super) fn describe_streams(&self, input: &DescribeStreamsInput) -> Result<Value, AwsError> {
        let group = group_name(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
        self.require(&group, None)?;
        let limit = page_limit(input.limit, PAGE_NAMES)?;
        let prefix = stream_id(&group, input.log_stream_name_prefix.as_deref().unwrap_or_default());
        let mut streams: Vec<(String, Stream)> = self.ledger.list_under(STREAM, &prefix)?;
        match input.order_by.as_deref() {
            None | Some("LogStreamName") => {}
            Some("LastEventTime") if input.log_stream_name_prefix.is_none() => {
                streams.sort_by_key(|(_, stream)| stream.last_event_timestamp);
            }
            Some(_) => {
                return Err(invalid(
                    "orderBy is LogStreamName or LastEventTime, and LastEventTime cannot be combined with a prefix.",
                ));
            }
        }
        if input.descending {
            streams.reverse();
        }
        let skip: usize = match input.next_token.as_deref() {
            Some(token) => token.parse().map_err(|_| bad_token())?,
            None => 0,
        };
        let more = streams.len() > skip.saturating_add(limit);
        let page: Vec<Value> = streams
            .into_iter()
            .skip(skip)
            .take(limit)
            .map(|(_, stream)| described(&group, &stream))
            .collect();
        let mut output = json!({ "logStreams": page });
        if more {
            output["nextToken"] = json!((skip + limit).to_string());
        }
        Ok(output)
    }

    fn require(&self, group: &str, stream: Option<&str>) -> Result<(), AwsError> {
        if self.ledger.get::<Group>(GROUP, group)?.is_none() {
            return Err(missing("log group"));
        }
        if let Some(stream) = stream
            && self.ledger.get::<Stream>(STREAM, &stream_id(group, stream))?.is_none()
        {
            return Err(missing("log stream"));
        }
        Ok(())
    }
}

fn described(group: &str, stream: &Stream) -> Value {
    let mut value = json!(stream);
    let name = &stream.log_stream_name;
    value["arn"] = json!(arn("logs", &format!("log-group:{group}:log-stream:{name}")));
    value["storedBytes"] = json!(0);
    value
}

/// Where a page begins or ends, as the tokens of `GetLogEvents` say it.
enum Position {
    Forward(u64),
    Backward(u64),
}

impl Position {
    fn parse(token: &str) -> Result<Self, AwsError> {
        let number = |text: &str| text.parse().map_err(|_| bad_token());
        if let Some(text) = token.strip_prefix("f/") {
            Ok(Self::Forward(number(text)?))
        } else if let Some(text) = token.strip_prefix("b/") {
            Ok(Self::Backward(number(text)?))
        } else {
            Err(bad_token())
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Forward(number) => write!(f, "f/{number}"),
            Self::Backward(number) => write!(f, "b/{number}"),
        }
    }
}

/// The first number and the count of the `limit` events before `number`.
fn before(number: u64, limit: usize) -> (u64, usize) {
    let first = number.saturating_sub(limit as u64).max(1);
    let count = usize::try_from(number.saturating_sub(first)).unwrap_or(limit);
    (first, count)
}

/// How many of the events fit into a page, in this order; the first one always does.
fn fitting<'a>(events: impl ExactSizeIterator<Item = &'a (u64, Event)>) -> usize {
    let (all, mut size) = (events.len(), 0);
    let fitting = events
        .take_while(|(_, event)| {
            size += event.message.len();
            size <= PAGE_BYTES
        })
        .count();
    fitting.max(1).min(all)
}

fn within(event: &Event, start: Option<i64>, end: Option<i64>) -> bool {
    start.is_none_or(|start| event.timestamp >= start) && end.is_none_or(|end| event.timestamp < end)
}

fn group_name(name: Option<&str>, identifier: Option<&str>) -> Result<String, AwsError> {
    let given = name.or(identifier).ok_or_else(|| invalid("logGroupName is missing."))?;
    let prefix = arn("logs", "log-group:");
    let name = given.strip_prefix(&prefix).unwrap_or(given);
    Ok(name.strip_suffix(":*").unwrap_or(name).to_owned())
}

fn page_limit(asked: Option<usize>, most: usize) -> Result<usize, AwsError> {
    match asked {
        None => Ok(most),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(invalid(format!("limit must be between 1 and {most}, not {limit}."))),
    }
}

/// The words that a line must contain. Patterns beyond that are refused rather than answered wrongly.
fn filter_terms(pattern: &str) -> Result<Vec<String>, AwsError> {
    let refused = || {
        invalid(format!(
            "This emulator matches words and one quoted phrase in a filter pattern; it does not support `{pattern}`."
        ))
    };
    let pattern = pattern.trim();
    if let Some(phrase) = pattern.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return if phrase.contains('"') {
            Err(refused())
        } else {
            Ok(vec![phrase.to_owned()])
        };
    }
    if pattern.starts_with(['{', '[', '%']) || pattern.contains(['"', '?']) {
        return Err(refused());
    }
    let words: Vec<String> = pattern.split_whitespace().map(str::to_owned).collect();
    if words.iter().any(|word| word.starts_with('-')) {
        Err(refused())
    } else {
        Ok(words)
    }
}

fn parse_filter_token(token: &str) -> Result<(String, u64), AwsError> {
    let (number, stream) = token.split_once('/').ok_or_else(bad_token)?;
    Ok((stream.to_owned(), number.parse().map_err(|_| bad_token())?))
}

fn bad_token() -> AwsError {
    invalid("The specified nextToken is invalid.")
}
