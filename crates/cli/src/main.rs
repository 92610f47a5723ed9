//! The `slipway` command.
//!
//! The same program is the runner where it is called `slipway-runner`: local mode's builds find it under that name, so that
//! one program is all that a machine needs.

mod access;
mod args;
mod author;
mod bundle;
mod client;
mod command;
mod confirm;
mod decision;
mod demo;
mod endpoint;
mod error;
#[cfg(test)]
mod example;
mod files;
mod global;
mod guestbook;
mod harmless;
mod hint;
mod images;
mod json_file;
mod local_image;
mod log;
mod login;
mod operation_end;
mod operation_of;
mod operation_text;
mod output;
mod plan_view;
mod publish;
mod query;
mod queue_place;
mod reference;
mod rollout_view;
mod secret;
mod server;
mod settings;
mod sheet_view;
mod stack_id;
mod stack_needs;
mod stack_note;
mod stack_view;
mod terraform;
mod watch;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use args::{BlueprintCommand, Cli, Command, ImageCommand};
use client::Client;
use command::aws::Services;
use error::Error;
use harmless::harmless;
use output::{Format, Output};
use settings::Settings;

/// The name under which this program is the runner.
const RUNNER: &str = "slipway-runner";

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_name() == Some(OsStr::new(RUNNER)) {
        return slipway_runner::main_with(slipway_runner::environment());
    }
    command_line()
}

#[tokio::main]
async fn command_line() -> ExitCode {
    let parsed = args::parser().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return rejected(&error),
    };
    // A server logs warnings; the demo has its own output. The S3 library logs every missing object as an error.
    let usual = if matches!(cli.command, Command::Up(_)) {
        "warn,s3s=off"
    } else {
        "error,s3s=off"
    };
    log::start(usual);
    // One TLS implementation in the program, which every client uses. It fails only where one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    hint::repeat(&matches);
    let for_programs = cli.global.format() != Format::Table;
    let run = Box::pin(run(cli, &matches)).await;
    match run.and_then(|()| output::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, for_programs),
    }
}

/// Ends with the reason for which a command line cannot be read; with the help or the version that it asks for.
fn rejected(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        output::is_written(error.print());
        return output::check().map_or_else(|error| fail(&error, false), |()| ExitCode::SUCCESS);
    }
    let for_programs = global::asks_for_data(std::env::args_os().skip(1));
    let is_harmless = |argument: OsString| matches!(harmless(&argument.to_string_lossy()), Cow::Borrowed(_));
    // It quotes arguments, and colours them.
    if !for_programs && std::env::args_os().all(is_harmless) {
        error.exit();
    }
    let text = error.render().to_string();
    let text = text.trim();
    let reason = text.strip_prefix("error: ").unwrap_or(text);
    fail(&Error::Usage(reason.to_owned()), for_programs)
}

/// Prints why a command failed; its exit code.
fn fail(error: &Error, for_programs: bool) -> ExitCode {
    let printed = if for_programs {
        error.to_json().to_string()
    } else {
        error.report()
    };
    let mut stderr = std::io::stderr();
    let printed = if stderr.is_terminal() || !for_programs {
        harmless(&printed)
    } else {
        printed.into()
    };
    let _ = writeln!(stderr, "{printed}");
    ExitCode::from(error.exit_code())
}

async fn run(cli: Cli, matches: &ArgMatches) -> Result<(), Error> {
    let Cli { mut global, command } = cli;
    let settings = Settings::read(global.profile.as_deref())?;
    settings.fill(&mut global, matches)?;
    let output = Output::new(global.format(), global.query);
    let is_check = matches!(
        command,
        Command::Blueprint(BlueprintCommand::Check(_) | BlueprintCommand::Test { .. }) | Command::Migration(_)
    );
    if output.format() == Format::Sarif && !is_check {
        let what = "SARIF is a form of `slipway blueprint check`, `slipway blueprint test` and `slipway migration check`: use `--output json`";
        return Err(Error::Usage(what.to_owned()));
    }
    let client = || Client::of(&global);
    match command {
        Command::Up(up) => command::up::run(up, &global, output).await,
        Command::Demo(demo) => demo::run(demo, output).await,
        Command::Console(console) => command::console::run(console, &global, output).await,
        Command::Example => command::example::run(&client()?, &server::aws(&global)?, output).await,
        Command::Env => {
            let aws = server::aws(&global)?;
            output.answer(&server::exports_json(&aws), |_| server::exports(&aws));
            Ok(())
        }
        Command::Blueprint(blueprint) => command::blueprint::run(blueprint, &global, output).await,
        Command::Migration(migration) => command::migration::run(migration, output),
        Command::Environment(environment) => command::environment::run(environment, &client()?, output).await,
        Command::SourceAccount(account) => command::source_account::run(account, &client()?, output).await,
        Command::Audit(audit) => command::audit::run(audit, &client()?, output).await,
        Command::Stack(stack) => command::stack::run(stack, &settings, &client()?, output).await,
        Command::Policy(policy) => command::policy::run(policy, &client()?, output).await,
        Command::CanI(question) => command::policy::can_i(question, &client()?, output).await,
        Command::Release(release) => command::release::run(release, &client()?, output).await,
        Command::Task(task) => command::task::run(task, &client()?, output).await,
        Command::Operation(operation) => command::operation::run(operation, &client()?, output).await,
        Command::Plan(plan) => command::plan::show(plan, &client()?, output).await,
        Command::Sheet { operation } => command::plan::sheet(&operation, &client()?, output).await,
        Command::Approve(approve) => command::plan::approve(approve, &client()?, output).await,
        Command::Reject(reject) => command::plan::reject(reject, &client()?, output).await,
        Command::Logs(logs) => command::logs::run(logs, &client()?, output).await,
        Command::Open(open) => command::open::run(open, &client()?, output).await,
        Command::Event(event) => command::event::run(event, Services::of(&global)?, output).await,
        Command::Webhook(webhook) => command::webhook::run(webhook, &client()?, output).await,
        Command::Events(events) => command::events::run(events, &client()?, output).await,
        Command::Image(ImageCommand::Push {
            folder,
            repository,
            tag,
        }) => command::image::push(&folder, &repository, tag.as_deref(), &server::aws(&global)?, output).await,
        Command::Login(login) => command::login::login(login, server::named(&global)?, output).await,
        Command::Logout => command::login::logout(server::named(&global)?, output).await,
        Command::Publish(publish) => command::publish::run(publish, &global, output).await,
        Command::Aws(call) => command::aws::run(call, &server::aws(&global)?, output).await,
        Command::Completion { shell } => {
            // Written at once: a reader that goes away early (`| head -1`) has all that it wanted.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "slipway", &mut script);
            output::write_document(&script);
            Ok(())
        }
        Command::Man { folder } => {
            let pages = reference::man(&folder)?;
            output.say(&format!("wrote {pages} man pages into {}", folder.display()));
            Ok(())
        }
        Command::Reference => {
            output::write_document(reference::markdown().as_bytes());
            Ok(())
        }
    }
}
