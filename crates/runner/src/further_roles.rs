//! The roles that further configurations of the AWS provider assume after the role of the environment.
//!
//! Earlier versions of Slipway replaced these roles, so what they created is in the account of the environment. With the further role,
//! Terraform would not find it, and would drop it from the state. So an object beside the state, which only the runner may write, has the
//! aliases of which a plan kept the roles. If an alias is not in it, and the state has resources of it, these are of such a version.

use std::collections::BTreeSet;

use serde_json::json;
use slipway_model::blueprint::AwsProvider;
use slipway_model::environment::Environment;
use slipway_model::id::StackId;
use slipway_model::operation::{Operation, OperationKind};

use crate::applied_state;
use crate::error::Error;
use crate::overrides::state_prefix;
use crate::session::Session;

/// The key of the aliases. It is below the stack's prefix, where Terraform takes it for no workspace.
fn key(stack: &StackId) -> String {
    format!("{}/further_roles.json", state_prefix(stack))
}

/// Refuses a plan that would not find resources of an earlier version of Slipway. A destroy and a drift check of them leave the further
/// role out, as that version did. `keys` are those below the stack's prefix.
pub(crate) async fn settle(
    session: &Session,
    operation: &Operation,
    environment: &Environment,
    keys: &[String],
    aws: &mut AwsProvider,
) -> Result<(), Error> {
    let (states, key) = (&session.state, key(&operation.stack));
    let object = if aws.with_roles().next().is_some() && keys.contains(&key) {
        states.get(&key).await?
    } else {
        None
    };
    let mut kept: BTreeSet<String> = match object {
        Some(object) => {
            let read = serde_json::from_slice(&object.bytes);
            read.map_err(|error| states.failed("understand", &key, error.into()))?
        }
        None => BTreeSet::new(),
    };
    let unknown: Vec<String> = aws
        .with_roles()
        .filter(|alias| !kept.contains(*alias))
        .cloned()
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    // Without a role of the environment, no version has replaced any.
    let mut earlier = Vec::new();
    if environment.role.is_some() {
        let recorded = applied_state::recorded(session, operation).await?;
        earlier.extend(unknown.iter().filter(|alias| recorded.may_have_of(alias)).cloned());
    }
    match operation.kind() {
        OperationKind::Destroy | OperationKind::Drift => earlier.iter().for_each(|alias| aws.leave_out_roles(alias)),
        _ if !earlier.is_empty() => return Err(Error::EarlierRole(earlier)),
        kind if kind.only_looks() => {}
        _ => {
            // Before anything is created with them.
            kept.extend(unknown);
            states.put(&key, json!(kept).to_string().into_bytes()).await?;
        }
    }
    Ok(())
}
