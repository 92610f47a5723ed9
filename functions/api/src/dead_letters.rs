//! The queues with dead-lettered events, and the functions that the events were for.
//!
//! A queue is read by receiving its messages, which hides them from other readers meanwhile. SQS shows them again at once where this
//! gives them back, otherwise after [`HIDDEN`]. Lambda and SQS are called by hand, with a few operations of each.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use futures::future::join_all;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use slipway_aws::signed::{Call, Service};
use slipway_model::dead_letter::{DeadLetter, Function};

use crate::error::Error;

const SQS: Service = Service { id: "SQS", name: "sqs" };
const LAMBDA: Service = Service {
    id: "Lambda",
    name: "lambda",
};

/// For how many seconds messages are hidden from other readers: longer than a request takes.
const HIDDEN: u32 = 30;

/// The most messages of a queue that a list has.
const LISTED: usize = 1_000;

/// For how long an event is searched for: API Gateway waits 30 seconds, and what was read meanwhile is given back.
const SEARCH: Duration = Duration::from_secs(15);

/// How many messages SQS takes in one request, and how many requests are sent at once.
const BATCH: usize = 10;
const AT_ONCE: usize = 20;

/// Where dead-lettered events are.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    sdk: SdkConfig,
    /// The addresses of the queues, by what the events in them are.
    queues: [(&'static str, String); 3],
    deployment: String,
}

/// What the queues have.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The oldest first. Their content is not kept.
    pub letters: Vec<DeadLetter>,
    /// About how many more there are.
    pub more: u64,
}

/// What came of a search.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is there, hidden from other readers.
    Letter(Box<Received>),
    /// No queue has it.
    Nowhere,
    /// It is not among this many events, and there are more.
    NotYet(usize),
}

/// A message that was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    queue: String,
    receipt: Value,
    pub letter: DeadLetter,
}

impl DeadLetters {
    /// `events_function` is the name of the function that takes requests, `<deployment>-events`.
    pub(crate) fn new(sdk: &SdkConfig, unhandled: &str, undelivered: &str, events_function: &str) -> Self {
        let deployment = events_function.strip_suffix("-events").unwrap_or(events_function);
        // By its name in `template.yaml`: the environment of the function has no room for a third address.
        let notifications = unhandled.replace("-unhandled-events", "-unhandled-notifications");
        Self {
            sdk: sdk.clone(),
            queues: [
                ("unhandled", unhandled.to_owned()),
                ("undelivered", undelivered.to_owned()),
                ("notifications", notifications),
            ],
            deployment: deployment.to_owned(),
        }
    }

    /// The events of all queues. SQS gives them in no order, so that a longer queue shows an arbitrary part.
    pub(crate) async fn list(&self) -> Result<Listed, Error> {
        let queues = self.queues.iter().map(|(name, queue)| self.list_of(name, queue));
        // To the end of each, also where one fails: what was received is given back.
        let read: Result<Vec<_>, Error> = join_all(queues).await.into_iter().collect();
        let (letters, more): (Vec<_>, Vec<_>) = read?.into_iter().unzip();
        let mut letters = letters.concat();
        letters.sort_by_key(|letter| letter.since);
        Ok(Listed {
            letters,
            more: more.into_iter().sum(),
        })
    }

    async fn list_of(&self, name: &str, queue: &str) -> Result<(Vec<DeadLetter>, u64), Error> {
        let mut received = Vec::new();
        let more = self.read(name, queue, &mut received).await;
        self.give_back(&received).await;
        Ok((received.into_iter().map(|one| one.letter).collect(), more?))
    }

    /// Receives the messages of a queue, up to [`LISTED`]. Returns about how many more there are.
    async fn read(&self, name: &str, queue: &str, received: &mut Vec<Received>) -> Result<u64, Error> {
        while received.len() < LISTED {
            let mut messages = self.receive(name, queue).await?;
            if messages.is_empty() {
                return Ok(0);
            }
            // A message may have a megabyte, of which a list shows nothing.
            for one in &mut messages {
                one.letter.event = Value::Null;
            }
            received.extend(messages);
        }
        // Those that were received do not count.
        self.count(queue).await
    }

    /// Finds an event wherever in the queues it is.
    pub(crate) async fn find(&self, id: &str) -> Result<Found, Error> {
        let (began, mut others) = (Instant::now(), Vec::new());
        let found = self.search(id, began, &mut others).await;
        let is_all = began.elapsed() < SEARCH;
        self.give_back(&others).await;
        Ok(match found? {
            Some(letter) => Found::Letter(Box::new(letter)),
            None if is_all => Found::Nowhere,
            None => Found::NotYet(others.len()),
        })
    }

    async fn search(&self, id: &str, began: Instant, others: &mut Vec<Received>) -> Result<Option<Received>, Error> {
        for (name, queue) in &self.queues {
            while began.elapsed() < SEARCH {
                let messages = self.receive(name, queue).await?;
                if messages.is_empty() {
                    break;
                }
                let mut found = None;
                for mut one in messages {
                    if one.letter.id == id {
                        found = Some(one);
                    } else {
                        one.letter.event = Value::Null;
                        others.push(one);
                    }
                }
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// Up to ten messages of a queue, which are hidden from other readers; none at its end: a long poll asks all its servers.
    async fn receive(&self, name: &str, queue: &str) -> Result<Vec<Received>, Error> {
        let request = json!({
            "QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": HIDDEN, "WaitTimeSeconds": 1,
            "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["SentTimestamp"],
        });
        let answer = self.sqs("AmazonSQS.ReceiveMessage", &request).await?;
        let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let received = messages.iter().map(|message| Received {
            queue: queue.to_owned(),
            receipt: message["ReceiptHandle"].clone(),
            letter: DeadLetter::read(name, message),
        });
        Ok(received.collect())
    }

    /// About how many messages of a queue are visible.
    async fn count(&self, queue: &str) -> Result<u64, Error> {
        const VISIBLE: &str = "ApproximateNumberOfMessages";
        let request = json!({"QueueUrl": queue, "AttributeNames": [VISIBLE]});
        let answer = self.sqs("AmazonSQS.GetQueueAttributes", &request).await?;
        let count = answer["Attributes"][VISIBLE].as_str().unwrap_or_default();
        Ok(count.parse().unwrap_or_default())
    }

    /// Shows messages to other readers again. Where that fails, SQS does after [`HIDDEN`].
    pub(crate) async fn give_back(&self, received: &[Received]) {
        let of_one_queue = received.chunk_by(|one, next| one.queue == next.queue);
        let batches = of_one_queue.flat_map(|of_queue| of_queue.chunks(BATCH));
        let give_back = |batch: &[Received]| {
            let entry = |(index, one): (usize, &Received)| json!({"Id": index.to_string(), "ReceiptHandle": one.receipt, "VisibilityTimeout": 0});
            let entries: Vec<Value> = batch.iter().enumerate().map(entry).collect();
            let request = json!({"QueueUrl": batch[0].queue, "Entries": entries});
            async move {
                if let Err(error) = self.sqs("AmazonSQS.ChangeMessageVisibilityBatch", &request).await {
                    tracing::debug!(%error, "messages are visible later");
                }
            }
        };
        stream::iter(batches).for_each_concurrent(AT_ONCE, give_back).await;
    }

    /// Hands an event to its function, as EventBridge does, and deletes the message. The function's answer is not waited for.
    pub(crate) async fn redrive(&self, one: &Received) -> Result<(), Error> {
        let Function { name, qualifier } = one.letter.function(&self.deployment);
        let qualifier = qualifier.map(|qualifier| format!("?Qualifier={qualifier}"));
        let call = Call {
            path: format!(
                "/2015-03-31/functions/{name}/invocations{}",
                qualifier.unwrap_or_default()
            ),
            content_type: "application/json",
            header: Some(("x-amz-invocation-type", "Event")),
            body: one.letter.event.to_string(),
        };
        self.call(LAMBDA, call).await?;
        let request = json!({"QueueUrl": one.queue, "ReceiptHandle": one.receipt});
        self.sqs("AmazonSQS.DeleteMessage", &request).await.map(drop)
    }

    async fn sqs(&self, target: &'static str, request: &Value) -> Result<Value, Error> {
        let call = Call {
            path: "/".to_owned(),
            content_type: "application/x-amz-json-1.0",
            header: Some(("x-amz-target", target)),
            body: request.to_string(),
        };
        let answer = self.call(SQS, call).await?;
        Ok(serde_json::from_str(&answer).unwrap_or_default())
    }

    async fn call(&self, service: Service, call: Call) -> Result<String, Error> {
        let doing = "reading or redriving dead-lettered events";
        let region = self.sdk.region().map_or("", |region| region.as_ref());
        let answer = service.send(&self.sdk, region, call).await;
        let (status, body) = answer.map_err(|source| Error::Unavailable { doing, source })?;
        if status < 400 {
            return Ok(body);
        }
        Err(Error::Unavailable {
            doing,
            source: format!("{} answered {status}: {body}", service.id).into(),
        })
    }
}
