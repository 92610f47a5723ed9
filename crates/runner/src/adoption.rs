//! Resources that a killed Terraform created and that the state lacks: the next plan imports them instead of creating them again.
//!
//! They are recorded in an object beside the stack's state, which only the runner may write. Each later plan that may create
//! resources gets an `import` block for each of them
//! (<https://developer.hashicorp.com/terraform/language/block/import>), so the approval sheet shows them as imports. The first plan
//! that finds all of them in the state, or succeeds only without the imports, deletes the object.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use slipway_model::id::StackId;
use slipway_model::operation::Operation;

use crate::applied_state;
use crate::error::Error;
use crate::objects::Bucket;
use crate::overrides::{literal, state_prefix};
use crate::session::Session;

/// The file with the `import` blocks, in the root module.
pub(crate) const FILE: &str = "slipway_import.tf.json";

/// The IDs of the resources, by address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Adoption(BTreeMap<String, String>);

/// The key of the record. It is below the stack's prefix, where Terraform takes it for no workspace.
fn key(stack: &StackId) -> String {
    format!("{}/created.json", state_prefix(stack))
}

impl Adoption {
    /// The record, if there is one.
    async fn read(states: &Bucket, stack: &StackId) -> Result<Option<Self>, Error> {
        let key = key(stack);
        let Some(object) = states.get(&key).await? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&object.bytes);
        read.map(|ids| Some(Self(ids)))
            .map_err(|error| states.failed("understand", &key, error.into()))
    }

    /// Adds resources to the record.
    pub(crate) async fn add(states: &Bucket, stack: &StackId, created: BTreeMap<String, String>) -> Result<(), Error> {
        if created.is_empty() {
            return Ok(());
        }
        let Self(mut ids) = Self::read(states, stack).await?.unwrap_or_default();
        ids.extend(created);
        states.put(&key(stack), json!(ids).to_string().into_bytes()).await
    }

    /// The `import` blocks. An address is an expression in a `to`, and a string elsewhere is a template, so an ID is escaped.
    pub(crate) fn blocks(&self) -> Value {
        let block = |(address, id): (&String, &String)| json!({ "to": address, "id": literal(id) });
        json!({ "import": self.0.iter().map(block).collect::<Vec<_>>() })
    }

    /// The resources, for people.
    pub(crate) fn named(&self) -> Vec<String> {
        let named = |(address, id): (&String, &String)| format!("{address} (id {id})");
        self.0.iter().map(named).collect()
    }
}

/// Deletes the record.
pub(crate) async fn forget(states: &Bucket, stack: &StackId) -> Result<(), Error> {
    let key = key(stack);
    if let Some(etag) = states.get(&key).await?.and_then(|object| object.etag) {
        states.delete_version(&key, &etag).await?;
    }
    Ok(())
}

/// What the next plan imports, of a stack whose keys are these: what is on the record and not in the state. If that is nothing, the
/// record is deleted.
pub(crate) async fn pending(
    session: &Session,
    operation: &Operation,
    keys: &[String],
) -> Result<Option<Adoption>, Error> {
    let stack = &operation.stack;
    if !keys.contains(&key(stack)) {
        return Ok(None);
    }
    let Some(Adoption(mut ids)) = Adoption::read(&session.state, stack).await? else {
        return Ok(None);
    };
    let recorded = applied_state::addresses(session, operation).await?;
    ids.retain(|address, _| !recorded.contains(address));
    if ids.is_empty() {
        forget(&session.state, stack).await?;
        return Ok(None);
    }
    Ok(Some(Adoption(ids)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_blocks_take_ids_literally() {
        let adoption = Adoption(BTreeMap::from([(
            "aws_s3_bucket.b[\"x y\"]".to_owned(),
            "${path.root}-%{if true}".to_owned(),
        )]));
        assert_eq!(
            adoption.blocks(),
            json!({"import": [{"to": "aws_s3_bucket.b[\"x y\"]", "id": "$${path.root}-%%{if true}"}]})
        );
    }
}
