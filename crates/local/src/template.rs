//! The parts of `template.yaml` that local mode takes its resources from.
//!
//! The file that AWS is set up from is the only place that says what the table looks like, which names the functions
//! are given, what the state machine calls and which events go where. It is read in three steps: YAML with
//! CloudFormation's short forms becomes JSON (`yaml`), references become text (`resolve`), and the properties of
//! each resource become a type (`resources`). Whatever is not understood on the way is refused with its path in the
//! file; what is known to mean nothing here stands in one table, `kind::IGNORED`.

mod kind;
mod parts;
mod resolve;
mod resources;
mod yaml;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::Serialize;
use serde_json::Value;

pub use resources::{
    AttributeDefinition, EnvironmentVariable, GlobalSecondaryIndex, KeyElement, Projection, StreamSpecification,
};

use parts::Parts;
use resolve::Resolver;

/// The template that this program was built with.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");
/// The definition of the state machine that this program was built with.
pub const DEFINITION: &str = include_str!("../../../statemachine/operation.asl.json");
/// Where the template says that the definition is.
const DEFINITION_URI: &str = "statemachine/operation.asl.json";

/// What is wrong with the template. `path` is the place in the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The text is not YAML.
    #[error("template.yaml is not YAML")]
    Syntax(#[source] serde_yaml_ng::Error),
    /// An intrinsic function, or a tag, that is not in the short list that local mode resolves.
    #[error("template.yaml: {path}: local mode does not know the intrinsic function {name}")]
    UnknownIntrinsic {
        /// Where.
        path: String,
        /// `Fn::ImportValue`, or `!ImportValue`.
        name: String,
    },
    /// A section, resource attribute or resource type that local mode does not know.
    #[error("template.yaml: {path}: local mode does not know {what}")]
    Unknown {
        /// Where.
        path: String,
        /// What.
        what: String,
    },
    /// A reference to something that the template does not have or whose value local mode does not know.
    #[error("template.yaml: {path}: local mode cannot resolve {reference}")]
    Unresolved {
        /// Where.
        path: String,
        /// `Table.StreamArn`.
        reference: String,
    },
    /// References that lead back to themselves.
    #[error("template.yaml: {path}: {reference} refers to itself")]
    Circular {
        /// Where.
        path: String,
        /// The logical id.
        reference: String,
    },
    /// A value of the wrong shape: an unknown property, a missing one, or a wrong type.
    #[error("template.yaml: {path}")]
    Shape {
        /// Where.
        path: String,
        /// What was expected.
        #[source]
        source: serde_json::Error,
    },
    /// A resource that local mode needs once is missing or there are several.
    #[error("template.yaml: Resources: local mode needs exactly one {kind}, and there are {found}")]
    Count {
        /// The type.
        kind: &'static str,
        /// How many there are.
        found: usize,
    },
    /// The state machine's definition names a substitution that the template does not give.
    #[error("{DEFINITION_URI}: ${{{name}}} is not among the DefinitionSubstitutions of template.yaml")]
    Substitution {
        /// The name.
        name: String,
    },
}

/// Everything that local mode takes from the template, with all references resolved to local names and ARNs.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The DynamoDB table.
    pub table: Table,
    /// The S3 buckets.
    pub buckets: Vec<Bucket>,
    /// The CloudWatch log groups.
    pub log_groups: Vec<LogGroup>,
    /// The SQS queues.
    pub queues: Vec<Queue>,
    /// The names of the event buses besides the default one.
    pub buses: Vec<String>,
    /// The Lambda functions by their logical ids: `StepsFunction`.
    pub functions: BTreeMap<String, Function>,
    /// The state machine.
    pub state_machine: StateMachine,
    /// The CodeBuild project.
    pub project: Project,
    /// The EventBridge rules.
    pub rules: Vec<Rule>,
    /// The schedules.
    pub schedules: Vec<Schedule>,
    /// The functions that get records of the table's stream.
    pub mappings: Vec<Mapping>,
}

/// The DynamoDB table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The body of `CreateTable`.
    pub create_table: CreateTable,
    /// The attribute that says when an item expires.
    pub ttl_attribute: Option<String>,
}

/// The body of DynamoDB's `CreateTable`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateTable {
    /// The name of the table.
    pub table_name: String,
    /// The types of the attributes that keys use.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// The primary key.
    pub key_schema: Vec<KeyElement>,
    /// The indexes. DynamoDB refuses an empty list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub global_secondary_indexes: Vec<GlobalSecondaryIndex>,
    /// `PAY_PER_REQUEST`.
    pub billing_mode: String,
    /// The stream of its writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_specification: Option<StreamSpecification>,
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Whether replaced and deleted objects are kept.
    pub versioned: bool,
}

/// A CloudWatch log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// After how many days lines go.
    pub retention_in_days: u32,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its attributes, as `CreateQueue` takes them.
    pub attributes: BTreeMap<String, String>,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// How long one invocation may take.
    pub timeout_seconds: u64,
    /// Its environment variables: those of the template alone, without the region and credentials.
    pub environment: BTreeMap<String, String>,
    /// How often it is called again with an event that it failed on.
    pub retries: u32,
    /// The ARN of the queue that gets what it could not handle.
    pub on_failure: Option<String>,
}

/// The Step Functions state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachine {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The alias by which executions are started.
    pub alias: String,
    /// The role that it runs with.
    pub role_arn: String,
    /// Its definition, with every substitution made.
    pub definition: String,
}

/// The CodeBuild project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it is for.
    pub description: String,
    /// The role that builds run with.
    pub service_role: String,
    /// How long a build may run.
    pub timeout_in_minutes: u32,
    /// How long a build may wait for its turn.
    pub queued_timeout_in_minutes: u32,
    /// How many builds of it may be in progress at once; more are refused and not queued.
    pub concurrent_build_limit: Option<usize>,
    /// `ARM_CONTAINER`.
    pub environment_type: String,
    /// `BUILD_GENERAL1_SMALL`.
    pub compute_type: String,
    /// The container image, which local mode does not run.
    pub image: String,
    /// The environment variables of every build.
    pub environment_variables: Vec<EnvironmentVariable>,
    /// The text of the buildspec.
    pub buildspec: String,
    /// The log group of the builds.
    pub log_group: String,
}

/// An EventBridge rule on the default bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name: the function's and the event's.
    pub name: String,
    /// The event pattern.
    pub pattern: Value,
    /// The logical id of the function that gets the events.
    pub function: String,
    /// The ARN of the queue that gets what could not be delivered.
    pub dead_letter: Option<String>,
}

/// A function that gets records of the table's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its name: the function's and the event's.
    pub name: String,
    /// The logical id of the function.
    pub function: String,
    /// Which records: those that match one of these patterns, each the text of a JSON object.
    pub patterns: Vec<String>,
    /// The most records of a call.
    pub batch_size: NonZeroUsize,
    /// How often a record is tried again.
    pub retries: u32,
    /// The ARN of the queue that gets the places of records that the function cannot handle.
    pub on_failure: String,
}

/// A function that is called regularly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its name: the function's and the event's.
    pub name: String,
    /// `rate(5 minutes)`.
    pub expression: String,
    /// The logical id of the function.
    pub function: String,
}

impl Template {
    /// The template and the definition that this program was built with.
    pub fn embedded() -> Result<Self, TemplateError> {
        Self::parse(TEMPLATE, DEFINITION)
    }

    /// Reads a template, and puts its substitutions into a state machine definition.
    pub fn parse(template: &str, definition: &str) -> Result<Self, TemplateError> {
        let document = yaml::parse(template)?;
        let resolver = Resolver::new(&document)?;
        let mut parts = Parts::default();
        for (logical_id, kind) in resolver.resources() {
            parts.take(&resolver, logical_id, kind, definition)?;
        }
        Ok(Self {
            table: one("AWS::DynamoDB::Table", parts.tables)?,
            state_machine: one("AWS::Serverless::StateMachine", parts.state_machines)?,
            project: one("AWS::CodeBuild::Project", parts.projects)?,
            buckets: parts.buckets,
            log_groups: parts.log_groups,
            queues: parts.queues,
            buses: parts.buses,
            functions: parts.functions,
            rules: parts.rules,
            schedules: parts.schedules,
            mappings: parts.mappings,
        })
    }
}

fn one<T>(kind: &'static str, mut found: Vec<T>) -> Result<T, TemplateError> {
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (last, others) => Err(TemplateError::Count {
            kind,
            found: others + usize::from(last.is_some()),
        }),
    }
}
