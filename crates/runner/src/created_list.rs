//! The record of resources that Terraform created and that the state may lack.
//!
//! It is an object beside the stack's state, which only the runner may write. It is written while Terraform applies, because a build
//! may be killed together with Terraform, and its machine be gone afterwards. An apply that succeeds deletes it.

use std::collections::BTreeMap;

use serde_json::json;
use slipway_model::id::StackId;

use crate::created::{Created, Reported};
use crate::error::Error;
use crate::objects::Bucket;
use crate::overrides::state_prefix;

/// Resources to import, by address.
pub(crate) type Resources = BTreeMap<String, Created>;

/// The key of the record. It is below the stack's prefix, where Terraform takes it for no workspace.
pub(crate) fn key(stack: &StackId) -> String {
    format!("{}/created.json", state_prefix(stack))
}

/// The resources on the record, if there is one.
pub(crate) async fn read(states: &Bucket, stack: &StackId) -> Result<Option<Resources>, Error> {
    let key = key(stack);
    let Some(object) = states.get(&key).await? else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&object.bytes);
    read.map(Some)
        .map_err(|error| states.failed("understand", &key, error.into()))
}

async fn write(states: &Bucket, stack: &StackId, resources: &Resources) -> Result<(), Error> {
    states.put(&key(stack), json!(resources).to_string().into_bytes()).await
}

/// Adds resources to the record.
pub(crate) async fn add(states: &Bucket, stack: &StackId, created: Resources) -> Result<(), Error> {
    if created.is_empty() {
        return Ok(());
    }
    let mut resources = read(states, stack).await?.unwrap_or_default();
    resources.extend(created);
    write(states, stack, &resources).await
}

/// Records what an apply left that has ended without success: of what it created, what the state lacks.
pub(crate) async fn settle(
    states: &Bucket,
    stack: &StackId,
    created: &Reported,
    missing: Resources,
) -> Result<(), Error> {
    let before = read(states, stack).await?.unwrap_or_default();
    let mut after = before.clone();
    after.retain(|address, _| !created.contains_key(address));
    after.extend(missing);
    if after == before {
        return Ok(());
    }
    if after.is_empty() {
        return forget(states, stack).await;
    }
    write(states, stack, &after).await
}

/// Deletes the record.
pub(crate) async fn forget(states: &Bucket, stack: &StackId) -> Result<(), Error> {
    let key = key(stack);
    if let Some(etag) = states.get(&key).await?.and_then(|object| object.etag) {
        states.delete_version(&key, &etag).await?;
    }
    Ok(())
}
