//! Drives Terraform inside CodeBuild: one phase of one operation, or both if the plan needs no approval. Then the process ends.
//!
//! Read `plan` and `apply` first: each is the list of its steps, top to bottom.
//!
//! | module | content |
//! | --- | --- |
//! | [`config`] | the environment variables |
//! | `build` | the build as a whole: its phase, and how that ended |
//! | `session` | the common part of both phases: begin, run Terraform, end |
//! | `record`, `other_build` | the operation's record, and another build that writes it |
//! | `phase`, `plan`, `apply` | the two phases |
//! | `blueprint`, `overrides` | the files that Terraform reads |
//! | `show`, `drift` | the complete plan; drift, and the errors that it causes |
//! | `references` | values that the environment keeps in Secrets Manager or the Parameter Store |
//! | `binding` | what the apply of a plan depends on |
//! | `work_folder` | where Terraform reads them |
//! | `archive`, `prepared` | folders that are kept between builds |
//! | [`providers`] | the sources of providers |
//! | `program`, `terraform`, `stream`, `report`, `kept_stream` | the program, its messages, the summary of them, and what is kept of them |
//! | `isolation`, [`user`] | the permissions of the build, and those of Terraform |
//! | `progress`, `console`, `log` | what people see meanwhile |
//! | `state`, `lost` | the location of the state, and a state that is not there any more |
//! | `created`, `created_list`, `unrecorded`, `adoption`, `imports` | imports of what a killed Terraform created |
//! | `lock`, `rescue`, `cancel`, `reach` | locks, unsaved states, cancels, unreachable services |
//!
//! The exit code is 0 if the phase succeeded. Otherwise it is 1, and the reason is on the operation's record.

mod adoption;
mod applied_state;
mod apply;
mod archive;
mod binding;
mod blueprint;
mod build;
mod cancel;
pub mod config;
mod console;
mod created;
mod created_list;
mod drift;
mod error;
mod further_roles;
mod imports;
mod isolation;
mod kept_stream;
mod lock;
mod log;
mod lost;
mod marked;
mod migrations;
mod objects;
mod other_build;
mod overrides;
mod phase;
mod plan;
mod prepared;
mod program;
mod progress;
pub mod providers;
mod reach;
mod record;
mod references;
mod report;
mod rescue;
mod secrets;
mod session;
mod show;
mod state;
mod stream;
mod terraform;
mod unrecorded;
pub mod user;
mod work_folder;

use std::collections::BTreeMap;
use std::process::ExitCode;

use tokio::task::LocalSet;

use crate::build::Outcome;
use crate::cancel::Cancel;
use crate::config::Config;
use crate::console::say;
use slipway_model::error_chain::chain;

/// This process's environment variables. One that is not text is none of ours.
pub fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Runs one build of one operation, as these environment variables say. It takes over the process's signals.
pub fn main_with(vars: BTreeMap<String, String>) -> ExitCode {
    let config = match Config::from_vars(&vars) {
        Ok(config) => config,
        Err(error) => {
            say(format_args!("Error: {error}"));
            return ExitCode::FAILURE;
        }
    };
    drop(vars);
    if let Err(error) = user::close_this_process(config.terraform_user) {
        say(format_args!("Error: failed to close the runner's process: {error}"));
        return ExitCode::FAILURE;
    }
    // One thread does: the work is waiting for Terraform.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format_args!("Error: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = LocalSet::new().block_on(&runtime, async {
        let cancel = Cancel::listen().map_err(|error| format!("cannot listen for signals: {error}"))?;
        // On the heap: it is the deepest of all.
        Box::pin(build::run(config, cancel))
            .await
            .map_err(|error| chain(&error))
    });
    runtime.shutdown_background();
    match ended {
        Ok(Outcome::Succeeded) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Err(message) => {
            say(format_args!("Error: {message}"));
            ExitCode::FAILURE
        }
    }
}
