//! Up to ten sends, deletions or changes of the visibility in one call, each with its own outcome.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::message::{self, MessageAttributes};
use super::send::{Outgoing, trace};
use super::{Sqs, name_in_url};
use crate::wire::{AwsError, input};

/// The most entries of a call.
const MOST: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Batch<E> {
    queue_url: String,
    entries: Vec<E>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEntry {
    id: String,
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<u32>,
    #[serde(default)]
    message_attributes: MessageAttributes,
    #[serde(default)]
    message_system_attributes: MessageAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteEntry {
    id: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct VisibilityEntry {
    id: String,
    receipt_handle: String,
    visibility_timeout: u32,
}

impl Sqs {
    pub(super) fn send_message_batch(&self, body: Value) -> Result<Value, AwsError> {
        let batch: Batch<SendEntry> = read(body, |entry: &SendEntry| &entry.id)?;
        self.each(batch, |name, entry| {
            let outgoing = trace(entry.message_system_attributes).map(|trace| Outgoing {
                body: entry.message_body,
                delay: entry.delay_seconds,
                attributes: entry.message_attributes,
                trace,
            });
            let sent = outgoing.and_then(|outgoing| self.send_to(name, outgoing));
            (entry.id, sent.map(|sent| message::sent(&sent)))
        })
    }

    pub(super) fn delete_message_batch(&self, body: Value) -> Result<Value, AwsError> {
        let batch: Batch<DeleteEntry> = read(body, |entry: &DeleteEntry| &entry.id)?;
        self.each(batch, |name, entry| {
            let deleted = self.delete_received(name, &entry.receipt_handle);
            (entry.id, deleted.map(|()| Map::new()))
        })
    }

    pub(super) fn change_message_visibility_batch(&self, body: Value) -> Result<Value, AwsError> {
        let batch: Batch<VisibilityEntry> = read(body, |entry: &VisibilityEntry| &entry.id)?;
        self.each(batch, |name, entry| {
            let changed = self.change_visibility(name, &entry.receipt_handle, entry.visibility_timeout);
            (entry.id, changed.map(|()| Map::new()))
        })
    }

    fn each<E>(
        &self,
        batch: Batch<E>,
        work: impl Fn(&str, E) -> (String, Result<Map<String, Value>, AwsError>),
    ) -> Result<Value, AwsError> {
        let name = name_in_url(&batch.queue_url)?;
        // Without the queue the call fails as a whole.
        self.with(name, |_, _| Ok(()))?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in batch.entries {
            match work(name, entry) {
                (id, Ok(mut answer)) => {
                    answer.insert("Id".to_owned(), json!(id));
                    successful.push(Value::Object(answer));
                }
                (id, Err(error)) => failed.push(json!({
                    "Id": id, "Code": error.code, "Message": error.message, "SenderFault": error.status.is_client_error(),
                })),
            }
        }
        Ok(json!({"Successful": successful, "Failed": failed}))
    }
}

/// The entries of a call, which must have ids of their own.
fn read<E: DeserializeOwned>(body: Value, id: impl Fn(&E) -> &String) -> Result<Batch<E>, AwsError> {
    let refused = |code: &'static str, query: &'static str, message: &str| {
        Err(AwsError::new(code, message).with_query_code(query))
    };
    let batch: Batch<E> = input(body)?;
    if batch.entries.is_empty() {
        return refused(
            "EmptyBatchRequest",
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "There should be at least one entry in the request.",
        );
    }
    if batch.entries.len() > MOST {
        return refused(
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10.",
        );
    }
    let ids: std::collections::BTreeSet<&String> = batch.entries.iter().map(&id).collect();
    if ids.len() < batch.entries.len() {
        return refused(
            "BatchEntryIdsNotDistinct",
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        );
    }
    Ok(batch)
}
