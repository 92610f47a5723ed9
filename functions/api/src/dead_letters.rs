//! The queues with dead-lettered events, and the functions that the events were for.
//!
//! A queue is read by receiving its messages, which hides them from other readers meanwhile. SQS shows them again at once where this
//! gives them back, otherwise after [`HIDDEN`]. Lambda and SQS are called by hand, with one operation or three of each.

use aws_config::SdkConfig;
use futures::future::{join_all, try_join_all};
use serde_json::{Value, json};
use slipway_aws::signed::{Call, Service};
use slipway_model::dead_letter::DeadLetter;

use crate::error::Error;

const SQS: Service = Service { id: "SQS", name: "sqs" };
const LAMBDA: Service = Service {
    id: "Lambda",
    name: "lambda",
};

/// For how many seconds messages are hidden from other readers: longer than a request takes.
const HIDDEN: u32 = 30;

/// The most messages that are read from a queue.
const MOST: usize = 100;

/// Where dead-lettered events are.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    sdk: SdkConfig,
    /// The addresses of the queues, by what the events in them are.
    queues: [(&'static str, String); 2],
    deployment: String,
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
        Self {
            sdk: sdk.clone(),
            queues: [
                ("unhandled", unhandled.to_owned()),
                ("undelivered", undelivered.to_owned()),
            ],
            deployment: deployment.to_owned(),
        }
    }

    /// The events of both queues, the oldest first.
    pub(crate) async fn receive(&self) -> Result<Vec<Received>, Error> {
        let queues = self.queues.iter().map(|(name, queue)| self.receive_from(name, queue));
        let mut received = try_join_all(queues).await?.concat();
        received.sort_by_key(|one| one.letter.since);
        Ok(received)
    }

    async fn receive_from(&self, name: &str, queue: &str) -> Result<Vec<Received>, Error> {
        let mut received = Vec::new();
        while received.len() < MOST {
            let request = json!({
                "QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": HIDDEN, "WaitTimeSeconds": 1,
                "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["SentTimestamp"],
            });
            let answer = self.sqs("AmazonSQS.ReceiveMessage", &request).await?;
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                break;
            }
            received.extend(messages.iter().map(|message| Received {
                queue: queue.to_owned(),
                receipt: message["ReceiptHandle"].clone(),
                letter: DeadLetter::read(name, message),
            }));
        }
        Ok(received)
    }

    /// Shows messages to other readers again. Where that fails, SQS does after [`HIDDEN`].
    pub(crate) async fn give_back(&self, received: &[Received]) {
        let given_back = received.iter().map(|one| async move {
            let request = json!({"QueueUrl": one.queue, "ReceiptHandle": one.receipt, "VisibilityTimeout": 0});
            if let Err(error) = self.sqs("AmazonSQS.ChangeMessageVisibility", &request).await {
                tracing::debug!(id = one.letter.id, %error, "a message is visible later");
            }
        });
        join_all(given_back).await;
    }

    /// Hands an event to its function, as EventBridge does, and deletes the message. The function's answer is not waited for.
    pub(crate) async fn redrive(&self, one: &Received) -> Result<(), Error> {
        let call = Call {
            path: format!(
                "/2015-03-31/functions/{}/invocations",
                one.letter.function(&self.deployment)
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
