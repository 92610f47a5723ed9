//! A project: what all of its builds have in common.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The image of every build, which is this machine.
pub(super) const IMAGE: &str = "local";

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
    pub(super) fn source_json(&self) -> Value {
        json!({"type": "NO_SOURCE", "buildspec": self.buildspec, "insecureSsl": false})
    }

    /// `environment`, with these variables.
    pub(super) fn environment_json(variables: &[Value]) -> Value {
        json!({
            "type": "LINUX_CONTAINER",
            "image": IMAGE,
            "computeType": "BUILD_GENERAL1_SMALL",
            "privilegedMode": false,
            "environmentVariables": variables,
        })
    }
}
