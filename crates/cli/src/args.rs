//! The commands and options.

mod audit;
mod blueprint;
mod configuration;
mod event;
mod events;
mod operation;
mod plan;
mod policy;
mod release;
mod server;
mod stack;
mod subscription;
mod values;
mod webhook;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::endpoint::Endpoint;
use crate::query::Query;

pub use audit::AuditCommand;
pub use blueprint::{BlueprintCommand, Folder};
pub use configuration::{EnvironmentCommand, SourceAccountCommand, SourceAccountRecord};
pub use event::{Chosen, Event, EventCommand};
pub use events::{EventsCommand, Tail};
pub use operation::{Logs, Open, OperationCommand, OperationList};
pub use plan::{Approve, OperationRef, ShowPlan, TARGET};
pub use policy::{CanI, PolicyCommand};
pub use release::{ImageCommand, ReleaseCommand, TaskCommand};
pub use server::{AwsCall, Console, Demo, Login, Publish, Up};
pub use stack::{StackCommand, StackCreate, StackList, StackUpdate, Variables, Wait};
pub use subscription::Subscribe;
pub use values::{BlueprintRef, StackRef};
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
