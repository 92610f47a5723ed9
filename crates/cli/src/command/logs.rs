//! `slipway logs`

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use slipway_api_types::{LogLines, ServiceLog};
use slipway_model::id::OperationId;
use slipway_model::name::Name;

use crate::args::{Logs, OperationRef};
use crate::client::{Client, LONG_POLL_SECONDS, read_as, with_query};
use crate::error::Error;
use crate::operation_of::shown_operation;
use crate::output::{Output, moment, text_at};
use crate::stack_id::stack_id;
use crate::stack_view::{has_requested_release, lacks_release, no_release, release_create};

/// How far back the log of a service is read unless the caller says it.
const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// How much of a task's ID is shown, as in the AWS console.
const TASK_SHOWN: usize = 8;

/// Prints the lines that are there; with `--follow`, those that come until the operation has ended.
pub async fn run(logs: Logs, client: &Client, output: Output) -> Result<(), Error> {
    if let Some(service) = &logs.service {
        return of_service(&logs, service, client, output).await;
    }
    let operation = shown_operation(&logs.operation, client, output).await?;
    note_queued(&operation, client, output).await;
    let mut has_lines = false;
    let has_ended = read(&operation, logs.follow, client, output, |line| {
        has_lines = true;
        output.answer(line, step_line);
    })
    .await?;
    if has_ended && !has_lines {
        output.note("The operation wrote no log.");
    }
    Ok(())
}

/// Says that a queued operation has no log. One that cannot be read is no reason to fail: the log says why.
async fn note_queued(operation: &OperationId, client: &Client, output: Output) {
    let shown: Option<Value> = client.get(&format!("/v1/operations/{operation}")).await.ok();
    if let Some(position) = shown.and_then(|shown| shown["position"].as_u64()) {
        output.note(&format!(
            "{operation} is queued (position {position}) and has no log yet"
        ));
    }
}

/// Prints what the containers of a service printed; with `--follow`, also what they print from now on.
async fn of_service(logs: &Logs, service: &Name, client: &Client, output: Output) -> Result<(), Error> {
    let OperationRef::Stack(stack) = &logs.operation else {
        let text = "an operation has no services: name a stack with `--service`";
        return Err(Error::Usage(text.to_owned()));
    };
    let stack = stack_id(stack, client).await?;
    let path = format!("/v1/stacks/{stack}/services/{service}/logs");
    let since = Timestamp::now() - logs.since.unwrap_or(RECENT);
    let mut place: Option<(&str, String)> = Some(("since", since.to_string()));
    let mut has_lines = false;
    loop {
        let mut query: Vec<_> = place.take().into_iter().collect();
        if logs.follow {
            query.push(("wait", LONG_POLL_SECONDS.to_string()));
        }
        let path = with_query(&path, &query);
        let page: Value = if logs.follow {
            client.watch(&path, |trouble| output.note(trouble)).await?
        } else {
            client.get(&path).await?
        };
        let read: ServiceLog = read_as(&path, &page)?;
        for line in page["lines"].as_array().into_iter().flatten() {
            has_lines = true;
            output.answer(line, service_line);
        }
        if !logs.follow && !read.more {
            if !has_lines {
                // It only adds to the empty log: if the stack cannot be read, the time range says enough.
                let shown: Option<Value> = client.get(&format!("/v1/stacks/{stack}")).await.ok();
                let why = shown.as_ref().and_then(|shown| never_ran(shown, service));
                output.note(&why.unwrap_or_else(|| no_lines(service, since, Timestamp::now())));
            }
            return Ok(());
        }
        place = Some(("after", read.after));
    }
}

/// That a service does not run yet, because no release of its stack was requested.
fn never_ran(stack: &Value, service: &Name) -> Option<String> {
    let name = format!("{}/{}", text_at(stack, "environment"), text_at(stack, "name"));
    let is_new = lacks_release(stack) && !has_requested_release(stack);
    is_new.then(|| {
        let (why, release) = (no_release(stack), release_create(&name));
        format!("The service `{service}` does not run yet. {why}: {release}")
    })
}

/// That a service printed nothing in a time, and how to read more.
fn no_lines(service: &Name, since: Timestamp, until: Timestamp) -> String {
    format!(
        "The service `{service}` printed no line from {} to {}. Read a longer time with `--since 24h`.",
        moment(since),
        moment(until)
    )
}

/// A line with its time and its step. Names of steps have items, so that no column is wide enough for all.
fn step_line(line: &Value) -> String {
    format!(
        "{} {:<22} | {}",
        time(line),
        text_at(line, "step"),
        text_at(line, "message")
    )
}

/// The time of a line, to the second.
fn time(line: &Value) -> String {
    let time = line["time"].as_str().unwrap_or_default();
    let time = time.split('.').next().unwrap_or_default().trim_end_matches('Z');
    format!("{time}Z")
}

fn service_line(line: &Value) -> String {
    let task: String = text_at(line, "task").chars().take(TASK_SHOWN).collect();
    format!(
        "{} {}/{task} {}",
        time(line),
        text_at(line, "container"),
        text_at(line, "message")
    )
}

/// Prints what a task has printed, page after page. Only its container writes to the log of its operation.
pub async fn of_task(operation: &OperationId, client: &Client, output: Output) -> Result<(), Error> {
    read(operation, false, client, output, |line| {
        output.say(&format!("  {}", text_at(line, "message")));
    })
    .await
    .map(drop)
}

/// Prints the lines; whether the operation has ended, so that no line can follow.
async fn read(
    operation: &OperationId,
    follow: bool,
    client: &Client,
    output: Output,
    mut print: impl FnMut(&Value),
) -> Result<bool, Error> {
    let path = format!("/v1/operations/{operation}/logs");
    let mut after: Option<String> = None;
    loop {
        let mut query = Vec::new();
        if follow {
            query.push(("wait", LONG_POLL_SECONDS.to_string()));
        }
        query.extend(after.take().map(|after| ("after", after)));
        let path = with_query(&path, &query);
        let page: Value = if follow {
            client.watch(&path, |trouble| output.note(trouble)).await?
        } else {
            client.get(&path).await?
        };
        let read: LogLines = read_as(&path, &page)?;
        page["lines"].as_array().into_iter().flatten().for_each(&mut print);
        if read.ended || (!follow && read.lines.is_empty()) {
            return Ok(read.ended);
        }
        after = Some(read.after);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn log_line_has_its_time_step_and_message() {
        for (step, shown) in [
            ("Plan", "Plan                   | ok"),
            ("Run migration: migrate", "Run migration: migrate | ok"),
            ("Run migration: backfill", "Run migration: backfill | ok"),
        ] {
            let line = json!({"time": "2026-11-30T00:00:01.5Z", "step": step, "message": "ok"});
            assert_eq!(step_line(&line), format!("2026-11-30T00:00:01Z {shown}"));
        }
    }

    #[test]
    fn silent_service_is_reported_with_the_time_range() {
        let until: Timestamp = "2026-11-30T00:10:00Z".parse().expect("a time");
        assert_eq!(
            no_lines(&"web".parse().expect("a name"), until - RECENT, until),
            "The service `web` printed no line from 2026-11-30T00:00:00Z to 2026-11-30T00:10:00Z. Read a longer time with `--since 24h`."
        );
    }

    #[test]
    fn service_without_a_release_is_said_not_to_run() {
        let service: Name = "web".parse().expect("a name");
        let mut stack = json!({
            "environment": "live", "name": "shop", "services": ["web"], "current_release": null, "last_release": 0,
        });
        assert_eq!(
            never_ran(&stack, &service).as_deref(),
            Some(
                "The service `web` does not run yet. The stack has no release yet: slipway release create live/shop --image SERVICE=IMAGE"
            )
        );
        stack["last_release"] = json!(1);
        assert_eq!(never_ran(&stack, &service), None);
    }

    #[test]
    fn line_of_a_service_has_its_time_to_the_second() {
        let line =
            json!({"time": "2026-11-30T00:00:59.987Z", "container": "web", "task": "0123456789", "message": "ok"});
        assert_eq!(service_line(&line), "2026-11-30T00:00:59Z web/01234567 ok");
    }
}
