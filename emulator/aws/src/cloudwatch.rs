//! CloudWatch, as far as deployments of ECS need it: alarms and their states. There are no metrics: `SetAlarmState` rings an alarm.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ledger::Ledger;
use crate::wire::{AwsError, arn, epoch_seconds, input};

/// The kind of alarms in the ledger, by name.
pub(crate) const ALARM: &str = "cloudwatch-alarm";

/// The alarms of a data folder. Clones share everything.
#[derive(Clone)]
pub struct CloudWatch {
    ledger: Ledger,
}

/// An alarm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Alarm {
    pub(crate) state: State,
    reason: String,
    changed_at: Timestamp,
    /// The request that made it.
    configuration: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutInput {
    alarm_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StateInput {
    alarm_name: String,
    state_value: State,
    state_reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NamesInput {
    #[serde(default)]
    alarm_names: Vec<String>,
}

impl CloudWatch {
    /// Alarms in the ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// One call of the wire API.
    pub fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "PutMetricAlarm" => self.put(body),
            "SetAlarmState" => self.set_state(body),
            "DescribeAlarms" => self.describe(body),
            "DeleteAlarms" => self.delete(body),
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    /// A new alarm has no data. One that exists keeps its state.
    fn put(&self, body: Value) -> Result<Value, AwsError> {
        let put: PutInput = input(body.clone())?;
        let known = self.ledger.get::<Alarm>(ALARM, &put.alarm_name)?;
        let alarm = Alarm {
            state: known.as_ref().map_or(State::InsufficientData, |known| known.state),
            reason: known.map(|known| known.reason).unwrap_or_default(),
            changed_at: Timestamp::now(),
            configuration: body,
        };
        self.ledger.put(ALARM, &put.alarm_name, &alarm)?;
        Ok(json!({}))
    }

    fn set_state(&self, body: Value) -> Result<Value, AwsError> {
        let set: StateInput = input(body)?;
        let Some(known) = self.ledger.get::<Alarm>(ALARM, &set.alarm_name)? else {
            return Err(AwsError::new("ResourceNotFound", "The alarm does not exist."));
        };
        let alarm = Alarm {
            state: set.state_value,
            reason: set.state_reason,
            changed_at: Timestamp::now(),
            ..known
        };
        self.ledger.put(ALARM, &set.alarm_name, &alarm)?;
        Ok(json!({}))
    }

    fn describe(&self, body: Value) -> Result<Value, AwsError> {
        let names: NamesInput = input(body)?;
        let alarms = self.ledger.list::<Alarm>(ALARM)?.into_iter();
        let asked = alarms.filter(|(name, _)| names.alarm_names.is_empty() || names.alarm_names.contains(name));
        let shown = asked.map(|(name, alarm)| {
            let mut shown = alarm.configuration;
            shown["AlarmName"] = json!(name);
            shown["AlarmArn"] = json!(arn("cloudwatch", &format!("alarm:{name}")));
            shown["StateValue"] = json!(alarm.state);
            shown["StateReason"] = json!(alarm.reason);
            shown["StateUpdatedTimestamp"] = epoch_seconds(alarm.changed_at);
            shown
        });
        Ok(json!({"MetricAlarms": shown.collect::<Vec<_>>(), "CompositeAlarms": []}))
    }

    fn delete(&self, body: Value) -> Result<Value, AwsError> {
        let names: NamesInput = input(body)?;
        for name in names.alarm_names {
            self.ledger.delete(ALARM, &name)?;
        }
        Ok(json!({}))
    }
}
