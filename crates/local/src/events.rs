//! EventBridge: one bus, the rules of `template.yaml`, and functions of this process as their targets.
//!
//! An event that matches a rule is written to the ledger before `put` returns and taken out when the target has
//! accepted it. So neither a target that fails for a while nor a `kill -9` loses one. As on AWS a target may see
//! an event more than once, and events in any order.

mod pattern;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::pattern::{Pattern, PatternError};
use crate::Error;
use crate::ledger::Ledger;
use crate::wire::{ACCOUNT, AwsError, REGION, arn, input, request_id};

/// Deliveries that have not been accepted yet.
const PENDING: &str = "event-pending";
/// Deliveries that were given up, kept for people to look at.
const UNDELIVERED: &str = "event-undelivered";

/// What AWS allows in one `PutEvents`.
const REQUEST_ENTRIES: usize = 10;
const REQUEST_BYTES: usize = 262_144;

/// First wait after a failure, and the longest one. AWS tries for a day; a target in the same process that has
/// failed for ten minutes will not recover by itself.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 28;

/// Where a rule sends its events. The text of an error goes to the log.
pub type Target = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

struct Rule {
    name: String,
    pattern: Pattern,
    target: Target,
}

/// The default event bus.
#[derive(Clone)]
pub struct EventBus {
    ledger: Ledger,
    rules: Arc<RwLock<Vec<Arc<Rule>>>>,
}

#[derive(Serialize, Deserialize)]
struct Delivery {
    rule: String,
    event: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEventsInput {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    event_bus_name: Option<String>,
    time: Option<f64>,
}

impl EventBus {
    /// A bus without rules.
    pub fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            rules: Arc::default(),
        }
    }

    /// Adds a rule. Events that were put before do not reach it.
    pub fn add_rule(&self, name: &str, pattern: Pattern, target: Target) {
        let rule = Arc::new(Rule {
            name: name.to_owned(),
            pattern,
            target,
        });
        self.rules.write().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Goes on with the deliveries that the last run of the server did not finish. Call it when all rules are there.
    pub fn recover(&self) -> Result<(), Error> {
        for (id, delivery) in self.ledger.list::<Delivery>(PENDING)? {
            match self.rule(&delivery.rule) {
                Some(rule) => self.deliver(id, rule, delivery),
                None => self.give_up(&id, &delivery, "its rule is no longer in the template")?,
            }
        }
        Ok(())
    }

    /// Puts an event of one of the local services on the bus. It must be called inside a Tokio runtime.
    pub fn put(&self, source: &str, detail_type: &str, resources: &[String], detail: &Value) -> Result<(), Error> {
        self.publish(source, detail_type, resources, detail, Timestamp::now())
            .map(drop)
    }

    /// One call of the wire API.
    // Nothing here waits; the signature is that of every JSON service.
    #[allow(clippy::unused_async)]
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "PutEvents" => self.put_events(input(body)?),
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    fn put_events(&self, input: PutEventsInput) -> Result<Value, AwsError> {
        if !(1..=REQUEST_ENTRIES).contains(&input.entries.len()) {
            return Err(AwsError::validation(format!(
                "PutEvents takes 1 to {REQUEST_ENTRIES} entries, not {}.",
                input.entries.len()
            )));
        }
        if input.entries.iter().map(Entry::size).sum::<usize>() > REQUEST_BYTES {
            return Err(AwsError::validation(
                "Total size of the entries in the request is over the limit.",
            ));
        }
        let mut failed = 0;
        let mut results = Vec::new();
        for entry in input.entries {
            results.push(match self.put_entry(entry) {
                Ok(id) => json!({ "EventId": id }),
                Err(error) => {
                    failed += 1;
                    json!({"ErrorCode": error.code, "ErrorMessage": error.message})
                }
            });
        }
        Ok(json!({"FailedEntryCount": failed, "Entries": results}))
    }

    fn put_entry(&self, entry: Entry) -> Result<String, AwsError> {
        let required = |field: &str, value: Option<String>| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| {
                AwsError::new(
                    "InvalidArgument",
                    format!("Parameter {field} is not valid. Reason: {field} is a required argument."),
                )
            })
        };
        let source = required("Source", entry.source)?;
        let detail_type = required("DetailType", entry.detail_type)?;
        let detail = required("Detail", entry.detail)?;
        if source.starts_with("aws.") {
            return Err(AwsError::new(
                "NotAuthorizedForSourceException",
                "Not authorized for the source.",
            ));
        }
        let bus = entry.event_bus_name.as_deref().unwrap_or("default");
        if bus != "default" && bus != arn("events", "event-bus/default") {
            return Err(AwsError::new(
                "ResourceNotFoundException",
                format!("Event bus {bus} does not exist; local mode has the bus `default` alone."),
            ));
        }
        let detail: Value = serde_json::from_str(&detail)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| AwsError::new("MalformedDetail", "Detail is malformed."))?;
        let time = entry.time.and_then(from_epoch_seconds).unwrap_or_else(Timestamp::now);
        Ok(self.publish(&source, &detail_type, &entry.resources, &detail, time)?)
    }

    fn publish(
        &self,
        source: &str,
        detail_type: &str,
        resources: &[String],
        detail: &Value,
        time: Timestamp,
    ) -> Result<String, Error> {
        let id = request_id();
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": resources,
            "detail": detail,
        });
        for rule in self.matching(&event) {
            let delivery = Delivery {
                rule: rule.name.clone(),
                event: event.clone(),
            };
            let delivery_id = format!("{id}:{}", rule.name);
            self.ledger.put(PENDING, &delivery_id, &delivery)?;
            self.deliver(delivery_id, rule, delivery);
        }
        Ok(id)
    }

    fn deliver(&self, id: String, rule: Arc<Rule>, delivery: Delivery) {
        let bus = self.clone();
        tokio::spawn(async move {
            let outcome = match attempt(&rule, &delivery.event).await {
                Ok(()) => bus.ledger.delete(PENDING, &id).map(drop),
                Err(reason) => bus.give_up(&id, &delivery, &reason),
            };
            if let Err(error) = outcome {
                tracing::error!(error = %slipway_model::error_chain::chain(&error), %id, "the end of a delivery was not recorded");
            }
        });
    }

    fn give_up(&self, id: &str, delivery: &Delivery, reason: &str) -> Result<(), Error> {
        tracing::error!(%id, rule = %delivery.rule, %reason, "an event was not delivered");
        self.ledger.transaction(|transaction| {
            transaction.put(UNDELIVERED, id, delivery)?;
            transaction.delete(PENDING, id).map(drop)
        })
    }

    fn matching(&self, event: &Value) -> Vec<Arc<Rule>> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules
            .iter()
            .filter(|rule| rule.pattern.matches(event))
            .cloned()
            .collect()
    }

    fn rule(&self, name: &str) -> Option<Arc<Rule>> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.iter().find(|rule| rule.name == name).cloned()
    }
}

impl Entry {
    /// As AWS counts: 14 bytes for a time, and the lengths of the texts.
    fn size(&self) -> usize {
        let text = |value: &Option<String>| value.as_ref().map_or(0, String::len);
        let time = if self.time.is_some() { 14 } else { 0 };
        let resources: usize = self.resources.iter().map(String::len).sum();
        time + text(&self.source) + text(&self.detail_type) + text(&self.detail) + resources
    }
}

async fn attempt(rule: &Rule, event: &Value) -> Result<(), String> {
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        match (rule.target)(event.clone()).await {
            Ok(()) => return Ok(()),
            Err(reason) => {
                tracing::warn!(rule = %rule.name, %reason, ?wait, "an event's target failed and is tried again");
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    (rule.target)(event.clone()).await
}

fn from_epoch_seconds(seconds: f64) -> Option<Timestamp> {
    let duration = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    struct Fixture {
        bus: EventBus,
        received: mpsc::UnboundedReceiver<Value>,
        folder: tempfile::TempDir,
    }

    /// A bus with one rule, whose target fails `failures` times before it accepts.
    fn fixture(failures: usize) -> Fixture {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("opens");
        let (bus, received) = bus_on(ledger, failures);
        Fixture { bus, received, folder }
    }

    fn bus_on(ledger: Ledger, failures: usize) -> (EventBus, mpsc::UnboundedReceiver<Value>) {
        let bus = EventBus::new(ledger);
        let (sender, received) = mpsc::unbounded_channel();
        let left = Arc::new(std::sync::atomic::AtomicUsize::new(failures));
        let pattern = Pattern::parse(&json!({"source": ["app"]})).expect("a pattern");
        let target: Target = Arc::new(move |event| {
            let outcome = match left.fetch_update(
                std::sync::atomic::Ordering::SeqCst,
                std::sync::atomic::Ordering::SeqCst,
                |left| left.checked_sub(1),
            ) {
                Ok(_) => Err("not yet".to_owned()),
                Err(_) => sender.send(event).map_err(|error| error.to_string()),
            };
            Box::pin(async move { outcome })
        });
        bus.add_rule("to-function", pattern, target);
        (bus, received)
    }

    #[tokio::test]
    async fn each_entry_has_its_own_outcome_and_matching_ones_arrive() {
        let mut fixture = fixture(0);
        let entry = |source: &str, detail: &str| json!({"Source": source, "DetailType": "Happened", "Detail": detail});
        let output = fixture
            .bus
            .call(
                "PutEvents",
                json!({"Entries": [
                    entry("app", "{\"n\": 1}"), entry("app", "[1]"), entry("aws.ecs", "{}"), entry("other", "{}"),
                    {"Source": "app", "Detail": "{}"},
                    {"Source": "app", "DetailType": "x", "Detail": "{}", "EventBusName": "mine"},
                ]}),
            )
            .await
            .expect("answers");
        let codes: Vec<&Value> = output["Entries"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| &entry["ErrorCode"])
            .collect();
        assert_eq!(output["FailedEntryCount"], 4);
        assert_eq!(
            codes,
            [
                &Value::Null,
                &json!("MalformedDetail"),
                &json!("NotAuthorizedForSourceException"),
                &Value::Null,
                &json!("InvalidArgument"),
                &json!("ResourceNotFoundException"),
            ]
        );
        let event = fixture.received.recv().await.expect("an event");
        assert_eq!(event["id"], output["Entries"][0]["EventId"]);
        assert_eq!(
            (&event["detail-type"], &event["detail"]),
            (&json!("Happened"), &json!({"n": 1}))
        );
        assert!(fixture.received.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_failing_target_is_tried_again_until_it_accepts() {
        let mut fixture = fixture(3);
        fixture.bus.put("app", "Happened", &[], &json!({"n": 2})).expect("put");
        assert_eq!(fixture.received.recv().await.expect("an event")["detail"]["n"], 2);
    }

    #[tokio::test]
    async fn an_event_that_was_not_accepted_before_a_crash_arrives_after_it() {
        let fixture = fixture(usize::MAX);
        fixture.bus.put("app", "Happened", &[], &json!({"n": 3})).expect("put");
        let ledger = Ledger::open(&fixture.folder.path().join("ledger.db")).expect("opens");
        let (bus, mut received) = bus_on(ledger.clone(), 0);
        let mut changes = ledger.changes(PENDING);
        bus.recover().expect("recovers");
        assert_eq!(received.recv().await.expect("an event")["detail"]["n"], 3);
        changes.changed().await.expect("the delivery is taken out");
        assert!(ledger.list::<Value>(PENDING).expect("lists").is_empty());
    }

    #[tokio::test]
    async fn a_request_over_the_limit_is_refused_as_a_whole() {
        let fixture = fixture(0);
        let long = "x".repeat(REQUEST_BYTES);
        let entry = json!({"Source": "app", "DetailType": "x", "Detail": format!("{{\"a\": \"{long}\"}}")});
        for entries in [json!([entry]), json!([]), json!(vec![json!({}); 11])] {
            let outcome = fixture.bus.call("PutEvents", json!({ "Entries": entries })).await;
            assert_eq!(outcome.expect_err("refused").code, "ValidationException");
        }
    }
}
