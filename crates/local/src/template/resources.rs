//! The resource types that local mode knows, with the properties that it uses as types and those that it leaves out
//! in one table. A property that is in neither is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `AWS::DynamoDB::Table`.
    Table,
    /// `AWS::S3::Bucket`.
    Bucket,
    /// `AWS::Logs::LogGroup`.
    LogGroup,
    /// `AWS::SQS::Queue`.
    Queue,
    /// `AWS::Events::EventBus`.
    EventBus,
    /// `AWS::Serverless::Function`.
    Function,
    /// `AWS::Serverless::StateMachine`.
    StateMachine,
    /// `AWS::CodeBuild::Project`.
    Project,
    /// One of [`MEANINGLESS`].
    MeaninglessHere,
}

impl Kind {
    /// The kind that CloudFormation calls so.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "AWS::DynamoDB::Table" => Self::Table,
            "AWS::S3::Bucket" => Self::Bucket,
            "AWS::Logs::LogGroup" => Self::LogGroup,
            "AWS::SQS::Queue" => Self::Queue,
            "AWS::Events::EventBus" => Self::EventBus,
            "AWS::Serverless::Function" => Self::Function,
            "AWS::Serverless::StateMachine" => Self::StateMachine,
            "AWS::CodeBuild::Project" => Self::Project,
            _ if MEANINGLESS.iter().any(|(meaningless, _reason)| *meaningless == name) => Self::MeaninglessHere,
            _ => return None,
        })
    }

    /// The property that names the resource.
    pub fn name_property(self) -> Option<&'static str> {
        Some(match self {
            Self::Table => "TableName",
            Self::Bucket => "BucketName",
            Self::LogGroup => "LogGroupName",
            Self::Queue => "QueueName",
            Self::Function => "FunctionName",
            Self::StateMachine | Self::Project | Self::EventBus => "Name",
            Self::MeaninglessHere => return None,
        })
    }
}

/// The resource types that mean something on AWS only, and why.
const MEANINGLESS: &[(&str, &str)] = &[
    ("AWS::ApiGatewayV2::Api", "the API has a port of its own"),
    ("AWS::ApiGatewayV2::Authorizer", "there is one user"),
    ("AWS::ApiGatewayV2::Integration", "the API has a port of its own"),
    ("AWS::ApiGatewayV2::Route", "the API has a port of its own"),
    ("AWS::ApiGatewayV2::Stage", "the API has a port of its own"),
    ("AWS::CloudWatch::Alarm", "who runs the server sees its output"),
    ("AWS::CloudWatch::Dashboard", "who runs the server sees its output"),
    ("AWS::Events::EventBusPolicy", "there is one account"),
    ("AWS::IAM::Role", "there is one user, who may do everything"),
    ("AWS::Lambda::Permission", "there is one user, who may do everything"),
    ("AWS::S3::BucketPolicy", "the port is on loopback"),
    ("AWS::SNS::Subscription", "who runs the server sees its output"),
    ("AWS::SNS::Topic", "who runs the server sees its output"),
    ("AWS::SQS::QueuePolicy", "there is one account"),
];

/// The properties that mean something on AWS only, and why.
pub const IGNORED: &[(Kind, &str, &str)] = &[
    (
        Kind::Table,
        "DeletionProtectionEnabled",
        "the data folder is the owner's to delete",
    ),
    (Kind::Table, "PointInTimeRecoverySpecification", "there are no backups"),
    (Kind::Table, "SSESpecification", "the disk is the owner's"),
    (Kind::Bucket, "BucketEncryption", "the disk is the owner's"),
    (
        Kind::Bucket,
        "PublicAccessBlockConfiguration",
        "the port is on loopback",
    ),
    (Kind::Bucket, "OwnershipControls", "there is one account"),
    (
        Kind::Bucket,
        "LifecycleConfiguration",
        "nothing here costs by the month",
    ),
    (Kind::Queue, "SqsManagedSseEnabled", "the disk is the owner's"),
    (Kind::EventBus, "Description", "shown in the console only"),
    (Kind::Function, "Runtime", "the functions are part of this program"),
    (Kind::Function, "Handler", "the functions are part of this program"),
    (
        Kind::Function,
        "Architectures",
        "the functions are part of this program",
    ),
    (Kind::Function, "CodeUri", "the functions are part of this program"),
    (Kind::Function, "MemorySize", "the functions are part of this program"),
    (Kind::Function, "Description", "shown in the console only"),
    (Kind::Function, "Tracing", "there is no X-Ray"),
    (
        Kind::Function,
        "LoggingConfig",
        "the functions log where the server logs",
    ),
    (Kind::Function, "Role", "there is one user, who may do everything"),
    (
        Kind::Function,
        "AutoPublishAlias",
        "the functions are part of this program",
    ),
    (
        Kind::Function,
        "AutoPublishAliasAllProperties",
        "the functions are part of this program",
    ),
    (
        Kind::Function,
        "EventInvokeConfig.MaximumEventAgeInSeconds",
        "a server that was off is no reason to give an event up",
    ),
    (
        Kind::Function,
        "Events.*.Properties.EventBusName",
        "there is one account, whose buses are one",
    ),
    (Kind::Function, "Events.*.Properties.Name", "there is one stack"),
    (
        Kind::Function,
        "Events.*.Properties.RetryPolicy",
        "a function of this program is always there to take an event",
    ),
    (Kind::StateMachine, "Logging", "the history is kept"),
    (Kind::StateMachine, "Tracing", "there is no X-Ray"),
    (
        Kind::Project,
        "ConcurrentBuildLimit",
        "as many builds run as there are cores",
    ),
    (
        Kind::Project,
        "Source.Location",
        "the runner is part of this program, and Terraform is on the PATH",
    ),
];

/// Of `AWS::DynamoDB::Table`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TableProperties {
    pub table_name: String,
    pub billing_mode: String,
    pub attribute_definitions: Vec<AttributeDefinition>,
    pub key_schema: Vec<KeyElement>,
    #[serde(default)]
    pub global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    #[serde(default)]
    pub time_to_live_specification: Option<TimeToLive>,
}

/// Of `AWS::DynamoDB::Table`: which attribute says when an item expires.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TimeToLive {
    pub attribute_name: String,
    pub enabled: bool,
}

/// The type of an attribute that a key uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AttributeDefinition {
    /// The name of the attribute.
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

/// One attribute of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct KeyElement {
    /// The name of the attribute.
    pub attribute_name: String,
    /// `HASH` or `RANGE`.
    pub key_type: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GlobalSecondaryIndex {
    /// Its name.
    pub index_name: String,
    /// Its key.
    pub key_schema: Vec<KeyElement>,
    /// What is copied into it.
    pub projection: Projection,
}

/// What is copied into an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Projection {
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection_type: String,
    /// The attributes of `INCLUDE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_key_attributes: Option<Vec<String>>,
}

/// Of `AWS::S3::Bucket`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BucketProperties {
    pub bucket_name: String,
    #[serde(default)]
    pub versioning_configuration: Option<Versioning>,
}

/// Of `AWS::S3::Bucket`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Versioning {
    pub status: String,
}

/// Of `AWS::Logs::LogGroup`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LogGroupProperties {
    pub log_group_name: String,
    pub retention_in_days: u32,
}

/// Of `AWS::Events::EventBus`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EventBusProperties {
    pub name: String,
}

/// Of `AWS::SQS::Queue`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct QueueProperties {
    pub queue_name: String,
    pub message_retention_period: Option<u32>,
}

/// Of `AWS::Serverless::Function`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FunctionProperties {
    pub function_name: String,
    pub timeout: u64,
    pub environment: FunctionEnvironment,
    #[serde(default)]
    pub event_invoke_config: EventInvokeConfig,
    #[serde(default)]
    pub events: BTreeMap<String, FunctionEvent>,
}

/// Of `AWS::Serverless::Function`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FunctionEnvironment {
    pub variables: BTreeMap<String, String>,
}

/// Of `AWS::Serverless::Function`: what becomes of events that the function fails on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EventInvokeConfig {
    #[serde(default = "two")]
    pub maximum_retry_attempts: u32,
    #[serde(default)]
    pub destination_config: Option<DestinationConfig>,
}

impl Default for EventInvokeConfig {
    fn default() -> Self {
        Self {
            maximum_retry_attempts: two(),
            destination_config: None,
        }
    }
}

/// How often Lambda tries again what says nothing of it.
const fn two() -> u32 {
    2
}

/// Of `AWS::Serverless::Function`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DestinationConfig {
    pub on_failure: OnFailure,
}

/// Of `AWS::Serverless::Function`: a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct OnFailure {
    #[serde(rename = "Type")]
    pub _type: ToQueue,
    pub destination: String,
}

/// The only destination that local mode sends to.
#[derive(Debug, Deserialize)]
pub enum ToQueue {
    #[serde(rename = "SQS")]
    Sqs,
}

/// A queue by its ARN.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeadLetterConfig {
    pub arn: String,
}

/// What calls a function.
#[derive(Debug, Deserialize)]
#[serde(tag = "Type", content = "Properties", deny_unknown_fields)]
pub enum FunctionEvent {
    /// Events.
    #[serde(rename_all = "PascalCase")]
    EventBridgeRule {
        /// Which events.
        pattern: Value,
        /// Where those go that could not be delivered.
        #[serde(default)]
        dead_letter_config: Option<DeadLetterConfig>,
    },
    /// The clock.
    #[serde(rename_all = "PascalCase")]
    ScheduleV2 {
        /// When.
        schedule_expression: String,
    },
}

/// Of `AWS::Serverless::StateMachine`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct StateMachineProperties {
    pub name: String,
    #[serde(rename = "Type")]
    pub _type: Standard,
    #[serde(rename = "DefinitionUri")]
    pub _definition_uri: OperationDefinition,
    pub definition_substitutions: BTreeMap<String, String>,
    pub role: String,
    pub auto_publish_alias: String,
}

/// The only type that keeps a history.
#[derive(Debug, Deserialize)]
pub enum Standard {
    #[serde(rename = "STANDARD")]
    Standard,
}

/// The only definition that is part of this program.
#[derive(Debug, Deserialize)]
pub enum OperationDefinition {
    #[serde(rename = "statemachine/operation.asl.json")]
    Operation,
}

/// Of `AWS::CodeBuild::Project`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProjectProperties {
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub service_role: String,
    pub timeout_in_minutes: u32,
    pub queued_timeout_in_minutes: u32,
    #[serde(rename = "Artifacts")]
    pub _artifacts: NoArtifacts,
    pub environment: ProjectEnvironment,
    pub source: ProjectSource,
    pub logs_config: LogsConfig,
}

/// Of `AWS::CodeBuild::Project`: builds leave nothing behind that CodeBuild has to keep.
#[derive(Debug, Deserialize)]
#[serde(tag = "Type", deny_unknown_fields)]
pub enum NoArtifacts {
    #[serde(rename = "NO_ARTIFACTS")]
    None,
}

/// Of `AWS::CodeBuild::Project`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProjectEnvironment {
    #[serde(rename = "Type")]
    pub kind: String,
    pub compute_type: String,
    pub image: String,
    #[serde(default)]
    pub environment_variables: Vec<EnvironmentVariable>,
}

/// An environment variable of a build.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value: the text itself. Variables of the types `PARAMETER_STORE` and `SECRETS_MANAGER` are refused.
    pub value: String,
}

/// Of `AWS::CodeBuild::Project`: the source is the toolchain, and the buildspec is in the template.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProjectSource {
    #[serde(rename = "Type")]
    pub _type: ToolchainSource,
    pub build_spec: String,
}

/// The only source type: an object in a bucket.
#[derive(Debug, Deserialize)]
pub enum ToolchainSource {
    #[serde(rename = "S3")]
    S3,
}

/// Of `AWS::CodeBuild::Project`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LogsConfig {
    pub cloud_watch_logs: CloudWatchLogs,
}

/// Of `AWS::CodeBuild::Project`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CloudWatchLogs {
    #[serde(rename = "Status")]
    pub _status: Enabled,
    pub group_name: String,
}

/// Builds without logs would leave people in the dark.
#[derive(Debug, Deserialize)]
pub enum Enabled {
    #[serde(rename = "ENABLED")]
    Enabled,
}
