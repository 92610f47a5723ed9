//! Sending messages.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::message::{self, Message, MessageAttribute, MessageAttributes};
use super::{MESSAGE, Queue, Sqs, does_not_exist, invalid, key, name_in_arn, name_in_url};
use crate::wire::{AwsError, request_id};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SendMessage {
    queue_url: String,
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<u32>,
    #[serde(default)]
    message_attributes: MessageAttributes,
    #[serde(default)]
    message_system_attributes: MessageAttributes,
}

/// What is to be sent, to whichever queue.
pub(super) struct Outgoing {
    pub(super) body: String,
    pub(super) delay: Option<u32>,
    pub(super) attributes: MessageAttributes,
    pub(super) trace: Option<String>,
}

impl Sqs {
    /// Sends a message to the queue of an ARN, from inside this process.
    pub fn send(&self, queue_arn: &str, body: &Value, attributes: &[(&str, String)]) -> Result<(), AwsError> {
        let name = name_in_arn(queue_arn).ok_or_else(does_not_exist)?;
        let attributes = attributes.iter().map(|(name, value)| {
            let value = MessageAttribute::text(value.as_str());
            ((*name).to_owned(), value)
        });
        let outgoing = Outgoing {
            body: body.to_string(),
            delay: None,
            attributes: attributes.collect(),
            trace: None,
        };
        self.send_to(name, outgoing).map(drop)
    }

    pub(super) fn send_message(&self, input: SendMessage) -> Result<Value, AwsError> {
        let name = name_in_url(&input.queue_url)?;
        let outgoing = Outgoing {
            body: input.message_body,
            delay: input.delay_seconds,
            attributes: input.message_attributes,
            trace: trace(input.message_system_attributes)?,
        };
        let message = self.send_to(name, outgoing)?;
        Ok(Value::Object(message::sent(&message)))
    }

    pub(super) fn send_to(&self, name: &str, outgoing: Outgoing) -> Result<Message, AwsError> {
        let length = message::check(&outgoing.body, &outgoing.attributes)?;
        if outgoing.delay.is_some_and(|delay| delay > 900) {
            return Err(invalid(
                "Value for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
            ));
        }
        self.with(name, |ledger, queue| {
            let largest = queue.attributes().largest_message();
            if length > largest {
                return Err(invalid(format!(
                    "One or more parameters are invalid. Reason: Message must be shorter than {largest} bytes."
                )));
            }
            let message = queue.message(outgoing, self.now());
            ledger.put(MESSAGE, &key(name, message.number), &message)?;
            queue.index.put(message.number, message.place());
            queue.announce();
            Ok(message)
        })
    }
}

impl Queue {
    fn message(&self, outgoing: Outgoing, now: Timestamp) -> Message {
        let delay = outgoing.delay.unwrap_or_else(|| self.attributes().delay_seconds());
        Message {
            id: request_id(),
            number: self.index.next_number(),
            body: outgoing.body,
            attributes: outgoing.attributes,
            trace: outgoing.trace,
            sent: now,
            from: after(now, delay),
            receives: 0,
            first_received: None,
            source: None,
        }
    }
}

/// The one attribute of the system that senders may give.
pub(super) fn trace(mut attributes: BTreeMap<String, MessageAttribute>) -> Result<Option<String>, AwsError> {
    let trace = attributes.remove("AWSTraceHeader").and_then(|trace| trace.string_value);
    match attributes.keys().next() {
        None => Ok(trace),
        Some(other) => Err(invalid(format!(
            "The message system attribute '{other}' is not supported."
        ))),
    }
}

pub(super) fn after(time: Timestamp, seconds: u32) -> Timestamp {
    let later = time.checked_add(SignedDuration::from_secs(seconds.into()));
    later.unwrap_or(Timestamp::MAX)
}
