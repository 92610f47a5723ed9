//! EventBridge: the rules of `template.yaml`, and functions of this process as their targets.
//!
//! The default bus and those of the template are one here, because what comes from other accounts and what comes from this one
//! have the same account. A bus whose events a queue gets stands for one of another account, which receives results.
//!
//! An event that matches a rule is written to the ledger before `put` returns and taken out when the target has
//! accepted it. So neither a target that fails for a while nor a `kill -9` loses one. As on AWS a target may see
//! an event more than once, and events in any order.
//!
//! A function that fails is called again as often as the template says; what it still cannot handle goes to the queue
//! of its `OnFailure` destination, with the error. An event whose rule no longer exists, after a restart with another version
//! of the template, goes to the rule's dead-letter queue. Each delivery goes its own way: one that fails
//! holds up no other.

mod pattern;
mod target;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::pattern::{Pattern, PatternError};
pub use self::target::{Invoke, Target};
use crate::error::chain;
use crate::ledger::{Ledger, LedgerError};
use crate::sqs::Sqs;
use crate::wire::{ACCOUNT, AwsError, REGION, arn, input, request_id};

/// Deliveries that have not been accepted yet.
const PENDING: &str = "event-pending";
/// What AWS allows in one `PutEvents`.
const REQUEST_ENTRIES: usize = 10;
const REQUEST_BYTES: usize = 262_144;

/// How long to wait before a queue is tried again that could not take an event.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

struct Rule {
    name: String,
    pattern: Pattern,
    target: Target,
}

/// The event buses.
#[derive(Clone)]
pub struct EventBus {
    ledger: Ledger,
    sqs: Sqs,
    /// By name; with the ARN of the queue that gets the events of a bus, where it is not the one of all rules.
    names: Arc<RwLock<BTreeMap<String, Option<String>>>>,
    rules: Arc<RwLock<Vec<Arc<Rule>>>>,
}

#[derive(Serialize, Deserialize)]
struct Delivery {
    rule: String,
    event: Value,
    /// The detail as it was put, which may have more digits than the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// How often the target was called in vain.
    #[serde(default)]
    calls: u32,
    /// The ARNs of the target and of the rule's dead-letter queue, for the case that the rule no longer exists.
    #[serde(default)]
    target: String,
    #[serde(default)]
    dead_letter: Option<String>,
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
    /// A bus without rules, called `default`.
    pub fn new(ledger: Ledger, sqs: Sqs) -> Self {
        Self {
            ledger,
            sqs,
            names: Arc::new(RwLock::new(BTreeMap::from([("default".to_owned(), None)]))),
            rules: Arc::default(),
        }
    }

    /// Adds a name of the bus; or, with the ARN of a queue, a bus whose events go there and nowhere else.
    pub fn add_name(&self, name: &str, queue: Option<String>) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned(), queue);
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
    pub fn recover(&self) -> Result<(), LedgerError> {
        for (id, delivery) in self.ledger.list::<Delivery>(PENDING)? {
            match self.rule(&delivery.rule) {
                Some(rule) => self.deliver(id, rule, delivery),
                None => drop(tokio::spawn(self.clone().undeliverable(id, delivery))),
            }
        }
        Ok(())
    }

    /// Puts an event of one of the local services on the bus. It must be called inside a Tokio runtime.
    pub fn put(
        &self,
        source: &str,
        detail_type: &str,
        resources: &[String],
        detail: &Value,
    ) -> Result<(), LedgerError> {
        let event = Event {
            source,
            detail_type,
            resources,
            detail,
            time: Timestamp::now(),
        };
        self.publish(&event, None).map(drop)
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
        let queue = self.queue_of(bus)?;
        let written = detail;
        let detail: Value = serde_json::from_str(&written)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| AwsError::new("MalformedDetail", "Detail is malformed."))?;
        let time = entry.time.and_then(from_epoch_seconds).unwrap_or_else(Timestamp::now);
        let event = Event {
            source: &source,
            detail_type: &detail_type,
            resources: &entry.resources,
            detail: &detail,
            time,
        };
        match queue {
            None => Ok(self.publish(&event, Some(&written))?),
            Some(queue) => {
                let (id, event) = event.to_json();
                self.sqs.send(&queue, &event, &[])?;
                Ok(id)
            }
        }
    }

    /// The queue that gets the events of a bus, where it is not the one of all rules.
    fn queue_of(&self, bus: &str) -> Result<Option<String>, AwsError> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let name = bus.strip_prefix(&arn("events", "event-bus/")).unwrap_or(bus);
        names.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = names.keys().map(String::as_str).collect();
            let message = format!(
                "Event bus {bus} does not exist; this emulator has: {}.",
                known.join(", ")
            );
            AwsError::new("ResourceNotFoundException", message)
        })
    }

    fn publish(&self, event: &Event<'_>, detail: Option<&str>) -> Result<String, LedgerError> {
        let (id, event) = event.to_json();
        for rule in self.matching(&event) {
            self.accept(&id, rule, event.clone(), detail)?;
        }
        Ok(id)
    }

    /// Brings an event to a function that rules send events to, as one of those would.
    pub fn invoke(&self, function: &str, event: Value) -> Result<(), AwsError> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let wanted = arn("lambda", &format!("function:{function}"));
        let Some(rule) = rules.iter().find(|rule| rule.target.arn == wanted).cloned() else {
            let message = format!("Function not found: {wanted}");
            return Err(AwsError::new("ResourceNotFoundException", message).with_status(StatusCode::NOT_FOUND));
        };
        drop(rules);
        Ok(self.accept(&request_id(), rule, event, None)?)
    }

    /// Writes down that a rule's target is to get an event, and brings it there.
    fn accept(&self, id: &str, rule: Arc<Rule>, event: Value, detail: Option<&str>) -> Result<(), LedgerError> {
        let delivery = Delivery {
            rule: rule.name.clone(),
            event,
            detail: detail.map(str::to_owned),
            calls: 0,
            target: rule.target.arn.clone(),
            dead_letter: rule.target.dead_letter.clone(),
        };
        let delivery_id = format!("{id}:{}", rule.name);
        self.ledger.put(PENDING, &delivery_id, &delivery)?;
        self.deliver(delivery_id, rule, delivery);
        Ok(())
    }

    fn deliver(&self, id: String, rule: Arc<Rule>, delivery: Delivery) {
        let bus = self.clone();
        tokio::spawn(async move {
            if let Err(error) = bus.bring(&id, &rule, delivery).await {
                tracing::error!(error = %chain(&error), %id, "the end of a delivery was not recorded");
            }
        });
    }

    /// Calls the target until it has handled the event or has had its chances.
    async fn bring(&self, id: &str, rule: &Rule, mut delivery: Delivery) -> Result<(), LedgerError> {
        let target = &rule.target;
        loop {
            let event = if target.takes_text {
                delivery.text().into()
            } else {
                delivery.event.clone()
            };
            let Err(error) = (target.invoke)(event).await else {
                return self.ledger.delete(PENDING, id).map(drop);
            };
            delivery.calls += 1;
            let (calls, reason) = (delivery.calls, format!("{}: {}", error.error_type, error.message));
            if calls > target.retries {
                tracing::error!(%id, rule = %rule.name, calls, reason, "an event was not handled");
                let record = target.failure(&delivery.event, calls, &error);
                return self.keep(id, target.on_failure.as_deref(), &record, &[]).await;
            }
            let wait = Target::wait(calls);
            tracing::warn!(%id, rule = %rule.name, reason, ?wait, "an event's target failed and is tried again");
            // A poison event must not have all its chances again after every restart.
            self.ledger.put(PENDING, id, &delivery)?;
            tokio::time::sleep(wait).await;
        }
    }

    /// The rule of the event no longer exists.
    async fn undeliverable(self, id: String, delivery: Delivery) {
        let message = format!("The rule {} is no longer in the template.", delivery.rule);
        tracing::error!(%id, message, "an event was not delivered");
        let attributes = [
            ("RULE_ARN", arn("events", &format!("rule/{}", delivery.rule))),
            ("TARGET_ARN", delivery.target),
            ("ERROR_CODE", "NO_RESOURCE".to_owned()),
            ("ERROR_MESSAGE", message),
        ];
        // Deliveries of an older version of this program do not say where their target is.
        let attributes: Vec<_> = attributes.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let kept = self
            .keep(&id, delivery.dead_letter.as_deref(), &delivery.event, &attributes)
            .await;
        if let Err(error) = kept {
            tracing::error!(error = %chain(&error), %id, "the end of a delivery was not recorded");
        }
    }

    /// Dead-letters an event if there is a queue, however long it takes, and takes it out of the ledger.
    async fn keep(
        &self,
        id: &str,
        queue: Option<&str>,
        body: &Value,
        attributes: &[(&str, String)],
    ) -> Result<(), LedgerError> {
        while let Some(Err(error)) = queue.map(|queue| self.sqs.send(queue, body, attributes)) {
            tracing::error!(%error, %id, queue, "a queue did not take an event");
            // As on AWS an event is lost whose queue no longer exists. A disk that is full will not stay so.
            if error.status.is_client_error() {
                break;
            }
            tokio::time::sleep(QUEUE_WAIT).await;
        }
        self.ledger.delete(PENDING, id).map(drop)
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

/// What an event says of itself.
struct Event<'a> {
    source: &'a str,
    detail_type: &'a str,
    resources: &'a [String],
    detail: &'a Value,
    time: Timestamp,
}

impl Event<'_> {
    /// The event as rules and targets see it, and its id.
    fn to_json(&self) -> (String, Value) {
        let id = request_id();
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": ACCOUNT,
            "time": self.time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": self.resources,
            "detail": self.detail,
        });
        (id, event)
    }
}

impl Delivery {
    /// The event as text, with its detail as it was put.
    fn text(&self) -> String {
        let (Some(detail), Value::Object(fields)) = (&self.detail, &self.event) else {
            return self.event.to_string();
        };
        let others = fields.iter().filter(|(name, _)| *name != "detail");
        let others = others.map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
        let fields: Vec<String> = others.chain([format!("\"detail\":{detail}")]).collect();
        format!("{{{}}}", fields.join(","))
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

fn from_epoch_seconds(seconds: f64) -> Option<Timestamp> {
    let duration = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}

#[cfg(test)]
mod tests;
