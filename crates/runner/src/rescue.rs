//! Saving a state that Terraform could not save.
//!
//! If the state's bucket cannot be reached, Terraform finishes its current work, writes the state to the file `errored.tfstate`
//! and leaves its lock. A lost state means resources without an owner, so the runner waits for the bucket, keeps a copy of the
//! file, removes the lock and has Terraform push the state.

use std::path::Path;

use slipway_model::artifact;
use slipway_model::operation::Operation;

use crate::cancel::Cancel;
use crate::console::say;
use crate::error::Error;
use crate::lock::StateLock;
use crate::session::Session;
use crate::terraform::{Run, Terraform};
use crate::user::read_made;
use crate::work_folder::WorkFolder;
use slipway_model::error_chain::chain;

/// The file that Terraform writes, in the folder in which it runs.
const ERRORED: &str = "errored.tfstate";

/// Brings a failed run's state home, if Terraform could not; takes away the lock that it left. Returns the state where
/// there was one.
pub(crate) async fn state(
    session: &Session,
    operation: &Operation,
    terraform: &Terraform,
    folder: &mut WorkFolder,
    lock: &StateLock<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let file = folder.root().join(ERRORED);
    let Some(state) = read_made(&file, session.config.terraform_user)? else {
        // The child was reaped, so no process holds a lock of this build.
        if let Err(error) = lock.release_own().await {
            say(format_args!("The lock of the state is left: {}", chain(&error)));
        }
        return Ok(None);
    };
    say(format_args!(
        "Terraform could not save the state of {}: the runner does.",
        operation.stack
    ));
    let key = artifact::of_operation(operation, ERRORED);
    if let Err(error) = session.artifacts.put(&key, state.clone()).await {
        let kept = folder.keep().display().to_string();
        return Err(Error::StateNotSaved {
            why: chain(&error),
            kept,
        });
    }
    match push(terraform, folder, lock, &file).await {
        Ok(()) => {
            say("The state is saved.");
            Ok(Some(state))
        }
        Err(error) => Err(Error::StateNotSaved {
            why: chain(&error),
            kept: format!("{key} in the bucket {}", session.config.artifacts_bucket),
        }),
    }
}

async fn push(terraform: &Terraform, folder: &WorkFolder, lock: &StateLock<'_>, file: &Path) -> Result<(), Error> {
    lock.release_own().await?;
    let run = Run {
        command: "state",
        arguments: vec!["push".into(), "-no-color".into(), file.into()],
        folder: folder.root(),
        stream: &folder.path().join("push.txt"),
    };
    // Also after a cancel: this is what a cancel waits for.
    terraform.run(&run, &Cancel::never(), None).await?.success("state push")
}
