//! The calls on queues themselves.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attributes::{self, Attributes, wrong_value};
use super::index::Index;
use super::{MESSAGE, QUEUE, Queue, Sqs, does_not_exist, invalid, name_in_url, prefix, queue_arn};
use crate::ledger::LedgerError;
use crate::wire::{ACCOUNT, AwsError};

/// The longest page of `ListQueues`, and the one that a caller gets who names none.
const PAGE: usize = 1000;

/// A queue, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct QueueRecord {
    pub(super) attributes: Attributes,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    /// There is one user, so tags distinguish nothing.
    #[serde(default, rename = "tags", alias = "Tags")]
    _tags: BTreeMap<String, String>,
}

/// The input of the calls that take a queue alone.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfQueue {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetQueueUrl {
    queue_name: String,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SetQueueAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListQueues {
    #[serde(default)]
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Sqs {
    /// Makes a queue, or brings its attributes up to date: at the start of the server, as the template has it.
    pub fn ensure_queue(&self, name: &str, attributes: BTreeMap<String, String>) -> Result<(), AwsError> {
        if self.queues().contains_key(name) {
            self.change_attributes(name, attributes)
        } else {
            self.create(name, attributes)
        }
    }

    pub(super) fn create_queue(&self, input: CreateQueue) -> Result<Value, AwsError> {
        self.create(&input.queue_name, input.attributes)?;
        Ok(json!({"QueueUrl": self.url(&input.queue_name)}))
    }

    fn create(&self, name: &str, given: BTreeMap<String, String>) -> Result<(), AwsError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if name.strip_suffix(".fifo").is_some() {
            return Err(invalid(
                "This emulator supports standard queues, whose names have no .fifo at the end.",
            ));
        }
        if !(1..=80).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(invalid(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            ));
        }
        let mut attributes = Attributes::default();
        attributes.set(given)?;
        let mut queues = self.queues();
        if let Some(known) = queues.get(name) {
            return match known.attributes().differs(&attributes) {
                None => Ok(()),
                Some(other) => Err(AwsError::new(
                    "QueueNameExists",
                    format!("A queue already exists with the same name and a different value for attribute {other}"),
                )
                .with_query_code("QueueAlreadyExists")),
            };
        }
        check_redrive(&attributes, &queues, name)?;
        let now = self.now();
        let record = QueueRecord {
            attributes,
            created: now,
            modified: now,
        };
        self.shared.ledger.put(QUEUE, name, &record)?;
        queues.insert(name.to_owned(), Queue::new(record, Index::default()));
        Ok(())
    }

    pub(super) fn delete_queue(&self, input: &OfQueue) -> Result<Value, AwsError> {
        let name = name_in_url(&input.queue_url)?;
        let mut queues = self.queues();
        if !queues.contains_key(name) {
            return Err(does_not_exist());
        }
        self.shared.ledger.transaction(|ledger| {
            for (key, _) in ledger.list_under::<Value>(MESSAGE, &prefix(name))? {
                ledger.delete(MESSAGE, &key)?;
            }
            ledger.delete(QUEUE, name).map(drop)
        })?;
        // Who waits for its messages hears of its end.
        queues.remove(name);
        Ok(json!({}))
    }

    pub(super) fn get_queue_url(&self, input: &GetQueueUrl) -> Result<Value, AwsError> {
        let of_here = input.owner.as_deref().is_none_or(|owner| owner == ACCOUNT);
        if of_here && self.queues().contains_key(&input.queue_name) {
            Ok(json!({"QueueUrl": self.url(&input.queue_name)}))
        } else {
            Err(does_not_exist())
        }
    }

    pub(super) fn get_queue_attributes(&self, input: &GetQueueAttributes) -> Result<Value, AwsError> {
        let name = name_in_url(&input.queue_url)?;
        let mut all = self.with(name, |_, queue| Ok(queue.all_attributes(name, self.now())))?;
        let asked = &input.attribute_names;
        let is_known = |asked: &String| asked == "All" || all.contains_key(asked) || attributes::is_known(asked);
        if let Some(other) = asked.iter().find(|asked| !is_known(asked)) {
            let message = format!("Unknown Attribute {other}.");
            return Err(AwsError::new("InvalidAttributeName", message));
        }
        if !asked.iter().any(|asked| asked == "All") {
            all.retain(|name, _| asked.contains(name));
        }
        if all.is_empty() {
            return Ok(json!({}));
        }
        Ok(json!({ "Attributes": all }))
    }

    pub(super) fn set_queue_attributes(&self, input: SetQueueAttributes) -> Result<Value, AwsError> {
        self.change_attributes(name_in_url(&input.queue_url)?, input.attributes)?;
        Ok(json!({}))
    }

    fn change_attributes(&self, name: &str, given: BTreeMap<String, String>) -> Result<(), AwsError> {
        let mut queues = self.queues();
        let mut record = queues.get(name).ok_or_else(does_not_exist)?.record.clone();
        record.attributes.set(given)?;
        check_redrive(&record.attributes, &queues, name)?;
        let queue = queues.get_mut(name).ok_or_else(does_not_exist)?;
        if queue.record.attributes != record.attributes {
            record.modified = self.now();
            self.shared.ledger.put(QUEUE, name, &record)?;
            queue.record = record;
        }
        Ok(())
    }

    pub(super) fn list_queues(&self, input: &ListQueues) -> Result<Value, AwsError> {
        let size = input.max_results.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&size) {
            return Err(invalid("MaxResults must be a whole number from 1 to 1000."));
        }
        let place = |token: &String| {
            let name = URL_SAFE_NO_PAD.decode(token).ok().map(String::from_utf8);
            name.and_then(Result::ok)
                .ok_or_else(|| invalid("NextToken is not one that ListQueues gave."))
        };
        let after = input.next_token.as_ref().map(place).transpose()?;
        let queues = self.queues();
        let mut names = queues
            .keys()
            .filter(|name| {
                name.starts_with(&input.queue_name_prefix) && after.as_ref().is_none_or(|after| *name > after)
            })
            .peekable();
        let page: Vec<&String> = names.by_ref().take(size).collect();
        let mut answer = json!({});
        if let (Some(last), Some(_)) = (page.last(), names.peek()) {
            answer["NextToken"] = json!(URL_SAFE_NO_PAD.encode(last));
        }
        if !page.is_empty() {
            answer["QueueUrls"] = page.iter().map(|name| self.url(name)).collect();
        }
        Ok(answer)
    }

    pub(super) fn purge_queue(&self, input: &OfQueue) -> Result<Value, AwsError> {
        let name = name_in_url(&input.queue_url)?;
        self.with(name, |ledger, queue| {
            ledger
                .transaction(|ledger| {
                    let messages = ledger.list_under::<Value>(MESSAGE, &prefix(name))?;
                    let mut keys = messages.into_iter().map(|(key, _)| key);
                    keys.try_for_each(|key| ledger.delete(MESSAGE, &key).map(drop))
                })
                .map_err(|error: LedgerError| AwsError::from(error))?;
            queue.index.clear();
            queue.announce();
            Ok(json!({}))
        })
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.shared.endpoint)
    }
}

impl Queue {
    fn all_attributes(&self, name: &str, now: Timestamp) -> BTreeMap<String, String> {
        let counts = self.index.counts(now);
        let mut all = self.attributes().all();
        all.extend(
            [
                ("ApproximateNumberOfMessages", counts.visible.to_string()),
                ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
                ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
                ("CreatedTimestamp", self.record.created.as_second().to_string()),
                ("LastModifiedTimestamp", self.record.modified.as_second().to_string()),
                ("QueueArn", queue_arn(name)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        all
    }
}

/// The dead-letter queue has to be there, and is another one.
fn check_redrive(attributes: &Attributes, queues: &BTreeMap<String, Queue>, name: &str) -> Result<(), AwsError> {
    match attributes.redrive() {
        Some(redrive) if redrive.queue == name => Err(wrong_value(
            "RedrivePolicy",
            "A queue is not its own dead-letter queue.",
        )),
        Some(redrive) if !queues.contains_key(&redrive.queue) => {
            Err(wrong_value("RedrivePolicy", "Dead letter target does not exist."))
        }
        _ => Ok(()),
    }
}
