//! The words of the command line.

mod configuration;
mod event;
mod plan;
mod subscription;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use semver::Version;
use slipway_local::Limit;
use slipway_model::id::{OperationId, ReleaseNumber};
use slipway_model::name::{Image, Name};

use crate::endpoint::Endpoint;
use crate::publish::Architecture;

pub use configuration::{EnvironmentCommand, SourceAccountCommand, SourceAccountRecord};
pub use event::{Chosen, Event, EventCommand};
pub use plan::{Approve, PlanTarget, ShowPlan};
pub use subscription::Subscribe;
pub use values::{BlueprintRef, StackRef};
use values::{assignment, release_number, service_image};

/// Self-service Terraform stacks: plan, apply, migrate, roll out
#[derive(Debug, Parser)]
#[command(name = "slipway", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the operation failed or was cancelled
  2  the command line is wrong
  3  the server refused the request
  4  the server could not be reached, or failed
  5  something on this machine failed: a file, a port, a missing program";

const EVERYWHERE: &str = "Options of every command";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Address of the API, `https://…` [default: the local server of the data folder]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_ENDPOINT", value_name = "URL", value_hint = ValueHint::Url, value_parser = Endpoint::parse)]
    pub endpoint: Option<Endpoint>,
    /// Authentication method [default: `SLIPWAY_TOKEN`, then saved login, then AWS credentials]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_AUTH", value_enum, value_name = "WAY")]
    pub auth: Option<Way>,
    /// AWS region, where the address of the API does not say it [default: `AWS_REGION`]
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub region: Option<String>,
    /// Folder with the data of local mode
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_DATA", value_name = "FOLDER", default_value = ".slipway", value_hint = ValueHint::DirPath)]
    pub data: PathBuf,
    /// Print JSON for programs
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
}

/// A way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Sign every request with AWS credentials, found where the AWS CLI finds them
    Iam,
    /// Send the token in `SLIPWAY_TOKEN`, or that of the login
    Token,
    /// Send nothing
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
    /// Source accounts: AWS accounts whose events may ask for operations
    #[command(subcommand)]
    SourceAccount(SourceAccountCommand),
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
        /// The operation's id
        operation: OperationId,
    },
    /// Approve the plan of an operation
    Approve(Approve),
    /// Print the log of an operation
    Logs(Logs),
    /// Inspect, redrive or delete dead-lettered events
    Event(Event),
    /// Images of the local ECS
    #[command(subcommand)]
    Image(ImageCommand),
    /// Publish blueprints with what builds need: providers, and on AWS the runner and Terraform
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
}

#[derive(Debug, Args)]
pub struct Publish {
    /// Folder with blueprints and the modules that they share; each with a `blueprint.json` is published
    #[arg(value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// The artifacts bucket: the output `ArtifactsBucketName` [default: that of the local server]
    #[arg(long, env = "SLIPWAY_ARTIFACTS_BUCKET")]
    pub bucket: Option<String>,
    /// The processor of the builds [default: arm64 on AWS, this machine's in local mode]
    #[arg(long, value_enum)]
    pub architecture: Option<Architecture>,
    /// The runner, built for the builds' processor; without it, the toolchain stays as it is
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub runner: Option<PathBuf>,
    /// The Terraform or OpenTofu of the builds, for their processor [default: a pinned Terraform, which is fetched]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "runner")]
    pub terraform: Option<PathBuf>,
    /// Folder with a mirror of the providers' packages [default: their registries]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub mirror: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Login {
    /// URL of the identity provider, as its tokens name it [default: as at the last login]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub issuer: Option<String>,
    /// What the identity provider calls this program [default: as at the last login]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The API, as the identity provider calls it, where it wants to know
    #[arg(long)]
    pub audience: Option<String>,
    /// What to ask for [default: `openid email offline_access`, or as at the last login]
    #[arg(long)]
    pub scope: Option<String>,
}

#[derive(Debug, Args)]
pub struct Up {
    /// Port of the API, 0 for a free one
    #[arg(long, default_value_t = 4700)]
    pub port: u16,
    /// Port of the local AWS, 0 for a free one
    #[arg(long, default_value_t = 4566)]
    pub aws_port: u16,
    /// Where builds get Terraform's providers: `registry` (as Terraform is configured), `published` (by `slipway publish`, as on
    /// AWS), or a folder with a mirror
    #[arg(long, default_value = "registry", value_name = "SOURCE", value_hint = ValueHint::DirPath)]
    pub providers: String,
    /// Limit of the AWS account, by its name in AWS [default: none]
    #[arg(long = "limit", value_name = "NAME=NUMBER")]
    pub limits: Vec<Limit>,
    /// Builds that run at once; five times as many queue [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent_builds: Option<u16>,
    /// Answer only callers that know the token in the data folder
    #[arg(long)]
    pub require_token: bool,
    /// Start although a part of the data folder is lost
    #[arg(long)]
    pub accept_lost_data: bool,
}

#[derive(Debug, Args)]
pub struct Console {
    /// Port of the proxy on this machine, 0 for a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Print the address only, and open no browser
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Keep the data folder of the demo, and say where it is
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, Subcommand)]
pub enum BlueprintCommand {
    /// List the blueprints
    List,
    /// Show a version of a blueprint with its variables
    Show {
        /// The blueprint, with or without a version: `web` or `web@1.2.0`
        blueprint: BlueprintRef,
    },
    /// Publish a folder as a version of a blueprint; a version never changes
    Publish {
        /// Folder of the Terraform root module
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// The blueprint and the version: `web@1.2.0` [default: as the folder's `blueprint.json` says]
        #[arg(long = "as", value_name = "NAME@VERSION")]
        name: Option<BlueprintRef>,
        /// What it is for, in a sentence [default: as the folder's `blueprint.json` says]
        #[arg(long)]
        description: Option<String>,
        /// Folder above, in which the local modules are that the blueprint calls [default: the blueprint's own]
        #[arg(long, value_name = "TOP", value_hint = ValueHint::DirPath)]
        within: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum StackCommand {
    /// Create a stack from a blueprint
    Create(StackCreate),
    /// List stacks
    List(StackList),
    /// Show a stack
    Show {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
    },
    /// Change a stack's variables or its blueprint version
    Update(StackUpdate),
    /// Plan an update without applying it
    Preview(StackUpdate),
    /// Check for drift: changes outside Terraform
    Drift {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
        #[command(flatten)]
        wait: Wait,
    },
    /// Give a stack to another owner
    Transfer {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
        /// The owner: `team:` and a group, a person, a role or an account
        owner: String,
    },
    /// Destroy a stack
    Destroy {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Debug, Args)]
pub struct StackCreate {
    /// What people call the stack
    #[arg(required_unless_present = "request")]
    pub name: Option<Name>,
    /// The blueprint, with a version or the newest: `web` or `web@1.2.0`
    #[arg(long, required_unless_present = "request")]
    pub blueprint: Option<BlueprintRef>,
    /// Where the stack lives [default: `local`, or what the request says]
    #[arg(long, short)]
    pub environment: Option<Name>,
    /// A JSON file with the whole request, as the API takes it; what else is given here counts more
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub request: Option<PathBuf>,
    #[command(flatten)]
    pub variables: Variables,
    /// A service and its first image, by digest; may be repeated
    #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = service_image)]
    pub images: Vec<(Name, Image)>,
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
    /// The stack: its name, `ENVIRONMENT/NAME` or its id
    pub stack: StackRef,
    /// The blueprint version to change to
    #[arg(long)]
    pub version: Option<Version>,
    #[command(flatten)]
    pub variables: Variables,
    /// A variable to give back to its default; may be repeated
    #[arg(long, value_name = "NAME")]
    pub unset: Vec<String>,
    #[command(flatten)]
    pub subscribe: Subscribe,
    /// A service that is to get no more images when they are pushed; may be repeated
    #[arg(long, value_name = "SERVICE")]
    pub unsubscribe: Vec<Name>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Values for a blueprint's variables.
#[derive(Debug, Args)]
pub struct Variables {
    /// A value for a variable; text as it is, other types as JSON; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = assignment)]
    pub variables: Vec<(String, String)>,
    /// A JSON file with an object of values, `-` for standard input: other users of this machine see what follows `--var`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub var_file: Option<PathBuf>,
}

/// Whether a command goes on until its operation has ended.
#[derive(Debug, Clone, Copy, Args)]
pub struct Wait {
    /// Watch the operation until it has ended
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Subcommand)]
pub enum ReleaseCommand {
    /// Release new images: migrations first, services after
    Create {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
        /// A service and its image, by digest; may be repeated
        #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = service_image, required_unless_present = "request")]
        images: Vec<(Name, Image)>,
        /// A JSON file with the whole request, as the API takes it; images that are given here count more
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        request: Option<PathBuf>,
        /// Take a snapshot of the database, and run the backups of the blueprint, before the migrations
        #[arg(long)]
        snapshot: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Roll back to an earlier release, without migrations
    Rollback {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
        /// Number of the release [default: the last successful one before the current]
        #[arg(value_parser = release_number)]
        number: Option<ReleaseNumber>,
        #[command(flatten)]
        wait: Wait,
    },
    /// List the releases of a stack
    List {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
    },
    /// Show a release
    Show {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
        /// The release's number
        #[arg(value_parser = release_number)]
        number: ReleaseNumber,
    },
}

#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// Run a task once
    Run {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: StackRef,
        /// The task's name; `slipway stack show` says which there are
        name: Name,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Debug, Subcommand)]
pub enum OperationCommand {
    /// List operations of a stack, or those in progress of all stacks
    List {
        /// The stack: its name, `ENVIRONMENT/NAME` or its id
        stack: Option<StackRef>,
        /// Only those whose plan waits for an approval
        #[arg(long, conflicts_with = "stack")]
        waiting: bool,
    },
    /// Show an operation
    Show {
        /// The operation's id
        operation: OperationId,
    },
    /// Watch an operation until it has ended
    Watch {
        /// The operation's id
        operation: OperationId,
    },
    /// Approve the plan of an operation
    Approve(Approve),
    /// Reject the plan of an operation
    Reject {
        /// The operation's id
        operation: OperationId,
        /// Reason, for the requester
        #[arg(long)]
        reason: String,
    },
    /// Cancel an operation
    Cancel {
        /// The operation's id
        operation: OperationId,
    },
}

#[derive(Debug, Args)]
pub struct Logs {
    /// The operation's id
    pub operation: OperationId,
    /// Go on until the operation has ended
    #[arg(long, short)]
    pub follow: bool,
}

#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Push a folder with an `image.json` as an image of the local ECS, and print its name by digest
    Push {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// The repository that it goes to
        #[arg(long)]
        repository: Name,
        /// A tag for it: stacks that subscribe to it release the image
        #[arg(long)]
        tag: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct AwsCall {
    /// The service: application-autoscaling, codebuild, dynamodb, ecr, ecs, elasticache, events, lambda, logs, rds, scheduler, sqs or stepfunctions
    pub service: String,
    /// The action, as the AWS API calls it: `DescribeServices`
    pub action: String,
    /// The request, as the AWS API takes it
    #[arg(default_value = "{}")]
    pub request: String,
}
