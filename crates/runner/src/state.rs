//! Sees to it that the state of a stack exists at its key before Terraform runs.
//!
//! A state that was there before and is not now is lost, and nothing runs (`lost`). A new stack gets an empty state. Terraform would
//! make one too, but would first ask S3 for the missing object, and S3 answers 403 instead of 404 to a caller that may not list the bucket
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>). Terraform may list its stack's prefix alone, and
//! AWS does not say whether that is enough.
//!
//! A stack that an earlier version of Slipway made has its state at another key. It is moved once: copied where there is
//! none yet, under the lock that the earlier version respects, then deleted. The bucket's versioning keeps it.

use jiff::Timestamp;
use serde_json::json;
use slipway_model::id::StackId;
use slipway_model::name::Digest;
use slipway_model::plan::binding::StateVersion;
use slipway_model::terraform::OLDEST_TOFU;
use tokio::try_join;

use crate::cancel::Cancel;
use crate::config::Config;
use crate::console::say;
use crate::error::Error;
use crate::lock::{StateLock, host};
use crate::lost::{Loss, Records};
use crate::objects::Bucket;
use crate::overrides::{earlier_state_key, lock_key, state_key};

/// The refusal of a stack's state.
pub(crate) fn lost(config: &Config, stack: &StackId, why: Loss) -> Error {
    Error::StateLost {
        bucket: config.state_bucket.clone(),
        key: state_key(stack),
        why,
    }
}

/// Waits until the state is not locked, refuses one that is lost, records that this build is about to lock it, and sees to it that
/// there is a state. Returns the keys below the stack's prefix.
pub(crate) async fn claim(lock: &StateLock<'_>, cancel: &Cancel) -> Result<Vec<String>, Error> {
    let mut pauses = StateLock::pauses();
    loop {
        let keys = lock.wait_until_free(cancel, &mut pauses).await?;
        if let Some(version) = version_to_lock(lock, &keys).await? {
            lock.record(&version).await?;
            if settle(lock, &keys).await? {
                return Ok(keys);
            }
        }
        cancel.check()?;
        if !pauses.pause().await {
            return Err(Error::Locked("other builds keep writing it".to_owned()));
        }
    }
}

/// The version of the state that this build is about to lock, or creates. `None` if another build moved it meanwhile: list the keys
/// once more.
async fn version_to_lock(lock: &StateLock<'_>, keys: &[String]) -> Result<Option<StateVersion>, Error> {
    let own = [state_key(lock.stack), earlier_state_key(lock.stack)];
    let found = match own.iter().find(|key| keys.contains(key)) {
        Some(key) => match version(lock.state, key).await? {
            Some(version) => Some(version),
            None => return Ok(None),
        },
        None => None,
    };
    let (stack, holder) = try_join!(lock.read_stack(), lock.holder())?;
    let records = Records {
        operation: &lock.config.operation,
        empty: empty_version(lock),
        stack: &stack,
        holder: holder.as_ref(),
    };
    let accepted = records.accept(found).map(Some);
    accepted.map_err(|why| lost(lock.config, lock.stack, why))
}

/// The version of a state; `None` where there is none.
pub(crate) async fn version(states: &Bucket, key: &str) -> Result<Option<StateVersion>, Error> {
    let Some(object) = states.get(key).await? else {
        return Ok(None);
    };
    // OpenTofu leaves the two in clear where it encrypts the rest.
    let version = serde_json::from_slice(&object.bytes);
    version
        .map(Some)
        .map_err(|error| states.failed("understand", key, error.into()))
}

/// Creates the state, or moves it. `keys` are those below the stack's prefix, none of them a lock. `false` if another build was
/// first: list them once more.
async fn settle(lock: &StateLock<'_>, keys: &[String]) -> Result<bool, Error> {
    let (key, earlier) = (state_key(lock.stack), earlier_state_key(lock.stack));
    let has = |key: &String| keys.contains(key);
    match (has(&key), has(&earlier)) {
        (true, false) => Ok(true),
        (false, false) => lock.state.create(&key, empty(lock)).await,
        (_, true) => move_here(lock, &earlier, &key).await,
    }
}

/// The version of the state that this operation creates for a new stack.
fn empty_version(lock: &StateLock<'_>) -> StateVersion {
    // Any text that no other state has; Terraform makes it look like this.
    let unique = Digest::of(format!("{} {}", lock.stack, lock.config.operation).as_bytes());
    let hex = unique.hex();
    let lineage = format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..32]
    );
    StateVersion {
        lineage: Some(lineage),
        serial: Some(0),
    }
}

/// A state without resources, as Terraform itself begins one.
fn empty(lock: &StateLock<'_>) -> Vec<u8> {
    let version = empty_version(lock);
    json!({
        "version": 4, "terraform_version": OLDEST_TOFU.to_string(), "serial": version.serial, "lineage": version.lineage,
        "outputs": {}, "resources": [],
    })
    .to_string()
    .into_bytes()
}

async fn move_here(lock: &StateLock<'_>, earlier: &str, key: &str) -> Result<bool, Error> {
    let locked = lock_key(earlier);
    if !lock.state.create(&locked, own_lock(lock)).await? {
        return Ok(false);
    }
    let moved = copy_and_delete(lock, earlier, key).await;
    // Where this fails, the lock is found and released as one of a build that ended.
    if let Some(made) = lock.state.get(&locked).await?
        && let Some(etag) = made.etag
    {
        lock.state.delete_version(&locked, &etag).await?;
    }
    moved
}

async fn copy_and_delete(lock: &StateLock<'_>, earlier: &str, key: &str) -> Result<bool, Error> {
    let Some(state) = lock.state.get(earlier).await? else {
        return Ok(false);
    };
    if !lock.state.create(key, state.bytes.clone()).await? {
        let there = lock.state.get(key).await?;
        // The copy of a build that ended before it could delete.
        if there.is_none_or(|there| there.bytes != state.bytes) {
            return Err(Error::TwoStates {
                earlier: earlier.to_owned(),
                key: key.to_owned(),
            });
        }
    }
    let Some(etag) = state.etag else { return Ok(false) };
    let deleted = lock.state.delete_version(earlier, &etag).await?;
    if deleted {
        say(format_args!("The state was moved from {earlier} to {key}."));
    }
    Ok(deleted)
}

/// The lock of this build, in the form of Terraform's: the Terraform of an earlier version reads it, and so does the next
/// build if this one dies.
fn own_lock(lock: &StateLock<'_>) -> Vec<u8> {
    json!({
        "ID": lock.config.operation.as_str(), "Operation": "OperationTypeMove", "Info": "", "Version": "",
        "Who": format!("slipway-runner@{}", host()), "Created": Timestamp::now(), "Path": earlier_state_key(lock.stack),
    })
    .to_string()
    .into_bytes()
}
