//! `clientToken` on the wire of ECS and CodeBuild is `ClientToken` in a state machine: Step Functions names members
//! as the AWS SDK for Java does.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Members whose keys are the caller's own words, not names of the API.
const MAPS: [&str; 4] = ["dockerLabels", "driverOpts", "labels", "options"];

/// How an integration writes times, which are a number of seconds on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// `codebuild:`, `ecs:`: milliseconds since 1970.
    Milliseconds,
    /// `aws-sdk:`: ISO 8601.
    Text,
}

/// Arguments of a state as the body of a call.
pub fn to_wire(value: &Value) -> Value {
    convert(value, &|name| first(name, char::to_ascii_lowercase), &|_, value| value)
}

/// The answer of a call as the result of a state.
pub fn from_wire(value: &Value, times: Times) -> Value {
    convert(
        value,
        &|name| first(name, char::to_ascii_uppercase),
        &|name, value| match (is_time(name), value.as_f64()) {
            (true, Some(seconds)) => time(seconds, times),
            _ => value,
        },
    )
}

/// Arguments of a state as the parameters of a call of RDS: `DbInstanceIdentifier` is `DBInstanceIdentifier` on the wire.
/// A name as it is on the wire is one that Step Functions does not know, and is given back.
pub fn rds_to_wire(value: &Value) -> Result<Value, String> {
    let mut names = value.as_object().into_iter().flat_map(Map::keys);
    match names.find(|name| name.contains("DB")) {
        Some(name) => Err(name.clone()),
        None => Ok(convert(value, &|name| name.replace("Db", "DB"), &|_, value| value)),
    }
}

/// The answer of a call of RDS as the result of a state. Its times are texts already.
pub fn rds_from_wire(value: &Value) -> Value {
    convert(value, &|name| name.replace("DB", "Db"), &|_, value| value)
}

fn convert(value: &Value, rename: &dyn Fn(&str) -> String, leaf: &dyn Fn(&str, Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| convert(item, rename, leaf)).collect(),
        Value::Object(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                let value = match value {
                    map if MAPS.contains(&first(name, char::to_ascii_lowercase).as_str()) => map.clone(),
                    Value::Array(_) | Value::Object(_) => convert(value, rename, leaf),
                    plain => leaf(name, plain.clone()),
                };
                object.insert(rename(name), value);
            }
            Value::Object(object)
        }
        plain => plain.clone(),
    }
}

fn first(name: &str, change: fn(&char) -> char) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map(|first| change(&first))
        .into_iter()
        .chain(characters)
        .collect()
}

fn is_time(name: &str) -> bool {
    name.ends_with("At") || name.ends_with("Time") || ["created", "lastModified"].contains(&name)
}

fn time(seconds: f64, times: Times) -> Value {
    // Milliseconds are all that the services write.
    #[allow(clippy::cast_possible_truncation)]
    let milliseconds = (seconds * 1000.0).round() as i64;
    match (times, Timestamp::from_millisecond(milliseconds)) {
        (Times::Text, Ok(time)) => json!(time.to_string()),
        _ => json!(milliseconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_and_the_words_of_the_caller_do_not() {
        let arguments = json!({
            "TaskDefinition": "web:1",
            "Overrides": {"ContainerOverrides": [{"Name": "Web", "Environment": [{"Name": "A", "Value": "B"}]}]},
            "LogConfiguration": {"Options": {"Awslogs-Group": "G"}},
        });
        assert_eq!(
            to_wire(&arguments),
            json!({
                "taskDefinition": "web:1",
                "overrides": {"containerOverrides": [{"name": "Web", "environment": [{"name": "A", "value": "B"}]}]},
                "logConfiguration": {"options": {"Awslogs-Group": "G"}},
            })
        );
        assert_eq!(from_wire(&to_wire(&arguments), Times::Text), arguments);
    }

    #[test]
    fn rds_has_names_of_its_own() {
        let arguments = json!({"DbInstanceIdentifier": "a", "DbSnapshotIdentifier": "b"});
        let wire = json!({"DBInstanceIdentifier": "a", "DBSnapshotIdentifier": "b"});
        assert_eq!(rds_to_wire(&arguments), Ok(wire.clone()));
        assert_eq!(rds_from_wire(&wire), arguments);
        assert_eq!(rds_to_wire(&wire), Err("DBInstanceIdentifier".to_owned()));
    }

    #[test]
    fn times_are_as_each_kind_of_integration_writes_them() {
        let build = json!({"startTime": 1_700_000_000.25, "timeoutInMinutes": 5, "phases": [{"endTime": 1}]});
        assert_eq!(
            from_wire(&build, Times::Milliseconds),
            json!({"StartTime": 1_700_000_000_250_i64, "TimeoutInMinutes": 5, "Phases": [{"EndTime": 1000}]})
        );
        let task = json!({"createdAt": 1_700_000_000.25});
        assert_eq!(
            from_wire(&task, Times::Text),
            json!({"CreatedAt": "2023-11-14T22:13:20.25Z"})
        );
    }
}
