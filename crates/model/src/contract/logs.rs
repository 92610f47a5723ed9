//! Where the containers of a service print to.

use serde_json::Value;

use super::Service;
use crate::id::StackId;

/// What the names of the log groups of all stacks start with.
const LOG_GROUPS: &str = "/slipway/stacks/";

/// A log in CloudWatch Logs: the streams that a container of a service has in a group, one for each task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerLog {
    /// The container's name.
    pub container: String,
    /// The log group.
    pub group: String,
    /// What comes before a task's ID in the names of the streams.
    pub streams: String,
}

impl ContainerLog {
    /// Whether the group is one of the stack's own: a blueprint could name any.
    pub fn is_of(&self, stack: &StackId) -> bool {
        let own = self.group.strip_prefix(LOG_GROUPS);
        let rest = own.and_then(|own| own.strip_prefix(stack.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Service {
    /// The logs of its containers, as far as they print to CloudWatch Logs and name their streams: `prefix/container/task`
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>).
    pub fn logs(&self) -> Vec<ContainerLog> {
        let containers = self.task_definition["containerDefinitions"].as_array();
        containers.into_iter().flatten().filter_map(log_of).collect()
    }
}

fn log_of(container: &Value) -> Option<ContainerLog> {
    let configuration = &container["logConfiguration"];
    if configuration["logDriver"] != "awslogs" {
        return None;
    }
    let option = |name: &str| configuration["options"][name].as_str();
    let name = container["name"].as_str()?;
    Some(ContainerLog {
        container: name.to_owned(),
        group: option("awslogs-group")?.to_owned(),
        streams: format!("{}/{name}/", option("awslogs-stream-prefix")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn logs_are_those_of_the_stack() {
        let driver = |group: &str| json!({"logDriver": "awslogs", "options": {"awslogs-group": group, "awslogs-stream-prefix": "web"}});
        let service: Service = serde_json::from_value(json!({
            "name": "web", "desired_count": 1, "task_definition": {"containerDefinitions": [
                {"name": "app", "logConfiguration": driver("/slipway/stacks/lusab-babad")},
                {"name": "proxy", "logConfiguration": driver("/slipway/stacks/lusab-babad/proxy")},
                {"name": "other", "logConfiguration": driver("/slipway/stacks/lusab-babadx")},
                {"name": "foreign", "logConfiguration": driver("/aws/lambda/secret")},
                {"name": "silent"},
                {"name": "splunk", "logConfiguration": {"logDriver": "splunk", "options": {}}},
                {"name": "nameless", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/slipway/stacks/lusab-babad"}}},
            ]},
        }))
        .expect("a service");
        let stack: StackId = "lusab-babad".parse().expect("an id");
        let logs = service.logs();
        let streams: Vec<&str> = logs.iter().map(|log| log.streams.as_str()).collect();
        assert_eq!(streams, ["web/app/", "web/proxy/", "web/other/", "web/foreign/"]);
        let own: Vec<bool> = logs.iter().map(|log| log.is_of(&stack)).collect();
        assert_eq!(own, [true, true, false, false]);
    }
}
