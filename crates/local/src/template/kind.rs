//! The resource types that local mode knows, and what of them it leaves out, with the reasons.

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
    (Kind::LogGroup, "KmsKeyId", "the disk is the owner's"),
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
    (Kind::Queue, "KmsMasterKeyId", "the disk is the owner's"),
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
    (
        Kind::Function,
        "ReservedConcurrentExecutions",
        "a limit that the server is started with is one of all functions",
    ),
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
    (
        Kind::Function,
        "Events.*.Properties.StartingPosition",
        "a stream begins with the table, and its reader continues where the last one ended",
    ),
    (
        Kind::Function,
        "Events.*.Properties.BisectBatchOnFunctionError",
        "a batch that fails is always halved",
    ),
    (
        Kind::Function,
        "Events.*.Properties.MaximumRecordAgeInSeconds",
        "a server that was off is no reason to give a record up",
    ),
    (Kind::StateMachine, "Logging", "the history is kept"),
    (Kind::StateMachine, "Tracing", "there is no X-Ray"),
    (
        Kind::Project,
        "Source.Location",
        "the runner is part of this program, and Terraform is on the PATH",
    ),
];
