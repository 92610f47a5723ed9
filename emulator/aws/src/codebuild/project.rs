//! A project: what all of its builds have in common.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::wire::arn;

/// A CodeBuild project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The text of its buildspec.
    pub buildspec: String,
    /// The environment variables of every build.
    pub environment: BTreeMap<String, String>,
    /// How long a build may run.
    pub timeout_minutes: u32,
    /// How long a build may wait for its turn.
    pub queued_timeout_minutes: u32,
    /// How many builds may be in progress at once; more are refused, as on AWS.
    pub concurrent_build_limit: Option<usize>,
    /// The log group of the builds.
    pub log_group: String,
}

impl Project {
    pub(super) fn arn(&self) -> String {
        arn("codebuild", &format!("project/{}", self.name))
    }

    pub(super) fn source_json(&self) -> Value {
        json!({"type": "NO_SOURCE", "buildspec": self.buildspec, "insecureSsl": false})
    }

    /// `environment`, with these variables.
    pub(super) fn environment_json(variables: &[Value]) -> Value {
        json!({
            "type": "LINUX_CONTAINER",
            "image": "slipway/local",
            "computeType": "BUILD_GENERAL1_SMALL",
            "privilegedMode": false,
            "environmentVariables": variables,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let variables = self.environment.iter();
        let variables = variables.map(|(name, value)| json!({"name": name, "value": value, "type": "PLAINTEXT"}));
        let variables: Vec<Value> = variables.collect();
        json!({
            "name": self.name,
            "arn": self.arn(),
            "source": self.source_json(),
            "artifacts": {"type": "NO_ARTIFACTS"},
            "cache": {"type": "NO_CACHE"},
            "environment": Self::environment_json(&variables),
            "serviceRole": format!("arn:aws:iam::{}:role/{}", crate::wire::ACCOUNT, self.name),
            "timeoutInMinutes": self.timeout_minutes,
            "queuedTimeoutInMinutes": self.queued_timeout_minutes,
            "concurrentBuildLimit": self.concurrent_build_limit,
            "logsConfig": {"cloudWatchLogs": {"status": "ENABLED", "groupName": self.log_group}},
        })
    }
}
