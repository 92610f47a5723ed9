//! The properties of resources that local mode uses, as types. A property that is neither here nor in the table of those
//! that are left out (`kind::IGNORED`) is refused.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    #[serde(default)]
    pub stream_specification: Option<TableStream>,
}

/// Of `AWS::DynamoDB::Table`: what its stream says of a written item.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TableStream {
    #[serde(rename = "StreamViewType")]
    pub _view: KeysOnly,
}

/// The only view that local mode has.
#[derive(Debug, Deserialize)]
pub enum KeysOnly {
    #[serde(rename = "KEYS_ONLY")]
    KeysOnly,
}

/// The stream, as `CreateTable` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamSpecification {
    /// Whether there is one.
    pub stream_enabled: bool,
    /// `KEYS_ONLY`.
    pub stream_view_type: &'static str,
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
    /// Items that were written into the table.
    #[serde(rename = "DynamoDB", rename_all = "PascalCase")]
    DynamoDb {
        /// The ARN of the stream: there is one table.
        #[serde(rename = "Stream")]
        _stream: String,
        /// Which records.
        filter_criteria: FilterCriteria,
        /// The most records of a call.
        batch_size: NonZeroUsize,
        /// How often a record is tried again.
        maximum_retry_attempts: u32,
        /// Where the place of a record goes that the function cannot handle.
        destination_config: DestinationConfig,
    },
    /// The clock.
    #[serde(rename_all = "PascalCase")]
    ScheduleV2 {
        /// When.
        schedule_expression: String,
    },
}

/// Of `AWS::Serverless::Function`: which records of a stream it gets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FilterCriteria {
    pub filters: Vec<Filter>,
}

/// A pattern, as the text of a JSON object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Filter {
    pub pattern: String,
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
    pub concurrent_build_limit: Option<usize>,
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
