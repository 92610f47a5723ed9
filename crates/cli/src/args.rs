//! The commands and options.

mod audit;
mod blueprint;
mod configuration;
mod event;
mod events;
mod migration;
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

use clap::{Arg, CommandFactory, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::global::Global;

pub use audit::AuditCommand;
pub use blueprint::{BlueprintCommand, Folder};
pub use configuration::{EnvironmentCommand, SourceAccountCommand, SourceAccountRecord};
pub use event::{Chosen, Event, EventCommand};
pub use events::{EventsCommand, Tail};
pub use migration::{MigrationCommand, Migrations};
pub use operation::{Logs, Open, OperationCommand, OperationList};
pub use plan::{Approve, OperationRef, Reject, ShowPlan, TARGET};
pub use policy::{CanI, PolicyCommand};
pub use release::{ImageCommand, ReleaseCommand, TaskCommand};
pub use server::{AwsCall, Console, Demo, Login, Publish, Up};
pub use stack::{StackCommand, StackCreate, StackList, StackUpdate, Variables, Wait};
pub use subscription::Subscribe;
pub use values::{BlueprintRef, StackRef};
pub use webhook::{NewWebhook, WebhookCommand};

/// Self-service Terraform stacks: plan, apply, migrate, roll out
#[derive(Debug, Parser)]
#[command(name = "slipway", version, max_term_width = 100, after_help = format!("{START}\n\n{EXIT_CODES}"))]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What stands in the help of a command instead of the options that every command has: they would be most of it.
const MORE: &str = "The options of every command are in `slipway --help`.";

/// The command line, as it is parsed.
pub fn parser() -> clap::Command {
    let mut root = Cli::command();
    // Global options are in each command from here on.
    root.build();
    root.mut_subcommands(without_global)
}

fn without_global(command: clap::Command) -> clap::Command {
    let hidden = |arg: Arg| {
        let is_global = arg.is_global_set();
        arg.hide(is_global)
    };
    command
        .mut_args(hidden)
        .mut_subcommands(without_global)
        .after_help(MORE)
}

const START: &str = "Start with `slipway demo`, then `slipway up`.";

pub const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the operation did not succeed, or the answer of can-i, policy test or audit verify is negative
  2  the command line is wrong
  3  the server rejected the request, or what it names does not exist
  4  the server could not be reached, or failed
  5  something on this machine failed: a file, a port, a missing program
  6  a check of a blueprint or of migrations found errors
  7  the person at the terminal did not confirm: nothing was changed
  130  stopped by Ctrl-C: the operation continues";

// The order is that of `--help`: teams, blueprint authors, administrators, local mode, this program. A doc comment would replace the
// program's own description.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create, release, break and destroy an example stack locally
    Demo(Demo),
    /// Start Slipway and a local AWS on this machine
    Up(Up),
    /// Build and publish the guestbook example (in a checkout)
    Example,
    /// Create, change, show and destroy stacks
    #[command(subcommand)]
    Stack(StackCommand),
    /// Release images in the services of a stack, or roll back
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// Run a command of a stack's blueprint
    #[command(subcommand)]
    Task(TaskCommand),
    /// Show, watch, approve, reject and cancel operations
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Show the whole plan of an operation, with every attribute
    Plan(ShowPlan),
    /// Show the approval sheet, which an approver reads first
    Sheet {
        /// Operation ID, or a stack for the plan that waits
        #[arg(value_name = TARGET)]
        operation: OperationRef,
    },
    /// Approve a plan (short for `operation approve`)
    Approve(Approve),
    /// Reject a plan (short for `operation reject`)
    Reject(Reject),
    /// Print the log of an operation, or of a service of a stack
    Logs(Logs),
    /// Open an endpoint of a stack in a browser
    Open(Open),
    /// Open the web console in a browser
    Console(Console),
    /// Write, check, publish and list blueprints
    #[command(subcommand)]
    Blueprint(BlueprintCommand),
    /// Publish a tree of blueprints and what builds need
    Publish(Publish),
    /// Find dangerous statements in SQL migrations
    #[command(subcommand)]
    Migration(MigrationCommand),
    /// Configure environments: where stacks live
    #[command(subcommand)]
    Environment(EnvironmentCommand),
    /// Configure who may do what, and which plans may be applied
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Check whether you have a permission
    CanI(CanI),
    /// Configure AWS accounts that may send requests by event
    #[command(subcommand)]
    SourceAccount(SourceAccountCommand),
    /// Send notifications to HTTPS addresses, Slack or Teams
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Follow notifications: changes, approvals, failures, drift
    #[command(subcommand, visible_alias = "notifications")]
    Events(EventsCommand),
    /// Inspect, redrive or delete dead-lettered events
    #[command(visible_alias = "dead-letter")]
    Event(Event),
    /// List the records of the audit log, and verify them
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print the exports that point the AWS CLI at the local AWS
    Env,
    /// Call the local AWS without the AWS CLI
    Aws(AwsCall),
    /// Push images to the local ECS
    #[command(subcommand)]
    Image(ImageCommand),
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
