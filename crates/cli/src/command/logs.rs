//! `slipway logs`

use serde_json::Value;

use crate::args::Logs;
use crate::client::{Client, LONG_POLL_SECONDS, with_query};
use crate::error::Error;
use crate::output::{Output, text_at};

/// Prints the lines that are there; with `--follow`, those that come until the operation has ended.
pub async fn run(logs: Logs, client: &Client, output: Output) -> Result<(), Error> {
    let path = format!("/v1/operations/{}/logs", logs.operation);
    let mut after: Option<String> = None;
    loop {
        let mut query = Vec::new();
        if logs.follow {
            query.push(("wait", LONG_POLL_SECONDS.to_string()));
        }
        query.extend(after.take().map(|after| ("after", after)));
        let path = with_query(&path, &query);
        let page: Value = if logs.follow {
            client.watch(&path).await?
        } else {
            client.get(&path).await?
        };
        let lines = page["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        for line in lines {
            let text = |line: &Value| format!("{:<16} {}", text_at(line, "step"), text_at(line, "message"));
            output.answer(line, text);
        }
        let ended = page["ended"].as_bool().unwrap_or_default();
        if ended || (!logs.follow && lines.is_empty()) {
            return Ok(());
        }
        after = page["after"].as_str().map(str::to_owned);
    }
}
