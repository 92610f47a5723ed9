//! SQS: standard queues, for dead-lettered events and for the work of a stack's workers.
//!
//! What a queue holds is in the ledger, a record for each message; where the messages are (waiting, delayed, received
//! and not yet deleted) is in memory as well ([`index`]), so that a receive costs what it receives, whatever else the
//! queue holds. Who waits for a message is woken by its arrival.
//!
//! FIFO queues are refused. Two things differ from AWS on purpose: a queue may be made again in the minute after it
//! was deleted, and purged as often as one likes.

mod attributes;
mod batch;
mod index;
mod message;
mod queues;
mod receive;
mod send;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::attributes::Attributes;
use self::index::Index;
use self::message::Message;
use self::queues::QueueRecord;
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError};
use crate::wire::{ACCOUNT, AwsError, arn, input};

const QUEUE: &str = "sqs-queue";
const MESSAGE: &str = "sqs-message";

/// The SQS service. Clones share everything.
#[derive(Clone)]
pub struct Sqs {
    shared: Arc<Shared>,
}

struct Shared {
    /// What the URLs of queues begin with.
    endpoint: String,
    ledger: Ledger,
    clock: Clock,
    queues: Mutex<BTreeMap<String, Queue>>,
    stopped: CancellationToken,
}

/// A queue, as far as it is in memory.
struct Queue {
    record: QueueRecord,
    index: Index,
    /// Moves when a message can be received that could not be before, and when one is deleted.
    changes: watch::Sender<u64>,
}

/// How much waits in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// The messages that can be received now.
    pub visible: usize,
    /// When there will be more of them by themselves.
    pub next: Option<Timestamp>,
}

impl Sqs {
    /// The queues of the ledger. `endpoint` is what their URLs begin with.
    pub fn new(ledger: Ledger, clock: Clock, endpoint: &str) -> Result<Self, LedgerError> {
        let mut queues = BTreeMap::new();
        for (name, record) in ledger.list::<QueueRecord>(QUEUE)? {
            let messages = ledger.list_under::<Message>(MESSAGE, &prefix(&name))?;
            let mut index = Index::default();
            for (_, message) in messages {
                index.put(message.number, message.place());
            }
            queues.insert(name, Queue::new(record, index));
        }
        Ok(Self {
            shared: Arc::new(Shared {
                endpoint: endpoint.to_owned(),
                ledger,
                clock,
                queues: Mutex::new(queues),
                stopped: CancellationToken::new(),
            }),
        })
    }

    /// One call of the wire API.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "CreateQueue" => self.create_queue(input(body)?),
            "DeleteQueue" => self.delete_queue(&input(body)?),
            "GetQueueUrl" => self.get_queue_url(&input(body)?),
            "GetQueueAttributes" => self.get_queue_attributes(&input(body)?),
            "SetQueueAttributes" => self.set_queue_attributes(input(body)?),
            "ListQueues" => self.list_queues(&input(body)?),
            "PurgeQueue" => self.purge_queue(&input(body)?),
            "SendMessage" => self.send_message(input(body)?),
            "SendMessageBatch" => self.send_message_batch(body),
            "ReceiveMessage" => self.receive_message(input(body)?).await,
            "DeleteMessage" => self.delete_message(&input(body)?),
            "DeleteMessageBatch" => self.delete_message_batch(body),
            "ChangeMessageVisibility" => self.change_message_visibility(&input(body)?),
            "ChangeMessageVisibilityBatch" => self.change_message_visibility_batch(body),
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    /// Moves with every change of a message.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.ledger.changes(MESSAGE)
    }

    /// How much waits in a queue, if there is one of this name.
    pub fn backlog(&self, name: &str) -> Option<Backlog> {
        let now = self.now();
        let queues = self.queues();
        let index = &queues.get(name)?.index;
        Some(Backlog {
            visible: index.counts(now).visible,
            next: index.next_after(now),
        })
    }

    /// Answers those who wait for messages, with none.
    pub fn shutdown(&self) {
        self.shared.stopped.cancel();
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<String, Queue>> {
        // A panic while the lock was held cannot have left half a change: memory follows the ledger in one go.
        self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with a queue that has to be there, once the messages that are too old are deleted.
    fn with<R>(
        &self,
        name: &str,
        work: impl FnOnce(&Ledger, &mut Queue) -> Result<R, AwsError>,
    ) -> Result<R, AwsError> {
        let mut queues = self.queues();
        let queue = queues.get_mut(name).ok_or_else(does_not_exist)?;
        queue.expire(&self.shared.ledger, name, self.now())?;
        work(&self.shared.ledger, queue)
    }
}

impl Queue {
    fn new(record: QueueRecord, index: Index) -> Self {
        Self {
            record,
            index,
            changes: watch::Sender::new(0),
        }
    }

    fn attributes(&self) -> &Attributes {
        &self.record.attributes
    }

    /// Drops what has been in the queue longer than its `MessageRetentionPeriod`.
    fn expire(&mut self, ledger: &Ledger, name: &str, now: Timestamp) -> Result<(), LedgerError> {
        let expired = self.index.sent_before(self.attributes().oldest(now));
        if expired.is_empty() {
            return Ok(());
        }
        ledger.transaction(|ledger| {
            let mut keys = expired.iter().map(|number| key(name, *number));
            keys.try_for_each(|key| ledger.delete(MESSAGE, &key).map(drop))
        })?;
        for number in expired {
            self.index.remove(number);
        }
        self.announce();
        Ok(())
    }

    fn announce(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// The ARN of a queue.
pub(crate) fn queue_arn(name: &str) -> String {
    arn("sqs", name)
}

/// The name in the ARN of a queue of this account.
fn name_in_arn(arn_of_queue: &str) -> Option<&str> {
    arn_of_queue.strip_prefix(arn("sqs", "").as_str())
}

/// The name in a queue's URL. Where the URL points to does not matter: the port of this server may be another one
/// than when the URL was returned.
fn name_in_url(url: &str) -> Result<&str, AwsError> {
    let mut parts = url.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(name), Some(ACCOUNT)) => Ok(name),
        _ => Err(AwsError::new(
            "InvalidAddress",
            format!("The address {url} is not valid for this endpoint."),
        )
        .with_status(http::StatusCode::NOT_FOUND)),
    }
}

/// The messages of a queue are next to each other in the ledger, in the order of their arrival.
fn key(queue: &str, number: u64) -> String {
    format!("{queue}/{number:020}")
}

fn prefix(queue: &str) -> String {
    format!("{queue}/")
}

fn does_not_exist() -> AwsError {
    AwsError::new("QueueDoesNotExist", "The specified queue does not exist.")
        .with_query_code("AWS.SimpleQueueService.NonExistentQueue")
}

/// A parameter whose value SQS does not take.
fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValue", message)
}
