//! Sees to it that the state of a stack exists at its key before Terraform runs.
//!
//! A new stack gets an empty state. Terraform would make one too, but would first ask S3 for the missing object, and S3
//! answers 403 instead of 404 to a caller that may not list the bucket
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>). Terraform may list its stack's prefix alone, and
//! AWS does not say whether that is enough.
//!
//! A stack that an earlier version of Slipway made has its state at another key. It is moved once: copied where there is
//! none yet, under the lock that the earlier version respects, then deleted. The bucket's versioning keeps it.

use jiff::Timestamp;
use serde_json::json;
use slipway_model::name::Digest;
use slipway_model::terraform::OLDEST_TOFU;

use crate::cancel::Cancel;
use crate::console::say;
use crate::error::Error;
use crate::lock::{StateLock, host};
use crate::overrides::{earlier_state_key, lock_key, state_key};

/// Waits until the state is not locked, records that this build is about to lock it, and sees to it that there is a state. Returns
/// the keys below the stack's prefix.
pub(crate) async fn claim(lock: &StateLock<'_>, cancel: &Cancel) -> Result<Vec<String>, Error> {
    let mut pauses = StateLock::pauses();
    loop {
        let keys = lock.take_turn(cancel, &mut pauses).await?;
        if settle(lock, &keys).await? {
            return Ok(keys);
        }
        cancel.check()?;
        if !pauses.pause().await {
            return Err(Error::Locked("other builds keep writing it".to_owned()));
        }
    }
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

/// A state without resources, as Terraform itself begins one.
fn empty(lock: &StateLock<'_>) -> Vec<u8> {
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
    json!({
        "version": 4, "terraform_version": OLDEST_TOFU.to_string(), "serial": 0, "lineage": lineage,
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
