//! `slipway event`: dead-lettered events, in the queues of `template.yaml`.
//!
//! A queue is read by receiving its messages, which hides them from other readers meanwhile. Messages that are not deleted are made
//! visible at the end; if this program ends early, SQS does that after a minute.

use std::collections::HashSet;

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use slipway_api_types::{Missing, MissingKind};
use slipway_model::dead_letter::{DeadLetter, Function};

use super::aws::Services;
use crate::args::{Chosen, Event, EventCommand};
use crate::error::Error;
use crate::output::{Output, text_at};

/// The queues by what the events in them are, and how their names end.
const QUEUES: [(&str, &str); 3] = [
    ("unhandled", "unhandled-events"),
    ("undelivered", "undelivered-events"),
    ("notifications", "unhandled-notifications"),
];

/// For how long messages are hidden from other readers.
const SECONDS: u32 = 60;

/// How many messages are given back at once.
const AT_ONCE: usize = 10;

/// How many characters of a reason a list shows.
const REASON: usize = 100;

/// An event in a queue.
struct Kept {
    queue: String,
    receipt: String,
    letter: DeadLetter,
}

impl Kept {
    fn to_json(&self) -> Value {
        // A record has only texts for names, which always are JSON.
        serde_json::to_value(&self.letter).unwrap_or_default()
    }
}

/// Runs the command.
pub async fn run(command: Event, services: Services, output: Output) -> Result<(), Error> {
    let Event { deployment, command } = command;
    let queues = Queues { services, deployment };
    let mut kept = queues.kept(command.ids()).await?;
    let outcome = queues.act(command, &mut kept, output).await;
    let given_back = kept.iter().map(|one| queues.give_back(one));
    stream::iter(given_back)
        .for_each_concurrent(AT_ONCE, |given_back| given_back)
        .await;
    outcome
}

/// The queues of a deployment, and the function that the events in them were for.
struct Queues {
    services: Services,
    /// What the stack of CloudFormation is called: it begins the names of queues and functions.
    deployment: String,
}

impl Queues {
    /// Runs the subcommand; deleted events leave `kept`.
    async fn act(&self, command: EventCommand, kept: &mut Vec<Kept>, output: Output) -> Result<(), Error> {
        match command {
            EventCommand::List => {
                list(kept, output);
                Ok(())
            }
            EventCommand::Show { id } => {
                let index = found(kept, &id)?;
                output.answer(&kept[index].to_json(), sheet);
                Ok(())
            }
            EventCommand::Redrive(chosen) => {
                let mut ids = ids(kept, &chosen)?;
                if chosen.all {
                    // The others have no content, and need no redrive.
                    ids.retain(|id| kept.iter().any(|one| one.letter.id == *id && one.letter.has_event()));
                }
                for id in &ids {
                    require_event(&kept[found(kept, id)?].letter)?;
                }
                for id in &ids {
                    let index = found(kept, id)?;
                    self.invoke(&kept[index].letter).await?;
                    self.delete(kept.remove(index)).await?;
                }
                output.answer(&json!({ "redriven": ids }), |_| {
                    format!("Redriven: {}.", ids.join(", "))
                });
                Ok(())
            }
            EventCommand::Discard(chosen) => {
                let ids = ids(kept, &chosen)?;
                for id in &ids {
                    let index = found(kept, id)?;
                    self.delete(kept.remove(index)).await?;
                }
                output.answer(&json!({ "discarded": ids }), |_| {
                    format!("Deleted: {}.", ids.join(", "))
                });
                Ok(())
            }
        }
    }

    /// Everything in the queues; the events up to the last of these IDs, if there are any.
    async fn kept(&self, ids: &[String]) -> Result<Vec<Kept>, Error> {
        let mut missing: HashSet<&str> = ids.iter().map(String::as_str).collect();
        let (mut kept, mut known) = (Vec::new(), HashSet::new());
        for (what, name) in QUEUES {
            let request = json!({"QueueName": format!("{}-{name}", self.deployment)});
            let queue = text_at(&self.sqs("GetQueueUrl", &request).await?, "QueueUrl");
            while ids.is_empty() || !missing.is_empty() {
                let messages = self.receive(what, &queue).await?;
                let mut is_new = false;
                for one in messages {
                    missing.remove(one.letter.id.as_str());
                    is_new |= known.insert(one.letter.id.clone());
                    // Messages of a long queue are visible again before its end is read: the receipt of the first time may count no more.
                    kept.retain(|before: &Kept| before.letter.id != one.letter.id);
                    kept.push(one);
                }
                if !is_new {
                    break;
                }
            }
        }
        kept.sort_by_key(|one| one.letter.since);
        Ok(kept)
    }

    async fn receive(&self, what: &str, queue: &str) -> Result<Vec<Kept>, Error> {
        let request = json!({
            "QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": SECONDS, "WaitTimeSeconds": 1,
            "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["SentTimestamp"],
        });
        let answer = self.sqs("ReceiveMessage", &request).await?;
        let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let received = messages.iter().map(|message| Kept {
            queue: queue.to_owned(),
            receipt: text_at(message, "ReceiptHandle"),
            letter: DeadLetter::read(what, message),
        });
        Ok(received.collect())
    }

    async fn delete(&self, one: Kept) -> Result<(), Error> {
        let request = json!({"QueueUrl": one.queue, "ReceiptHandle": one.receipt});
        self.sqs("DeleteMessage", &request).await.map(drop)
    }

    /// Lets others see a message again. Where that fails it comes back by itself, and may have done so already: then SQS answers
    /// `MessageNotInflight`.
    async fn give_back(&self, one: &Kept) {
        let request = json!({"QueueUrl": one.queue, "ReceiptHandle": one.receipt, "VisibilityTimeout": 0});
        let _ = self.sqs("ChangeMessageVisibility", &request).await;
    }

    /// Hands an event to the function that it was for, as EventBridge does: the function's answer is not waited for.
    async fn invoke(&self, letter: &DeadLetter) -> Result<(), Error> {
        let Function { name, qualifier } = letter.function(&self.deployment);
        let mut request = json!({"FunctionName": name, "InvocationType": "Event", "Payload": letter.event});
        if let Some(qualifier) = qualifier {
            request["Qualifier"] = qualifier.into();
        }
        self.services.call("lambda", "Invoke", &request).await.map(drop)
    }

    async fn sqs(&self, action: &str, request: &Value) -> Result<Value, Error> {
        self.services.call("sqs", action, request).await
    }
}

/// The ids of the events that are chosen.
fn ids(kept: &[Kept], chosen: &Chosen) -> Result<Vec<String>, Error> {
    if chosen.all {
        return Ok(kept.iter().map(|one| one.letter.id.clone()).collect());
    }
    // All of them are there, before anything is done about the first.
    for id in &chosen.ids {
        found(kept, id)?;
    }
    Ok(chosen.ids.clone())
}

fn found(kept: &[Kept], id: &str) -> Result<usize, Error> {
    let index = kept.iter().position(|one| one.letter.id == id);
    index.ok_or_else(|| {
        Error::Missing(Missing {
            kind: MissingKind::DeadLetter,
            name: id.to_owned(),
        })
    })
}

/// Rejects what has no content to hand to a function.
fn require_event(letter: &DeadLetter) -> Result<(), Error> {
    if letter.has_event() {
        return Ok(());
    }
    let id = &letter.id;
    Err(Error::Usage(format!(
        "the event {id} cannot be redriven: it names records of the table's stream and not their content. The sweeper sends these \
         notifications; delete it with `slipway event discard {id}`"
    )))
}

fn list(kept: &[Kept], output: Output) {
    let items: Vec<Value> = kept
        .iter()
        .map(|one| {
            let mut item = one.to_json();
            let reason = text_at(&item, "reason");
            if !output.is_data() && reason.chars().count() > REASON {
                let cut: String = reason.chars().take(REASON).collect();
                item["reason"] = json!(format!("{cut}…"));
            }
            item
        })
        .collect();
    let columns = [
        ("id", "id"),
        ("since", "since"),
        ("queue", "queue"),
        ("type", "type"),
        ("account", "account"),
        ("error", "error"),
        ("reason", "reason"),
    ];
    output.table(&items, &columns, "There are no such events.");
}

/// An event as people read it.
fn sheet(shown: &Value) -> String {
    let fields = ["id", "queue", "since", "type", "account", "error", "reason"];
    let mut lines: Vec<String> = fields.map(|name| format!("{name:<9}{}", text_at(shown, name))).into();
    lines.push(format!("{:#}", shown["event"]));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::server::LocalAws;

    /// An SQS with one message, which has become visible by itself.
    async fn sqs(headers: axum::http::HeaderMap) -> (axum::http::StatusCode, axum::Json<Value>) {
        static GIVEN: AtomicBool = AtomicBool::new(false);
        let target = headers["x-amz-target"].to_str().expect("a text");
        let message = json!({"MessageId": "1", "ReceiptHandle": "receipt", "Body": "{}"});
        let answer = match target.rsplit('.').next() {
            Some("GetQueueUrl") => json!({"QueueUrl": "https://queue"}),
            Some("ReceiveMessage") if !GIVEN.swap(true, Ordering::Relaxed) => json!({"Messages": [message]}),
            Some("ReceiveMessage") => json!({}),
            _ => {
                let refused = json!({"__type": "com.amazonaws.sqs#MessageNotInflight", "message": "no"});
                return (axum::http::StatusCode::BAD_REQUEST, axum::Json(refused));
            }
        };
        (axum::http::StatusCode::OK, axum::Json(answer))
    }

    #[tokio::test]
    async fn expired_receipt_does_not_hide_the_outcome() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/", listener.local_addr().expect("an address"));
        let app = axum::Router::new().fallback(sqs);
        tokio::spawn(async { axum::serve(listener, app).await });
        let command = Event {
            deployment: "slipway".to_owned(),
            command: EventCommand::List,
        };
        let local = LocalAws { address, token: None };
        let listed = run(
            command,
            Services::Local(local),
            Output::new(crate::output::Format::Json, None),
        )
        .await;
        listed.expect("the list was shown");
    }
}
