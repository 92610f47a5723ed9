//! Receiving messages, and what receivers do with them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::message::{Message, Receipt};
use super::send::after;
use super::{MESSAGE, Sqs, does_not_exist, invalid, key, name_in_url, queue_arn};
use crate::ledger::{Ledger, LedgerError};
use crate::wire::AwsError;

/// The most messages that one receive takes.
const MOST: usize = 10;
/// The longest time that a message is kept from others: 12 hours.
const LONGEST_TIMEOUT: u32 = 43_200;
const LONGEST_WAIT: u32 = 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u32>,
    wait_time_seconds: Option<u32>,
    /// The older name of the next one.
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: u32,
}

/// The result of one check of a queue.
struct Look {
    messages: Vec<Message>,
    /// When to check again if nothing else happens.
    next: Option<Timestamp>,
    changes: watch::Receiver<u64>,
}

impl Sqs {
    pub(super) async fn receive_message(&self, input: ReceiveMessage) -> Result<Value, AwsError> {
        let name = name_in_url(&input.queue_url)?;
        input.check()?;
        let wait = self.with(name, |_, queue| {
            Ok(input
                .wait_time_seconds
                .unwrap_or_else(|| queue.attributes().wait_seconds()))
        })?;
        let end = after(self.now(), wait);
        loop {
            let mut look = self.take(name, &input)?;
            if !look.messages.is_empty() {
                return Ok(input.answer(name, &look.messages));
            }
            if self.now() >= end {
                return Ok(json!({}));
            }
            tokio::select! {
                () = self.shared.stopped.cancelled() => return Ok(json!({})),
                // An error means that the queue was deleted: the next check reports it.
                _ = look.changes.changed() => {}
                () = self.shared.clock.sleep_until(look.next.map_or(end, |next| next.min(end))) => {}
            }
        }
    }

    /// Takes what can be received now. What has been received too often goes to the dead-letter queue.
    fn take(&self, name: &str, input: &ReceiveMessage) -> Result<Look, AwsError> {
        let mut queues = self.queues();
        let queue = queues.get_mut(name).ok_or_else(does_not_exist)?;
        let now = self.now();
        queue.expire(&self.shared.ledger, name, now)?;
        let redrive = queue.attributes().redrive();
        let timeout = input.visibility_timeout;
        let timeout = timeout.unwrap_or_else(|| queue.attributes().visibility_timeout());
        let wanted = input.max_number_of_messages.unwrap_or(1);
        // A dead-letter queue that was deleted keeps nothing.
        let dead = redrive.filter(|redrive| queues.contains_key(&redrive.queue));
        let (mut taken, mut dead_ones) = (Vec::new(), Vec::new());
        let queue = queues.get(name).ok_or_else(does_not_exist)?;
        for number in queue.index.receivable(now) {
            if taken.len() == wanted {
                break;
            }
            let Some(message) = self.shared.ledger.get::<Message>(MESSAGE, &key(name, number))? else {
                continue;
            };
            match &dead {
                Some(dead) if message.receives >= dead.most => dead_ones.push(message),
                _ => taken.push(message.received(now, timeout)),
            }
        }
        if let Some(dead) = dead {
            let target = queues.get(&dead.queue).map(|target| target.index.next_number());
            let moved = moved(dead_ones, target.unwrap_or(1), name);
            write(&self.shared.ledger, name, &taken, &dead.queue, &moved)?;
            for (before, message) in moved {
                queues
                    .get_mut(name)
                    .into_iter()
                    .for_each(|queue| queue.index.remove(before));
                if let Some(target) = queues.get_mut(&dead.queue) {
                    target.index.put(message.number, message.place());
                    target.announce();
                }
            }
        } else {
            write(&self.shared.ledger, name, &taken, name, &[])?;
        }
        let queue = queues.get_mut(name).ok_or_else(does_not_exist)?;
        for message in &taken {
            queue.index.put(message.number, message.place());
        }
        if !taken.is_empty() {
            queue.announce();
        }
        Ok(Look {
            messages: taken,
            next: queue.index.next_after(now),
            changes: queue.changes.subscribe(),
        })
    }

    pub(super) fn delete_message(&self, input: &DeleteMessage) -> Result<Value, AwsError> {
        self.delete_received(name_in_url(&input.queue_url)?, &input.receipt_handle)?;
        Ok(json!({}))
    }

    /// As on AWS it is no error if the message no longer exists, or has been received again since.
    pub(super) fn delete_received(&self, name: &str, handle: &str) -> Result<(), AwsError> {
        self.with(name, |ledger, queue| {
            let receipt = Receipt::parse(name, handle)?;
            if let Some(message) = receipt.message(ledger, name)? {
                ledger.delete(MESSAGE, &key(name, message.number))?;
                queue.index.remove(message.number);
                queue.announce();
            }
            Ok(())
        })
    }

    pub(super) fn change_message_visibility(&self, input: &ChangeMessageVisibility) -> Result<Value, AwsError> {
        let name = name_in_url(&input.queue_url)?;
        self.change_visibility(name, &input.receipt_handle, input.visibility_timeout)?;
        Ok(json!({}))
    }

    pub(super) fn change_visibility(&self, name: &str, receipt: &str, seconds: u32) -> Result<(), AwsError> {
        check_timeout(seconds)?;
        let now = self.now();
        self.with(name, |ledger, queue| {
            let receipt = Receipt::parse(name, receipt)?;
            let message = receipt.message(ledger, name)?;
            let Some(mut message) = message.filter(|message| message.from > now) else {
                let message = "The specified message isn't in flight.";
                return Err(AwsError::new("MessageNotInflight", message)
                    .with_query_code("AWS.SimpleQueueService.MessageNotInflight"));
            };
            message.from = after(now, seconds);
            ledger.put(MESSAGE, &key(name, message.number), &message)?;
            queue.index.put(message.number, message.place());
            queue.announce();
            Ok(())
        })
    }
}

impl ReceiveMessage {
    fn check(&self) -> Result<(), AwsError> {
        if self
            .max_number_of_messages
            .is_some_and(|most| !(1..=MOST).contains(&most))
        {
            return Err(out_of("MaxNumberOfMessages", "must be between 1 and 10, if provided."));
        }
        if self.wait_time_seconds.is_some_and(|wait| wait > LONGEST_WAIT) {
            return Err(out_of("WaitTimeSeconds", "must be >= 0 and <= 20, if provided."));
        }
        self.visibility_timeout.map_or(Ok(()), check_timeout)
    }

    fn answer(&self, queue: &str, messages: &[Message]) -> Value {
        let is_asked = |name: &str| {
            self.message_attribute_names
                .iter()
                .any(|asked| match asked.strip_suffix(".*") {
                    Some(prefix) => name.starts_with(prefix),
                    None => asked == "All" || asked == name,
                })
        };
        let mut system = self.attribute_names.iter().chain(&self.message_system_attribute_names);
        let system: Vec<&String> = system.by_ref().collect();
        let is_system_asked = |name: &str| system.iter().any(|asked| *asked == "All" || *asked == name);
        let messages = messages
            .iter()
            .map(|message| message.to_json(queue, is_asked, is_system_asked));
        json!({"Messages": messages.collect::<Vec<_>>()})
    }
}

impl Receipt {
    /// The message, unless it was deleted or received again since.
    fn message(&self, ledger: &Ledger, queue: &str) -> Result<Option<Message>, LedgerError> {
        let message = ledger.get::<Message>(MESSAGE, &key(queue, self.number))?;
        Ok(message.filter(|message| message.id == self.id && message.receives == self.receives))
    }
}

impl Message {
    /// The message after a receive.
    fn received(mut self, now: Timestamp, timeout: u32) -> Self {
        self.receives += 1;
        self.first_received.get_or_insert(now);
        self.from = after(now, timeout);
        self
    }
}

/// The messages with their places in the dead-letter queue, each after the number that it had.
fn moved(messages: Vec<Message>, first: u64, source: &str) -> Vec<(u64, Message)> {
    let numbered = messages.into_iter().zip(first..);
    numbered
        .map(|(message, number)| {
            let before = message.number;
            let source = Some(queue_arn(source));
            (
                before,
                Message {
                    number,
                    source,
                    ..message
                },
            )
        })
        .collect()
}

fn write(
    ledger: &Ledger,
    name: &str,
    taken: &[Message],
    dead: &str,
    moved: &[(u64, Message)],
) -> Result<(), LedgerError> {
    if taken.is_empty() && moved.is_empty() {
        return Ok(());
    }
    ledger.transaction(|ledger| {
        for message in taken {
            ledger.put(MESSAGE, &key(name, message.number), message)?;
        }
        for (before, message) in moved {
            ledger.delete(MESSAGE, &key(name, *before))?;
            ledger.put(MESSAGE, &key(dead, message.number), message)?;
        }
        Ok(())
    })
}

fn check_timeout(seconds: u32) -> Result<(), AwsError> {
    if seconds > LONGEST_TIMEOUT {
        return Err(out_of("VisibilityTimeout", "must be >= 0 and <= 43200, if provided."));
    }
    Ok(())
}

fn out_of(parameter: &str, reason: &str) -> AwsError {
    invalid(format!("Value for parameter {parameter} is invalid. Reason: {reason}"))
}
