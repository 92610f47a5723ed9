//! The runner's configuration: environment variables, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use slipway_model::id::{OperationId, StackId};

use crate::phase::Phase;
use crate::user::User;

/// Where Terraform gets providers from: `SLIPWAY_PROVIDERS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Providers {
    /// `published`: what `slipway publish` put into the artifacts bucket, and no registry.
    Published,
    /// A path: this folder, a filesystem mirror, and no registry.
    Mirror(PathBuf),
    /// `registry`, or nothing: as Terraform's own configuration says.
    Registry,
}

/// The build that this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// CodeBuild's id of it; `None` outside CodeBuild.
    pub id: Option<String>,
    /// What no other build is called: the id, or which process it is.
    pub name: String,
    /// Where its output goes: log group and log stream.
    pub log: Option<(String, String)>,
}

/// The runner's configuration, from its environment variables.
#[derive(Debug, Clone)]
pub struct Config {
    /// The operation.
    pub operation: OperationId,
    /// Its stack.
    pub stack: StackId,
    /// Which half of it.
    pub phase: Phase,
    /// The DynamoDB table.
    pub table: String,
    /// The bucket with Terraform's states.
    pub state_bucket: String,
    /// The bucket with blueprints, plans, streams and outputs.
    pub artifacts_bucket: String,
    /// The region of the buckets.
    pub region: String,
    /// The role that the runner and Terraform work with, each in a session of its own.
    pub session_role: String,
    /// The user that Terraform runs as; `None` on a machine of one person, where it is that person.
    pub terraform_user: Option<User>,
    /// The Terraform or OpenTofu to use; otherwise the first on `PATH`.
    pub terraform: Option<PathBuf>,
    /// Where providers come from.
    pub providers: Providers,
    /// How long the build may take until Terraform is interrupted, so that it saves the state before CodeBuild ends the build;
    /// `None` outside CodeBuild.
    pub deadline: Option<Duration>,
    /// Whether S3 is not AWS's own, and buckets are addressed by path.
    pub own_endpoint: bool,
    /// The build that this process is.
    pub build: Build,
    /// The whole environment: AWS clients and Terraform's own environment are made from it.
    pub vars: BTreeMap<String, String>,
}

/// A variable that is missing or wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not set.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// It is not what it should be.
    #[error("the environment variable {name} is {value:?}: it must be {expected}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Config {
    /// Reads the configuration.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let optional = |name: &str| vars.get(name).filter(|value| !value.is_empty()).cloned();
        let required = |name: &'static str| optional(name).ok_or(ConfigError::Missing(name));
        let operation = required("SLIPWAY_OPERATION")?;
        let stack = required("SLIPWAY_STACK")?;
        let phase = required("SLIPWAY_PHASE")?;
        let log_group = optional("CODEBUILD_LOG_GROUP").or_else(|| optional("SLIPWAY_LOG_GROUP"));
        let build = optional("CODEBUILD_BUILD_ID");
        Ok(Self {
            operation: operation.parse().map_err(|_| ConfigError::Wrong {
                name: "SLIPWAY_OPERATION",
                value: operation,
                expected: "an operation's id, which starts with `op-`",
            })?,
            stack: stack.parse().map_err(|_| ConfigError::Wrong {
                name: "SLIPWAY_STACK",
                value: stack,
                expected: "a stack's id",
            })?,
            phase: match phase.as_str() {
                "plan" => Phase::Plan,
                "apply" => Phase::Apply,
                _ => {
                    return Err(ConfigError::Wrong {
                        name: "SLIPWAY_PHASE",
                        value: phase,
                        expected: "`plan` or `apply`",
                    });
                }
            },
            table: required("SLIPWAY_TABLE")?,
            state_bucket: required("SLIPWAY_STATE_BUCKET")?,
            artifacts_bucket: required("SLIPWAY_ARTIFACTS_BUCKET")?,
            region: required("AWS_REGION")?,
            session_role: required("SLIPWAY_SESSION_ROLE")?,
            terraform_user: match optional("SLIPWAY_TERRAFORM_USER") {
                None => None,
                Some(number) => Some(number.parse().ok().and_then(User::new).ok_or(ConfigError::Wrong {
                    name: "SLIPWAY_TERRAFORM_USER",
                    value: number,
                    expected: "the number of a user that is not root",
                })?),
            },
            terraform: optional("SLIPWAY_TERRAFORM").map(PathBuf::from),
            providers: match optional("SLIPWAY_PROVIDERS").as_deref() {
                None | Some("registry") => Providers::Registry,
                Some("published") => Providers::Published,
                Some(path) if path.starts_with('/') => Providers::Mirror(path.into()),
                Some(other) => {
                    return Err(ConfigError::Wrong {
                        name: "SLIPWAY_PROVIDERS",
                        value: other.to_owned(),
                        expected: "`published`, `registry`, or the whole path of a folder",
                    });
                }
            },
            deadline: optional("SLIPWAY_DEADLINE_SECONDS").map(seconds).transpose()?,
            own_endpoint: slipway_aws::s3_path_style(vars),
            build: Build {
                name: build.clone().unwrap_or_else(this_process),
                id: build,
                log: log_group.zip(optional("CODEBUILD_LOG_PATH")),
            },
            vars: vars.clone(),
        })
    }
}

/// Names this process as long as the machine's clock goes forward.
fn this_process() -> String {
    format!("process {} of {}", std::process::id(), Timestamp::now())
}

fn seconds(value: String) -> Result<Duration, ConfigError> {
    value.parse().map(Duration::from_secs).map_err(|_| ConfigError::Wrong {
        name: "SLIPWAY_DEADLINE_SECONDS",
        value,
        expected: "a whole number of seconds",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> BTreeMap<String, String> {
        let vars = [
            ("SLIPWAY_OPERATION", "op-01kaj3v9mz5x0q8r2t4w6y7z9a"),
            ("SLIPWAY_STACK", "lusab-babad"),
            (
                "SLIPWAY_SESSION_ROLE",
                "arn:aws:iam::111122223333:role/slipway-eu-west-1-runner",
            ),
            ("SLIPWAY_PHASE", "plan"),
            ("SLIPWAY_TABLE", "slipway"),
            ("SLIPWAY_STATE_BUCKET", "state"),
            ("SLIPWAY_ARTIFACTS_BUCKET", "artifacts"),
            ("AWS_REGION", "eu-west-1"),
        ];
        vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn a_variable_that_is_missing_or_wrong_is_named() {
        Config::from_vars(&vars()).expect("a whole configuration");
        for name in vars().keys() {
            let mut vars = vars();
            vars.insert(name.clone(), String::new());
            let error = Config::from_vars(&vars).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
        for (name, value) in [
            ("SLIPWAY_PHASE", "destroy"),
            ("SLIPWAY_OPERATION", "../op"),
            ("SLIPWAY_STACK", "../stack"),
            ("SLIPWAY_PROVIDERS", "mirror"),
            ("SLIPWAY_TERRAFORM_USER", "0"),
            ("SLIPWAY_DEADLINE_SECONDS", "two hours"),
        ] {
            let mut vars = vars();
            vars.insert(name.to_owned(), value.to_owned());
            let error = Config::from_vars(&vars).expect_err(name).to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
