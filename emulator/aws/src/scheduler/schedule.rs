//! A schedule: what it was made of, checked, and what AWS shows of it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::expression::Expression;
use super::invalid;
use crate::wire::{AwsError, arn, epoch_seconds};

/// The one group.
pub(super) const GROUP: &str = "default";

/// What `CreateSchedule` and `UpdateSchedule` take besides the name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Definition {
    #[serde(default = "group", rename = "GroupName")]
    pub(super) group: String,
    pub(super) schedule_expression: String,
    #[serde(default = "utc")]
    pub(super) schedule_expression_timezone: String,
    #[serde(default)]
    pub(super) state: State,
    pub(super) flexible_time_window: FlexibleTimeWindow,
    pub(super) target: Target,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start_date: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end_date: Option<f64>,
    #[serde(default)]
    pub(super) action_after_completion: AfterCompletion,
    /// The disk is the owner's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kms_key_arn: Option<String>,
    /// Makes a repeated request the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_token: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum State {
    #[default]
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum AfterCompletion {
    #[default]
    None,
    Delete,
}

/// Within which time after a tick the target may be called. Here it is called at its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct FlexibleTimeWindow {
    mode: WindowMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_window_in_minutes: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum WindowMode {
    Off,
    Flexible,
}

/// What a tick does: it runs tasks of ECS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Target {
    /// The cluster.
    arn: String,
    role_arn: String,
    ecs_parameters: EcsParameters,
    /// The overrides, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dead_letter_config: Option<DeadLetterConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_policy: Option<RetryPolicy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeadLetterConfig {
    pub(super) arn: String,
}

/// A task that could not be started will not start a moment later on this machine: it is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RetryPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EcsParameters {
    task_definition_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task_count: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Members of `EcsParameters` that mean nothing on this machine.
const IGNORED: [&str; 10] = [
    "CapacityProviderStrategy",
    "EnableECSManagedTags",
    "EnableExecuteCommand",
    "LaunchType",
    "NetworkConfiguration",
    "PlacementConstraints",
    "PlacementStrategy",
    "PlatformVersion",
    "PropagateTags",
    "Tags",
];

/// A schedule, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Schedule {
    pub(super) name: String,
    pub(super) definition: Definition,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// What a rate counts from: when the schedule became what it is, the target aside.
    pub(super) base: Timestamp,
}

impl Definition {
    /// Checks everything that the types do not.
    pub(super) fn check(&self) -> Result<(), AwsError> {
        Expression::parse(&self.schedule_expression).map_err(|reason| {
            invalid(format!(
                "Invalid Schedule Expression {}: {reason}.",
                self.schedule_expression
            ))
        })?;
        TimeZone::get(&self.schedule_expression_timezone).map_err(|_| {
            let zone = &self.schedule_expression_timezone;
            invalid(format!(
                "The ScheduleExpressionTimezone {zone} is not a time zone of this machine."
            ))
        })?;
        if self.group != GROUP {
            return Err(super::not_found(&format!("Schedule group {}", self.group)));
        }
        let window = &self.flexible_time_window;
        let minutes = window.maximum_window_in_minutes;
        match (window.mode, minutes) {
            (WindowMode::Off, None) => {}
            (WindowMode::Flexible, Some(1..=1440)) => {}
            _ => {
                return Err(invalid(
                    "FlexibleTimeWindow: the mode FLEXIBLE wants MaximumWindowInMinutes from 1 to 1440, and OFF has none.",
                ));
            }
        }
        if matches!((self.start(), self.end()), (Some(start), Some(end)) if start >= end) {
            return Err(invalid("The StartDate must come before the EndDate."));
        }
        self.target.check()
    }

    pub(super) fn start(&self) -> Option<Timestamp> {
        self.start_date.and_then(from_seconds)
    }

    pub(super) fn end(&self) -> Option<Timestamp> {
        self.end_date.and_then(from_seconds)
    }

    /// Whether ticks of the other one are ticks of this one.
    pub(super) fn ticks_like(&self, other: &Self) -> bool {
        let times = |it: &Self| {
            (
                it.schedule_expression.clone(),
                it.schedule_expression_timezone.clone(),
                it.state,
                it.start(),
            )
        };
        times(self) == times(other)
    }
}

impl Target {
    fn check(&self) -> Result<(), AwsError> {
        if !self.arn.starts_with(&arn("ecs", "cluster/")) {
            return Err(invalid(format!(
                "Target.Arn {}: this emulator supports ECS clusters of this account as targets.",
                self.arn
            )));
        }
        if !(self.role_arn.starts_with("arn:aws:iam::") && self.role_arn.contains(":role/")) {
            return Err(invalid(format!(
                "Target.RoleArn {} is not the ARN of a role.",
                self.role_arn
            )));
        }
        let parameters = &self.ecs_parameters;
        if let Some(other) = parameters.rest.keys().find(|name| !IGNORED.contains(&name.as_str())) {
            return Err(invalid(format!(
                "Target.EcsParameters.{other}: this emulator does not support it."
            )));
        }
        if parameters.task_count.is_some_and(|count| !(1..=10).contains(&count)) {
            return Err(invalid("Target.EcsParameters.TaskCount: 1 to 10 are taken."));
        }
        self.overrides().map(drop)
    }

    fn overrides(&self) -> Result<Value, AwsError> {
        let Some(input) = &self.input else {
            return Ok(json!({}));
        };
        let input: Option<Value> = serde_json::from_str(input).ok();
        input
            .filter(Value::is_object)
            .ok_or_else(|| invalid("Target.Input must be the overrides of the task as a JSON object."))
    }
}

impl Schedule {
    pub(super) fn arn(&self) -> String {
        arn("scheduler", &format!("schedule/{GROUP}/{}", self.name))
    }

    /// The first tick after `after`.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let definition = &self.definition;
        if definition.state == State::Disabled {
            return None;
        }
        // Both were checked when the schedule was made.
        let expression = Expression::parse(&definition.schedule_expression).ok()?;
        let zone = TimeZone::get(&definition.schedule_expression_timezone).ok()?;
        let start = definition.start();
        let is_once = matches!(expression, Expression::At(_));
        // The start itself may be a tick.
        let begin = start
            .filter(|_| !is_once)
            .and_then(|start| start.checked_sub(jiff::SignedDuration::from_nanos(1)).ok());
        let after = begin.map_or(after, |begin| begin.max(after));
        let next = expression.next_after(after, start.unwrap_or(self.base), &zone)?;
        let is_due = is_once || definition.end().is_none_or(|end| next < end);
        is_due.then_some(next)
    }

    /// The body of `RunTask` for a tick. The token makes a tick one run, whatever happens.
    pub(super) fn run(&self, tick: Timestamp) -> Result<Value, AwsError> {
        let target = &self.definition.target;
        let parameters = &target.ecs_parameters;
        let mut body = json!({
            "cluster": target.arn,
            "taskDefinition": parameters.task_definition_arn,
            "count": parameters.task_count.unwrap_or(1),
            "overrides": target.overrides()?,
            "startedBy": format!("chronos-schedule/{}", self.name),
            "clientToken": format!("{}/{}", self.name, tick.as_millisecond()),
        });
        if let Some(group) = &parameters.group {
            body["group"] = json!(group);
        }
        Ok(body)
    }

    /// The schedule as `GetSchedule` shows it.
    pub(super) fn to_json(&self) -> Result<Value, AwsError> {
        let mut shown = crate::wire::answer(&self.definition)?;
        if let Some(members) = shown.as_object_mut() {
            members.remove("ClientToken");
        }
        shown["Arn"] = json!(self.arn());
        shown["Name"] = json!(self.name);
        shown["CreationDate"] = epoch_seconds(self.created);
        shown["LastModificationDate"] = epoch_seconds(self.modified);
        Ok(shown)
    }

    /// The schedule as `ListSchedules` shows it.
    pub(super) fn summary(&self) -> Value {
        json!({
            "Arn": self.arn(),
            "Name": self.name,
            "GroupName": GROUP,
            "State": self.definition.state,
            "Target": {"Arn": self.definition.target.arn},
            "CreationDate": epoch_seconds(self.created),
            "LastModificationDate": epoch_seconds(self.modified),
        })
    }
}

fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let duration = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}

fn group() -> String {
    GROUP.to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}
