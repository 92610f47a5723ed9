//! EventBridge and the dead-letter queue: requests of another account and their results, the ends of executions, and what the sweeper
//! asks of the function of the events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::wire::Answer;
use crate::world::World;

/// The account of Slipway.
pub const OWN: &str = "000000000000";

/// The account that requests by event, and its bus for results.
pub const SHOP: &str = "111122223333";
const RESULTS: &str = "arn:aws:events:us-east-1:111122223333:event-bus/results";

/// The timeout of the function of the events.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How often Lambda invokes a function with an event.
const ATTEMPTS: u32 = 3;

/// How many requests the other account makes.
const ORDERS: u32 = 4;

/// What came of the requests of the other account.
#[derive(Debug, Default)]
pub struct Orders {
    /// The keys of those that EventBridge accepted.
    sent: BTreeSet<String>,
    /// The statuses of the results that arrived, by key.
    results: BTreeMap<String, BTreeSet<String>>,
    /// The messages in the dead-letter queue.
    dead: Vec<String>,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It may be lost, and Lambda gives it up.
    BestEffort,
    /// It arrives, and an operator redrives it from the dead-letter queue.
    UntilHandled,
}

impl Orders {
    /// A request whose result the other account never got.
    pub fn without_result(&self) -> Option<&String> {
        let has_result = |key: &&String| {
            let has = |status: &str| self.results.get(*key).is_some_and(|statuses| statuses.contains(status));
            let is_over = has("refused") || (has("accepted") && (has("succeeded") || has("failed")));
            let quoted = format!("\"{key}\"");
            is_over || self.dead.iter().any(|message| message.contains(&quoted))
        };
        self.sent.iter().find(|key| !has_result(key))
    }
}

/// The other account, which may request everything but releases.
pub fn source_account() -> Value {
    json!({
        "account": SHOP, "actions": ["provision", "destroy", "drift"], "blueprints": ["web"], "environments": ["dev"],
        "results": RESULTS,
    })
}

impl World {
    /// `PutEvents`. Notifications are not followed here.
    pub fn of_bus(self: &Arc<Self>, body: &Value) -> Answer {
        let entries = body["Entries"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in entries {
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            let detail: Value = serde_json::from_str(text("Detail")).unwrap_or_default();
            match text("DetailType") {
                "Slipway Result" => {
                    let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
                    let mut orders = self.orders();
                    orders.results.entry(text("key")).or_default().insert(text("status"));
                }
                "Slipway Result Due" => {
                    let due = json!({"detail-type": "Slipway Result Due", "source": "slipway", "detail": detail});
                    self.send(OWN, due, Delivery::BestEffort);
                }
                _ => {}
            }
        }
        let accepted = vec![json!({"EventId": "e"}); entries.len()];
        (200, json!({"FailedEntryCount": 0, "Entries": accepted}).to_string())
    }

    /// `SendMessage` to the dead-letter queue: only a request of the other account may end there.
    pub fn of_queue(&self, body: &Value) -> Answer {
        let message = body["MessageBody"].as_str().unwrap_or_default().to_owned();
        if message.contains("Slipway Request") {
            self.orders().dead.push(message);
        } else {
            self.violate(format!("an event is dead-lettered: {message}"));
        }
        (200, json!({"MessageId": "m"}).to_string())
    }

    /// Sends the end of an execution.
    pub fn send_end(self: &Arc<Self>, detail: &Value) {
        let kind = "Step Functions Execution Status Change";
        let event = json!({"detail-type": kind, "source": "aws.states", "detail": detail});
        self.send(OWN, event, Delivery::BestEffort);
    }

    /// Somebody in another account who requests by event: a stack, then what becomes of it.
    pub async fn order(self: Arc<Self>) {
        for at in 0..ORDERS {
            let (pause, destroys) = self.chance(|chance| (chance.seconds(1, 900), chance.happens(300)));
            sleep(pause).await;
            let key = format!("order-{at}");
            let stack = json!({"environment": "dev", "name": "shop"});
            let detail = match (at, destroys) {
                (0, _) => json!({
                    "version": 1, "key": key, "action": "provision",
                    "request": {"name": "shop", "blueprint": "web", "environment": "dev", "variables": {"size": 1}},
                }),
                (_, true) => json!({"version": 1, "key": key, "action": "destroy", "stack": stack}),
                (_, false) => json!({"version": 1, "key": key, "action": "drift", "stack": stack}),
            };
            self.orders().sent.insert(key);
            self.acknowledged().requested += 1;
            let event = json!({"detail-type": "Slipway Request", "source": "com.example.shop", "detail": detail});
            self.send(SHOP, event, Delivery::UntilHandled);
        }
    }

    /// Brings an event to the function, in no order, perhaps twice, perhaps not.
    pub fn send(self: &Arc<Self>, account: &str, mut event: Value, delivery: Delivery) {
        event["account"] = account.into();
        event["region"] = "us-east-1".into();
        event["time"] = Timestamp::now().to_string().into();
        let copies = self.draw(|faults, chance| {
            let lost = delivery == Delivery::BestEffort && chance.happens(faults.events_lost);
            if lost {
                0
            } else {
                1 + u32::from(chance.happens(faults.events_twice))
            }
        });
        for _ in 0..copies {
            let (world, event) = (Arc::clone(self), event.clone());
            tokio::spawn(async move {
                let mut attempts = 0;
                while attempts < ATTEMPTS || delivery == Delivery::UntilHandled {
                    attempts += 1;
                    let delay = world.chance(|chance| chance.millis(10, 30_000));
                    sleep(delay).await;
                    let (events, event) = (world.functions().events, event.clone());
                    let handled = world
                        .run(TIMEOUT, async move { events.handle(event).await.is_ok() })
                        .await;
                    if handled == Ok(true) {
                        return;
                    }
                }
            });
        }
    }
}
