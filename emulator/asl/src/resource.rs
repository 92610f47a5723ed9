//! What a Task state calls: the `Resource` field as a type.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an execution waits for the service that a task calls ("service integration patterns").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IntegrationPattern {
    /// The call's answer is the result.
    RequestResponse,
    /// `.sync`: the result is that of the job which the call started; a JSON result stays a string.
    Sync,
    /// `.sync:2`: as `.sync`, and a JSON result is parsed.
    SyncV2,
    /// `.waitForTaskToken`: the holder of the token gives the result.
    WaitForTaskToken,
}

impl IntegrationPattern {
    fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::SyncV2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

/// The resource of a Task state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Resource {
    /// A Lambda function named by its own ARN. Its history is `LambdaFunction*` events.
    LambdaFunction {
        /// The ARN of the function, with a version or alias if the definition has one.
        arn: String,
    },
    /// `arn:aws:states:::SERVICE:ACTION[.sync|.sync:2|.waitForTaskToken]`. Its history is `Task*` events.
    Integration {
        /// `aws`, `aws-cn` or `aws-us-gov`.
        partition: String,
        /// `codebuild`, or `aws-sdk:ecs` for a call of the AWS SDK.
        service: String,
        /// `startBuild`, without the pattern's suffix.
        action: String,
        /// How the execution waits.
        pattern: IntegrationPattern,
    },
}

impl Resource {
    /// The `resourceType` of `Task*` events: `codebuild`, `aws-sdk:ecs`.
    pub fn resource_type(&self) -> &str {
        match self {
            Self::LambdaFunction { .. } => "lambda",
            Self::Integration { service, .. } => service,
        }
    }

    /// The `resource` of `Task*` events: `startBuild.sync`.
    pub fn action_with_pattern(&self) -> String {
        match self {
            Self::LambdaFunction { arn } => arn.clone(),
            Self::Integration { action, pattern, .. } => format!("{action}{}", pattern.suffix()),
        }
    }

    /// How the execution waits for it.
    pub fn pattern(&self) -> IntegrationPattern {
        match self {
            Self::LambdaFunction { .. } => IntegrationPattern::RequestResponse,
            Self::Integration { pattern, .. } => *pattern,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LambdaFunction { arn } => f.write_str(arn),
            Self::Integration {
                partition,
                service,
                action,
                pattern,
            } => {
                write!(f, "arn:{partition}:states:::{service}:{action}{}", pattern.suffix())
            }
        }
    }
}

/// Why a `Resource` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResource {
    /// Not an ARN at all.
    #[error("Value is not a valid resource ARN")]
    NotAnArn,
    /// An ARN of something that a Task state cannot call here.
    #[error(
        "The resource provided {0} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
    )]
    NotRecognized(String),
    /// An activity: workers polling `GetActivityTask` are not supported.
    #[error("The resource provided {0} is an activity, which is not supported.")]
    Activity(String),
}

impl FromStr for Resource {
    type Err = InvalidResource;

    fn from_str(text: &str) -> Result<Self, InvalidResource> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return Err(InvalidResource::NotAnArn);
        };
        match (service, region, account) {
            ("lambda", r, a) if !r.is_empty() && !a.is_empty() && resource.starts_with("function:") => {
                Ok(Self::LambdaFunction { arn: text.to_owned() })
            }
            ("states", "", "") => {
                integration(partition, resource).ok_or_else(|| InvalidResource::NotRecognized(text.to_owned()))
            }
            ("states", _, _) if resource.starts_with("activity:") => Err(InvalidResource::Activity(text.to_owned())),
            _ => Err(InvalidResource::NotRecognized(text.to_owned())),
        }
    }
}

fn integration(partition: &str, resource: &str) -> Option<Resource> {
    let (resource, pattern) = [
        IntegrationPattern::SyncV2,
        IntegrationPattern::Sync,
        IntegrationPattern::WaitForTaskToken,
    ]
    .into_iter()
    .find_map(|pattern| Some((resource.strip_suffix(pattern.suffix())?, pattern)))
    .unwrap_or((resource, IntegrationPattern::RequestResponse));
    let (service, action) = resource.rsplit_once(':')?;
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let service_is_valid = is_word(service.strip_prefix("aws-sdk:").unwrap_or(service));
    (service_is_valid && is_word(action) && offers(service, pattern)).then(|| Resource::Integration {
        partition: partition.to_owned(),
        service: service.to_owned(),
        action: action.to_owned(),
        pattern,
    })
}

/// Services that start no job to wait for.
const WITHOUT_SYNC: [&str; 7] = [
    "lambda",
    "sns",
    "sqs",
    "dynamodb",
    "events",
    "apigateway",
    "bedrock-agentcore",
];
/// Services whose calls cannot hand on a task token.
const WITHOUT_TOKEN: [&str; 12] = [
    "athena",
    "batch",
    "codebuild",
    "elasticmapreduce",
    "emr-containers",
    "emr-serverless",
    "glue",
    "databrew",
    "mediaconvert",
    "sagemaker",
    "dynamodb",
    "bedrock-agentcore",
];

/// Whether AWS has the pattern for the service, after its table of optimized integrations.
fn offers(service: &str, pattern: IntegrationPattern) -> bool {
    match pattern {
        IntegrationPattern::RequestResponse => true,
        IntegrationPattern::Sync => !service.starts_with("aws-sdk:") && !WITHOUT_SYNC.contains(&service),
        IntegrationPattern::SyncV2 => service == "states",
        IntegrationPattern::WaitForTaskToken => !WITHOUT_TOKEN.contains(&service),
    }
}

impl TryFrom<String> for Resource {
    type Error = InvalidResource;

    fn try_from(text: String) -> Result<Self, InvalidResource> {
        text.parse()
    }
}

impl From<Resource> for String {
    fn from(resource: Resource) -> Self {
        resource.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Resource, InvalidResource> {
        text.parse()
    }

    #[test]
    fn an_integration_names_its_service_action_and_pattern() {
        for (text, service, action, pattern) in [
            (
                "arn:aws:states:::lambda:invoke",
                "lambda",
                "invoke",
                IntegrationPattern::RequestResponse,
            ),
            (
                "arn:aws:states:::codebuild:startBuild.sync",
                "codebuild",
                "startBuild",
                IntegrationPattern::Sync,
            ),
            (
                "arn:aws:states:::states:startExecution.sync:2",
                "states",
                "startExecution",
                IntegrationPattern::SyncV2,
            ),
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "sqs",
                "sendMessage",
                IntegrationPattern::WaitForTaskToken,
            ),
            (
                "arn:aws:states:::aws-sdk:ecs:updateService",
                "aws-sdk:ecs",
                "updateService",
                IntegrationPattern::RequestResponse,
            ),
        ] {
            let resource = parse(text).expect(text);
            assert_eq!((resource.resource_type(), resource.pattern()), (service, pattern));
            assert!(resource.action_with_pattern().starts_with(action));
            assert_eq!(resource.to_string(), text);
        }
    }

    #[test]
    fn a_function_arn_is_a_lambda_function() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:steps:live";
        assert_eq!(parse(arn), Ok(Resource::LambdaFunction { arn: arn.to_owned() }));
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parse("steps"), Err(InvalidResource::NotAnArn));
        for text in [
            "arn:aws:states:::lambda",
            "arn:aws:sqs:eu-west-1:123456789012:queue",
            "arn:aws:states:::x:y.syncs",
            "arn:aws:states:::lambda:invoke.sync",
            "arn:aws:states:::ecs:runTask.sync:2",
            "arn:aws:states:::aws-sdk:ecs:runTask.sync",
            "arn:aws:states:::codebuild:startBuild.waitForTaskToken",
        ] {
            assert_eq!(parse(text), Err(InvalidResource::NotRecognized(text.to_owned())));
        }
        let activity = "arn:aws:states:eu-west-1:123456789012:activity:paint";
        assert_eq!(parse(activity), Err(InvalidResource::Activity(activity.to_owned())));
    }
}
