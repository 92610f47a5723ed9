//! The commands and options.

mod audit;
mod blueprint;
mod configuration;
mod event;
mod events;
mod plan;
mod policy;
mod subscription;
mod values;
mod webhook;

use std::path::PathBuf;

use aws_emulator::Limit;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use jiff::SignedDuration;
use semver::Version;
use slipway_model::id::ReleaseNumber;
use slipway_model::name::Name;

use crate::endpoint::Endpoint;
use crate::images::Named;
use crate::output::Output;
use crate::publish::Architecture;
use crate::query::Query;

pub use audit::AuditCommand;
pub use blueprint::{BlueprintCommand, Folder};
pub use configuration::{EnvironmentCommand, SourceAccountCommand, SourceAccountRecord};
pub use event::{Chosen, Event, EventCommand};
pub use events::{EventsCommand, Tail};
pub use plan::{Approve, OperationRef, ShowPlan, TARGET};
pub use policy::{CanI, PolicyCommand};
pub use subscription::Subscribe;
pub use values::{BlueprintRef, StackRef};
use values::{assignment, release_number, service_image, span};
pub use webhook::{NewWebhook, WebhookCommand};

/// Self-service Terraform stacks: plan, apply, migrate, roll out
#[derive(Debug, Parser)]
#[command(name = "slipway", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

pub const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the operation failed or was cancelled
  2  the command line is wrong
  3  the server refused the request
  4  the server could not be reached, or failed
  5  something on this machine failed: a file, a port, a missing program
  6  the check of a blueprint found errors
  130  stopped by Ctrl-C: the operation continues";

const EVERYWHERE: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Address of the API, `https://…` [default: the local server of the data folder]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_ENDPOINT", value_name = "URL", value_hint = ValueHint::Url, value_parser = Endpoint::parse)]
    pub endpoint: Option<Endpoint>,
    /// Authentication method [default: `SLIPWAY_TOKEN`, then saved login, then AWS credentials]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_AUTH", value_enum, value_name = "METHOD")]
    pub auth: Option<Way>,
    /// AWS Region of a custom domain [default: `AWS_REGION`]
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub region: Option<String>,
    /// Folder with the data of local mode
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_DATA", value_name = "FOLDER", default_value = ".slipway", value_hint = ValueHint::DirPath)]
    pub data: PathBuf,
    /// Profile of the user's `config.toml` [default: its `profile`]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// Form of the output
    #[arg(long, global = true, help_heading = EVERYWHERE, value_enum, value_name = "FORM", default_value_t = Format::Table)]
    pub output: Format,
    /// The same as `--output json`
    #[arg(long, global = true, help_heading = EVERYWHERE, conflicts_with = "output")]
    pub json: bool,
    /// JMESPath expression: print its result on the JSON output, as plain text without `--output`
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "EXPRESSION", value_parser = Query::parse)]
    pub query: Option<Query>,
}

impl Global {
    /// The form of the output.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

/// A form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines and tables for people
    #[value(alias = "text")]
    Table,
    /// JSON for programs
    Json,
    /// YAML for programs and people
    Yaml,
    /// SARIF 2.1.0, of the checks of blueprints
    Sarif,
}

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Sign requests with the AWS credentials of the AWS CLI
    Iam,
    /// Send the token in `SLIPWAY_TOKEN` or of the saved login
    Token,
    /// Send no credentials
    None,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start Slipway and a local AWS on this machine
    Up(Up),
    /// Open the web console; `--endpoint` adds a proxy that signs
    Console(Console),
    /// Run the whole life of a stack on this machine
    Demo(Demo),
    /// Publish the guestbook example locally; print its images as exports
    Example,
    /// Print the exports that point the AWS CLI at the local AWS
    Env,
    /// Blueprints: what stacks are made of
    #[command(subcommand)]
    Blueprint(BlueprintCommand),
    /// Environments: where stacks live
    #[command(subcommand)]
    Environment(EnvironmentCommand),
    /// Source accounts: AWS accounts whose events request operations
    #[command(subcommand)]
    SourceAccount(SourceAccountCommand),
    /// Audit log: who changed, decided, read or was denied what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Policies: who may do what, and which plans may be applied
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Ask whether you may do something
    CanI(CanI),
    /// Stacks: instances of blueprints
    #[command(subcommand)]
    Stack(StackCommand),
    /// Releases: the images of a stack's services
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Tasks: commands of a stack's blueprint, run with its current images
    #[command(subcommand)]
    Task(TaskCommand),
    /// Operations: changes and checks of stacks
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Show the whole plan of an operation, with every attribute
    Plan(ShowPlan),
    /// Show the approval sheet of an operation
    Sheet {
        /// Operation ID, or a stack for the plan that waits
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
    /// Approve the plan of an operation
    Approve(Approve),
    /// Print the log of an operation, or of a service of a stack
    Logs(Logs),
    /// Open an endpoint of a stack in a browser
    Open(Open),
    /// Inspect, redrive or delete dead-lettered events
    Event(Event),
    /// Webhooks: where notifications go, also Slack and Teams
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Follow notifications of what changed
    #[command(subcommand)]
    Events(EventsCommand),
    /// Images of the local ECS
    #[command(subcommand)]
    Image(ImageCommand),
    /// Publish blueprints and the programs and providers of builds
    Publish(Publish),
    /// Call the local AWS without the AWS CLI
    Aws(AwsCall),
    /// Log in to an endpoint at an identity provider, in a browser on any device
    Login(Login),
    /// Delete the saved login of an endpoint
    Logout,
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Write man pages into a folder
    Man {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Print the reference of the command line in Markdown
    Reference,
}

#[derive(Debug, Args)]
pub struct Publish {
    /// Folder with blueprints (each has a `blueprint.json`) and their shared modules
    #[arg(value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Artifacts bucket, the output `ArtifactsBucketName` [default: that of the local server]
    #[arg(long, env = "SLIPWAY_ARTIFACTS_BUCKET")]
    pub bucket: Option<String>,
    /// Processor of the builds [default: arm64 on AWS, this machine's in local mode]
    #[arg(long, value_enum)]
    pub architecture: Option<Architecture>,
    /// Runner for that processor [default: keep the published toolchain]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub runner: Option<PathBuf>,
    /// Terraform or OpenTofu for that processor [default: download a pinned Terraform]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "runner")]
    pub terraform: Option<PathBuf>,
    /// Folder with a mirror of the providers [default: their registries]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub mirror: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Login {
    /// Issuer URL of the identity provider [default: that of the last login]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub issuer: Option<String>,
    /// Client ID of this program at the identity provider [default: that of the last login]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Audience of the token, if the identity provider requires one
    #[arg(long)]
    pub audience: Option<String>,
    /// Scopes to request [default: those of the last login, or `openid email offline_access`]
    #[arg(long)]
    pub scope: Option<String>,
}

#[derive(Debug, Args)]
pub struct Up {
    /// Port of the API (0: any free port)
    #[arg(long, default_value_t = 4700)]
    pub port: u16,
    /// Port of the local AWS (0: any free port)
    #[arg(long, default_value_t = 4566)]
    pub aws_port: u16,
    /// Source of Terraform's providers: `registry`, `published` (by `slipway publish`) or a mirror folder
    #[arg(long, default_value = "registry", value_name = "SOURCE", value_hint = ValueHint::DirPath)]
    pub providers: String,
    /// Limit of the local AWS account, by its AWS name [default: none]
    #[arg(long = "limit", value_name = "NAME=NUMBER")]
    pub limits: Vec<Limit>,
    /// Concurrent builds [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent_builds: Option<u16>,
    /// Reject callers without the token in the data folder
    #[arg(long)]
    pub require_token: bool,
    /// Start even if a part of the data folder is lost
    #[arg(long)]
    pub accept_lost_data: bool,
    /// Let webhooks have addresses of this machine, also by HTTP
    #[arg(long)]
    pub webhooks_to_loopback: bool,
}

#[derive(Debug, Args)]
pub struct Console {
    /// Port of the proxy (0: any free port)
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Print the address without opening a browser
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Keep the data and, on a terminal, the server and its console
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Subcommand)]
pub enum StackCommand {
    /// Create a stack from a blueprint
    Create(StackCreate),
    /// List stacks
    List(StackList),
    /// Show a stack
    Show {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
    },
    /// Change a stack's variables or its blueprint version
    Update(StackUpdate),
    /// Plan an update without applying it
    Preview(StackUpdate),
    /// Check for drift: changes outside Terraform
    Drift {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        #[command(flatten)]
        wait: Wait,
    },
    /// Transfer a stack to another owner
    Transfer {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// New owner: `team:GROUP`, a person, a role or an account
        owner: String,
    },
    /// Destroy a stack
    Destroy {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Ask nothing
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Debug, Args)]
pub struct StackCreate {
    /// Name of the stack
    #[arg(required_unless_present = "request")]
    pub name: Option<Name>,
    /// Blueprint, `web` or `web@1.2.0` [default: its latest version]
    #[arg(long, required_unless_present = "request")]
    pub blueprint: Option<BlueprintRef>,
    /// Environment of the stack [default: that of the request, or `local`]
    #[arg(long, short)]
    pub environment: Option<Name>,
    /// JSON file with an API request, which other options override
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub request: Option<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
    /// Service and first image, by digest or ECR tag (repeatable)
    #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = service_image)]
    pub images: Vec<(Name, Named)>,
    #[command(flatten)]
    pub subscribe: Subscribe,
    #[command(flatten)]
    pub wait: Wait,
}

#[derive(Debug, Args)]
pub struct StackList {
    /// Only stacks of this environment
    #[arg(long, short)]
    pub environment: Option<Name>,
    /// Only stacks of this blueprint
    #[arg(long)]
    pub blueprint: Option<Name>,
    /// Only stacks of this status
    #[arg(long)]
    pub status: Option<String>,
    /// Only stacks of this owner
    #[arg(long)]
    pub owner: Option<String>,
}

#[derive(Debug, Args)]
pub struct StackUpdate {
    /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
    pub stack: StackRef,
    /// The blueprint version to change to
    #[arg(long)]
    pub version: Option<Version>,
    #[command(flatten)]
    pub variables: Variables,
    /// Variable to reset to its default (repeatable)
    #[arg(long, value_name = "NAME")]
    pub unset: Vec<String>,
    #[command(flatten)]
    pub subscribe: Subscribe,
    /// Service to unsubscribe from pushed images (repeatable)
    #[arg(long, value_name = "SERVICE")]
    pub unsubscribe: Vec<Name>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Values for a blueprint's variables.
#[derive(Debug, Args)]
pub struct Variables {
    /// Value of a variable: text as it is, other types as JSON (repeatable)
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = assignment)]
    pub variables: Vec<(String, String)>,
    /// JSON file with values, or `-` for standard input (keeps secrets out of the process list)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub var_file: Option<PathBuf>,
}

/// Whether a command waits for the end of its operation.
#[derive(Debug, Clone, Copy, Args)]
pub struct Wait {
    /// Watch the operation until it ends [default on a terminal]
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Return once the operation is accepted [default elsewhere]
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
}

impl Wait {
    /// Whether it does. Scripts, whose output is no terminal, wait only if they say so.
    pub fn waits(self, output: Output) -> bool {
        self.wait || (!self.no_wait && output.is_terminal())
    }
}

#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// Release new images: migrations first, services after
    Create {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Service and image, by digest or ECR tag (repeatable)
        #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = service_image, required_unless_present = "request")]
        images: Vec<(Name, Named)>,
        /// JSON file with an API request, whose images `--image` replaces
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        request: Option<PathBuf>,
        /// Take a snapshot and run the backups before the migrations
        #[arg(long)]
        snapshot: bool,
        /// Whether the previous release works after the migrations [default: true]
        #[arg(long, value_name = "BOOL")]
        compatible_with_previous: Option<bool>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Roll back to an earlier release, without migrations
    Rollback {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Number of the release [default: the last successful one before the current]
        #[arg(value_parser = release_number)]
        number: Option<ReleaseNumber>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Continue the paused rollouts of a release
    Continue {
        /// Operation ID, or the stack: `NAME`, `ENVIRONMENT/NAME` or ID
        operation: OperationRef,
        #[command(flatten)]
        wait: Wait,
    },
    /// Restore the previous release at a pause
    RollBack {
        /// Operation ID, or the stack: `NAME`, `ENVIRONMENT/NAME` or ID
        operation: OperationRef,
        #[command(flatten)]
        wait: Wait,
    },
    /// List the releases of a stack
    List {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
    },
    /// Show a release
    Show {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Release number
        #[arg(value_parser = release_number)]
        number: ReleaseNumber,
    },
}

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Run a task once
    Run {
        /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
        stack: StackRef,
        /// Name of the task (`slipway stack show` lists them)
        name: Name,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Debug, Subcommand)]
pub enum OperationCommand {
    /// List operations of a stack, or those of all stacks
    List(OperationList),
    /// Show an operation
    Show {
        /// Operation ID, or a stack for its newest
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
    /// Watch an operation until it has ended
    Watch {
        /// Operation ID, or a stack for the one in progress
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
    /// Approve the plan of an operation
    Approve(Approve),
    /// Reject the plan of an operation
    Reject {
        /// Operation ID, or a stack for the plan that waits
        #[arg(value_name = TARGET)]
        operation: OperationRef,
        /// Reason, for the requester
        #[arg(long)]
        reason: String,
    },
    /// Cancel an operation
    Cancel {
        /// Operation ID, or a stack for its only one in progress or queued
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
}

#[derive(Debug, Args)]
pub struct OperationList {
    /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
    pub stack: Option<StackRef>,
    /// Only those that wait for an approval
    #[arg(long, conflicts_with_all = ["stack", "status"])]
    pub waiting: bool,
    /// Only those of this status: `failed`, `running`, …
    #[arg(long)]
    pub status: Option<String>,
    /// Only those requested within this time: `30m`, `24h`, `7d`
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub since: Option<SignedDuration>,
    /// Only your own
    #[arg(long)]
    pub mine: bool,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// Operation ID, or a stack for its newest
    #[arg(value_name = TARGET)]
    pub operation: OperationRef,
    /// Follow the log: until the operation ends, or until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Print what this service of the stack prints
    #[arg(long, value_name = "NAME")]
    pub service: Option<Name>,
    /// With `--service`: lines of this time until now, `30m`, `24h`, `7d` [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = span, requires = "service")]
    pub since: Option<SignedDuration>,
}

#[derive(Debug, Args)]
pub struct Open {
    /// Stack: `NAME`, `ENVIRONMENT/NAME` or ID
    pub stack: StackRef,
    /// Name of the endpoint [default: the only one, or `web`]
    pub name: Option<String>,
    /// Print the address only
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Push a folder with an `image.json` to the local ECS and print its digest
    Push {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// Repository
        #[arg(long)]
        repository: Name,
        /// Tag, which subscribed stacks release
        #[arg(long)]
        tag: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct AwsCall {
    /// Service: application-autoscaling, codebuild, dynamodb, ecr, ecs, elasticache, events, lambda, logs, rds, scheduler, sqs or stepfunctions
    pub service: String,
    /// Action of the AWS API, such as `DescribeServices`
    pub action: String,
    /// JSON request of the AWS API
    #[arg(default_value = "{}")]
    pub request: String,
}
