//! The lock of a stack's state, and the proof that its holder has ended.
//!
//! Terraform's lock is an object next to the state, created on condition that there is none. Terraform that was killed leaves it.
//! Before Terraform starts, while there is no lock, the table records which build of which operation is about to start it. So a
//! lock that was made after that, by the same machine, belongs to the recorded build. It is deleted only if all of this holds:
//!
//! * this operation is in progress, and that one no longer is, or this one runs beside its plan, which waits: then a build of it is one
//!   that CodeBuild started twice. Or it is this one, and the build an earlier build of it,
//! * CodeBuild reports that the build has ended,
//! * on this machine, no process of that operation is alive (a build's Terraform may outlive its runner),
//! * the lock is still the one that was read: the deletion is conditional.
//!
//! Otherwise the runner waits, because a build that was just stopped may still be saving its state. Terraform's own `-lock-timeout`
//! is not used: version 1.11.4 gives up at once if the lock disappears while it is read.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_codebuild::types::StatusType;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use slipway_model::id::StackId;
use slipway_model::plan::binding::StateVersion;
use slipway_model::stack::Stack;
use slipway_model::stack::beside::Place;
use slipway_store::Store;
use slipway_store::lock::{LockHolder, Runner};

use crate::cancel::Cancel;
use crate::config::Config;
use crate::console::say;
use crate::error::Error;
use crate::objects::Bucket;
use crate::overrides::{earlier_state_key, lock_key, state_key, state_prefix};
use crate::reach::{Pauses, patiently};
use crate::work_folder;
use slipway_model::error_chain::chain;

/// How long a lock is waited for: a stopped build has this long to finish the resource that it is at.
const PATIENCE: Duration = Duration::from_mins(5);

/// The longest pause between two checks of the lock.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How far the clocks of two machines may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(5);

/// What Terraform writes into its lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LockInfo {
    #[serde(rename = "ID")]
    id: String,
    /// `user@host`.
    who: String,
    created: Timestamp,
    operation: String,
}

/// The lock of one stack's state, seen from this build.
#[derive(Debug)]
pub(crate) struct StateLock<'a> {
    pub(crate) config: &'a Config,
    pub(crate) sdk: &'a SdkConfig,
    pub(crate) store: &'a Store,
    pub(crate) state: &'a Bucket,
    pub(crate) stack: &'a StackId,
}

/// The machine's name, as it stands in a lock.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl StateLock<'_> {
    /// This build, as it stands in the table.
    fn runner(&self) -> Runner {
        Runner {
            build: self.config.build.id.clone(),
            machine: host(),
        }
    }

    /// The pauses of a build that waits for its turn.
    pub(crate) fn pauses() -> Pauses {
        Pauses::new(PATIENCE, LONGEST_PAUSE)
    }

    /// Records that this build is about to lock the state, which is of this version now.
    pub(crate) async fn record(&self, state: &StateVersion) -> Result<(), Error> {
        let runner = self.runner();
        let record = async || {
            self.store
                .record_lock_holder(self.stack, &self.config.operation, runner.clone(), Some(state.clone()))
                .await
        };
        patiently(record).await.map_err(|source| Error::Store {
            action: "write the holder of the state lock on",
            source,
        })
    }

    /// Waits until the state is not locked, nor the one at the key of an earlier version of Slipway. A lock whose maker is
    /// provably gone is deleted. Returns the keys below the stack's prefix.
    pub(crate) async fn wait_until_free(&self, cancel: &Cancel, pauses: &mut Pauses) -> Result<Vec<String>, Error> {
        let locks = [state_key(self.stack), earlier_state_key(self.stack)].map(|key| lock_key(&key));
        let prefix = format!("{}/", state_prefix(self.stack));
        let mut printed = String::new();
        loop {
            let keys = self.state.list(&prefix).await?;
            let Some(lock) = keys.iter().find(|key| locks.contains(key)) else {
                return Ok(keys);
            };
            let Some(reason) = self.release_if_abandoned(lock).await? else {
                continue;
            };
            if printed != reason {
                say(format_args!("Waiting for the lock of the state: {reason}"));
                printed.clone_from(&reason);
            }
            cancel.check()?;
            if !pauses.pause().await {
                return Err(Error::Locked(reason));
            }
        }
    }

    /// Deletes the lock if its holder has ended. `None` if there is no lock any more; otherwise the apparent holder.
    async fn release_if_abandoned(&self, key: &str) -> Result<Option<String>, Error> {
        let Some(lock) = self.state.get(key).await? else {
            return Ok(None);
        };
        let Ok(info) = serde_json::from_slice::<LockInfo>(&lock.bytes) else {
            return Ok(Some(format!("the lock object {key} is not one that Terraform writes")));
        };
        let holder = self.holder().await?;
        let described = format!(
            "{} since {} ({}, lock {})",
            info.who, info.created, info.operation, info.id
        );
        let Some(holder) = holder.filter(|holder| made_by(&info, holder)) else {
            return Ok(Some(format!("{described}; no build of Slipway made it")));
        };
        let described = format!("{} of {}, {described}", holder.runner, holder.operation);
        if let Some(why) = self.why_alive(&holder).await? {
            return Ok(Some(format!("{described}; {why}")));
        }
        let Some(etag) = lock.etag else {
            return Ok(Some(format!("{described}; its version is unknown")));
        };
        if self.state.delete_version(key, &etag).await? {
            say(format_args!(
                "The state was still locked by {described}, which has ended: the lock is released."
            ));
        }
        // Deleted, or changed meanwhile: check once more.
        Box::pin(self.release_if_abandoned(key)).await
    }

    /// Who locked the state last.
    pub(crate) async fn holder(&self) -> Result<Option<LockHolder>, Error> {
        let holder = patiently(async || self.store.lock_holder(self.stack).await).await;
        holder.map_err(|source| Error::Store {
            action: "read the holder of the state lock on",
            source,
        })
    }

    /// The stack.
    pub(crate) async fn read_stack(&self) -> Result<Stack, Error> {
        let stack = patiently(async || self.store.stack(self.stack).await).await;
        stack.map_err(|source| Error::Store {
            action: "read the stack of",
            source,
        })
    }

    /// Why the holder of the lock may still be running; `None` if it has ended.
    async fn why_alive(&self, holder: &LockHolder) -> Result<Option<String>, Error> {
        if holder.operation == self.config.operation {
            if holder.runner == self.runner() {
                // This build is here to ask: its Terraform has ended.
                return Ok(None);
            }
        } else {
            let stack = self.read_stack().await?;
            let places = (stack.place(&self.config.operation), stack.place(&holder.operation));
            // The plan that this one runs beside gets no approval meanwhile.
            let may_have_ended = matches!(places, (Some(_), None) | (Some(Place::Beside), Some(Place::Slot)));
            if !may_have_ended {
                return Ok(Some("it is not known whether that operation has ended".to_owned()));
            }
            if work_folder::is_in_use(self.stack, &holder.operation) {
                return Ok(Some("its Terraform still runs on this machine".to_owned()));
            }
        }
        self.why_build_runs(&holder.runner).await
    }

    /// Why a build may still run, by CodeBuild's word.
    pub(crate) async fn why_build_runs(&self, runner: &Runner) -> Result<Option<String>, Error> {
        let Some(id) = &runner.build else {
            // Not in CodeBuild: the lock of the work folder, on the same machine, was proof enough.
            return Ok((runner.machine != host()).then(|| "it ran on another machine".to_owned()));
        };
        let client = aws_sdk_codebuild::Client::new(self.sdk);
        let answer = patiently(async || client.batch_get_builds().ids(id).send().await).await;
        match answer {
            Err(error) => Ok(Some(format!(
                "failed to read its build from CodeBuild: {}",
                chain(&error)
            ))),
            Ok(answer) => {
                let status = answer.builds().first().and_then(|build| build.build_status());
                let runs = status == Some(&StatusType::InProgress);
                // A build that CodeBuild has forgotten ended long ago.
                Ok(runs.then(|| "its build still runs".to_owned()))
            }
        }
    }

    /// Deletes the lock that this build's Terraform left, now that it has ended without being able to.
    pub(crate) async fn release_own(&self) -> Result<(), Error> {
        match self.release_if_abandoned(&lock_key(&state_key(self.stack))).await? {
            None => Ok(()),
            Some(holder) => Err(Error::Locked(holder)),
        }
    }
}

/// Whether the build that the table names made the lock: it was about to, and the lock came after that from its machine.
fn made_by(info: &LockInfo, holder: &LockHolder) -> bool {
    let host = info.who.split_once('@').map_or("", |(_, host)| host);
    holder.runner.machine == host
        && info
            .created
            .saturating_add(CLOCKS_APART)
            .is_ok_and(|created| created >= holder.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(who: &str, created: &str) -> LockInfo {
        let text = format!(
            r#"{{"ID":"f66d","Operation":"OperationTypeApply","Info":"","Who":"{who}","Version":"1.11.4","Created":"{created}","Path":"b/k"}}"#
        );
        serde_json::from_str(&text).expect("a lock")
    }

    #[test]
    fn a_lock_belongs_to_the_build_that_announced_it() {
        let holder = LockHolder {
            operation: slipway_model::id::OperationId::generate(),
            runner: Runner {
                build: Some("runner:1".to_owned()),
                machine: "box".to_owned(),
            },
            at: "2026-11-21T09:00:00Z".parse().expect("a time"),
            state: None,
        };
        assert!(made_by(&info("root@box", "2026-11-21T09:00:01.531Z"), &holder));
        // Made by hand, on another machine.
        assert!(!made_by(&info("alice@laptop", "2026-11-21T09:00:01.531Z"), &holder));
        // It was there before.
        assert!(!made_by(&info("root@box", "2026-11-21T08:59:50Z"), &holder));
    }
}
