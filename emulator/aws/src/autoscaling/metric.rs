//! The one metric that the emulator follows: how many messages of a queue wait for each task of a service.
//!
//! ```text
//! visible  AWS/SQS ApproximateNumberOfMessagesVisible {QueueName}
//! running  ECS/ContainerInsights RunningTaskCount {ClusterName, ServiceName}
//! backlog  IF(FILL(running,0) > 0, visible / FILL(running,0), visible)
//! ```
//!
//! A document that says anything else is refused: to follow it nearly would be worse than not at all.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::invalid;
use crate::wire::AwsError;

/// `CustomizedMetricSpecification`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Specification {
    metrics: Vec<Query>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Query {
    id: String,
    /// What people see in a graph.
    #[serde(rename = "Label")]
    _label: Option<String>,
    metric_stat: Option<MetricStat>,
    expression: Option<String>,
    #[serde(default = "yes")]
    return_data: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricStat {
    metric: Metric,
    stat: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metric {
    namespace: String,
    #[serde(rename = "MetricName")]
    name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Dimension {
    name: String,
    value: String,
}

impl Specification {
    /// The name of the queue, when this is the backlog of each task of the service.
    pub(super) fn queue(&self, cluster: &str, service: &str) -> Result<String, AwsError> {
        let visible = self.stat("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum")?;
        let running = self.stat("ECS/ContainerInsights", "RunningTaskCount", "Average")?;
        let of_service = BTreeMap::from([("ClusterName", cluster), ("ServiceName", service)]);
        if running.1 != of_service {
            return Err(refused("RunningTaskCount must be that of the service that is scaled"));
        }
        let [("QueueName", queue)] = visible
            .1
            .iter()
            .map(|(name, value)| (*name, *value))
            .collect::<Vec<_>>()[..]
        else {
            return Err(refused(
                "ApproximateNumberOfMessagesVisible must have the dimension QueueName alone",
            ));
        };
        let (visible, running) = (visible.0, running.0);
        let expected = format!("IF(FILL({running},0)>0,{visible}/FILL({running},0),{visible})");
        let mut expressions = self
            .metrics
            .iter()
            .filter_map(|query| Some((query, query.expression.as_ref()?)));
        let (Some((query, expression)), None, 3) = (expressions.next(), expressions.next(), self.metrics.len()) else {
            return Err(refused("there must be these two metrics and one expression"));
        };
        let expression: String = expression.split_whitespace().collect();
        if expression != expected {
            return Err(refused(&format!("the expression must be {expected}")));
        }
        if !query.return_data || self.metrics.iter().filter(|query| query.return_data).count() != 1 {
            return Err(refused("the expression, and it alone, must have ReturnData"));
        }
        Ok(queue.to_owned())
    }

    /// The id and the dimensions of a metric.
    fn stat(&self, namespace: &str, name: &str, stat: &str) -> Result<(&str, BTreeMap<&str, &str>), AwsError> {
        let found = self.metrics.iter().find_map(|query| {
            let it = query.metric_stat.as_ref()?;
            let is_it = it.metric.namespace == namespace && it.metric.name == name && it.stat == stat;
            is_it.then_some((query.id.as_str(), &it.metric.dimensions))
        });
        let (id, dimensions) = found.ok_or_else(|| refused(&format!("it lacks {stat} of {namespace} {name}")))?;
        let dimensions = dimensions.iter().map(|it| (it.name.as_str(), it.value.as_str()));
        Ok((id, dimensions.collect()))
    }
}

/// What is wrong, and what would be right.
pub(super) fn refused(reason: &str) -> AwsError {
    invalid(format!(
        "This emulator follows one metric, the messages that wait for each task, as \
         IF(FILL(running,0) > 0, visible / FILL(running,0), visible) of AWS/SQS ApproximateNumberOfMessagesVisible and \
         ECS/ContainerInsights RunningTaskCount: {reason}."
    ))
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document() -> Value {
        let dimension = |name: &str, value: &str| json!({"Name": name, "Value": value});
        json!({"Metrics": [
            {"Id": "visible", "ReturnData": false, "Label": "Messages that wait", "MetricStat": {"Stat": "Maximum",
                "Metric": {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible",
                "Dimensions": [dimension("QueueName", "work")]}}},
            {"Id": "running", "ReturnData": false, "MetricStat": {"Stat": "Average",
                "Metric": {"Namespace": "ECS/ContainerInsights", "MetricName": "RunningTaskCount",
                "Dimensions": [dimension("ClusterName", "c"), dimension("ServiceName", "worker")]}}},
            {"Id": "backlog", "Expression": "IF(FILL(running,0) > 0, visible / FILL(running,0), visible)"},
        ]})
    }

    fn queue(document: Value) -> Result<String, AwsError> {
        serde_json::from_value::<Specification>(document)
            .expect("reads")
            .queue("c", "worker")
    }

    #[test]
    fn the_backlog_of_each_task_is_understood_and_nothing_else() {
        assert_eq!(queue(document()).expect("understood"), "work");
        for (place, value, said) in [
            ("/Metrics/0/MetricStat/Stat", json!("Sum"), "Maximum of AWS/SQS"),
            (
                "/Metrics/0/MetricStat/Metric/MetricName",
                json!("ApproximateAgeOfOldestMessage"),
                "it lacks",
            ),
            ("/Metrics/0/MetricStat/Metric/Dimensions", json!([]), "QueueName"),
            (
                "/Metrics/1/MetricStat/Metric/Dimensions/1/Value",
                json!("web"),
                "that of the service",
            ),
            (
                "/Metrics/2/Expression",
                json!("visible / running"),
                "the expression must be",
            ),
            ("/Metrics/0/ReturnData", json!(true), "ReturnData"),
            (
                "/Metrics/1",
                json!({"Id": "running", "Expression": "1"}),
                "RunningTaskCount",
            ),
        ] {
            let mut changed = document();
            *changed.pointer_mut(place).expect("a place") = value;
            let error = queue(changed).expect_err(place);
            assert!(error.message.contains(said), "{place}: {}", error.message);
        }
    }
}
