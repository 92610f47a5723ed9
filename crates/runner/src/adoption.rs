//! Resources that a killed Terraform created and that the state lacks: the next plan imports them instead of creating them again.
//!
//! They are recorded in an object beside the stack's state, which only the runner may write. Each later plan that may create
//! resources gets an `import` block for each of them
//! (<https://developer.hashicorp.com/terraform/language/block/import>), so the approval sheet shows them as imports. The first plan
//! that finds all of them in the state, or succeeds only without the imports, deletes the object.

use std::collections::{BTreeMap, BTreeSet};

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
pub(crate) fn key(stack: &StackId) -> String {
    format!("{}/created.json", state_prefix(stack))
}

impl Adoption {
    /// The record, of a stack whose keys are these.
    pub(crate) async fn read(states: &Bucket, stack: &StackId, keys: &[String]) -> Result<Option<Self>, Error> {
        let key = key(stack);
        if !keys.contains(&key) {
            return Ok(None);
        }
        let Some(object) = states.get(&key).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&object.bytes) {
            Ok(ids) => Ok(Some(Self(ids))),
            Err(error) => Err(states.failed("understand", &key, error.into())),
        }
    }

    /// Adds resources to the record.
    pub(crate) async fn add(states: &Bucket, stack: &StackId, created: BTreeMap<String, String>) -> Result<(), Error> {
        if created.is_empty() {
            return Ok(());
        }
        let key = key(stack);
        let Self(mut ids) = Self::read(states, stack, std::slice::from_ref(&key))
            .await?
            .unwrap_or_default();
        ids.extend(created);
        states.put(&key, json!(ids).to_string().into_bytes()).await
    }

    /// Without the resources that the state has by now; `None` if that leaves none, and the record is deleted.
    pub(crate) async fn pending(
        mut self,
        states: &Bucket,
        stack: &StackId,
        recorded: &BTreeSet<String>,
    ) -> Result<Option<Self>, Error> {
        self.0.retain(|address, _| !recorded.contains(address));
        if !self.0.is_empty() {
            return Ok(Some(self));
        }
        forget(states, stack).await?;
        Ok(None)
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

/// What the next plan imports, of a stack whose keys are these.
pub(crate) async fn pending(
    session: &Session,
    operation: &Operation,
    keys: &[String],
) -> Result<Option<Adoption>, Error> {
    let Some(adoption) = Adoption::read(&session.state, &operation.stack, keys).await? else {
        return Ok(None);
    };
    let recorded = applied_state::addresses(session, operation).await?;
    adoption.pending(&session.state, &operation.stack, &recorded).await
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
