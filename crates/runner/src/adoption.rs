//! The resources that Terraform created and that the state may lack: the next plan imports them instead of creating them again.
//!
//! What an apply leaves is compared with the state: by its own build, by the next one that finds its stream on this machine, and by
//! each plan. Their record is `created_list`.

use std::collections::BTreeSet;

use slipway_model::name::Digest;
use slipway_model::operation::Operation;

use crate::applied_state::{self, Recorded};
use crate::console::say;
use crate::created::Created;
use crate::created_list::{self, Resources};
use crate::error::Error;
use crate::report::Report;
use crate::session::Session;
use crate::unrecorded::Unrecorded;
use crate::work_folder::WorkFolder;

/// Records what builds created that died on this machine, of this or another operation of the stack. Nothing else has their streams.
/// Returns what the state lacks of it, for people. The state must not be locked.
pub(crate) async fn recover(
    session: &Session,
    operation: &Operation,
    folder: &mut WorkFolder,
) -> Result<Vec<String>, Error> {
    let mut named = Vec::new();
    for (killed, stream) in folder.leftovers() {
        let report = Report::of_stream(&stream)?;
        let unrecorded = Unrecorded::of(session, operation, &report).await?;
        created_list::settle(
            &session.state,
            &operation.stack,
            &report.created,
            unrecorded.importable(),
        )
        .await?;
        for resource in unrecorded.named() {
            say(format_args!(
                "A build of {killed} was killed, and this may exist without being in the state: {resource}"
            ));
            named.push(resource);
        }
    }
    folder.settle()?;
    Ok(named)
}

/// What is on the record and not in the state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Adoption {
    pub(crate) resources: Resources,
    /// The addresses at which the state still has the resource that was replaced.
    replaced: BTreeSet<String>,
}

impl Adoption {
    fn missing(mut resources: Resources, recorded: &Recorded) -> Self {
        resources.retain(|address, created| {
            // One whose import was rejected was created again, as the plan said.
            let is_settled = created.rejected.is_some() && recorded.has(address);
            !is_settled && !recorded.has_created(address, created)
        });
        let replaced = resources.keys().filter(|address| recorded.has(address));
        Self {
            replaced: replaced.cloned().collect(),
            resources,
        }
    }

    /// Those at whose addresses the state has the resource that they replaced.
    pub(crate) fn replacing(&self) -> impl Iterator<Item = (&String, &Created)> {
        let resources = self.resources.iter();
        resources.filter(move |(address, _)| self.replaced.contains(*address))
    }

    /// Leaves out those, and returns them.
    pub(crate) fn split_off_replacing(&mut self) -> Resources {
        let replaced = std::mem::take(&mut self.replaced);
        let (replacing, others) = std::mem::take(&mut self.resources)
            .into_iter()
            .partition(|(address, _)| replaced.contains(address));
        self.resources = others;
        replacing
    }

    /// Leaves out those whose import Terraform rejected with this configuration, and returns them.
    pub(crate) fn split_off_rejected(&mut self, configuration: &Digest) -> Resources {
        let (rejected, others) = std::mem::take(&mut self.resources)
            .into_iter()
            .partition(|(_, created)| created.is_rejected_with(configuration));
        self.resources = others;
        rejected
    }

    /// The resources of which Terraform has not rejected the import with this configuration, for people.
    pub(crate) fn importable(&self, configuration: &Digest) -> Vec<String> {
        let importable = self.resources.iter();
        importable
            .filter(|(_, created)| !created.is_rejected_with(configuration))
            .map(named)
            .collect()
    }
}

/// A resource, for people.
pub(crate) fn named((address, created): (&String, &Created)) -> String {
    format!("{address} (id {})", created.id)
}

/// What is on the record and not in the state. If that is nothing, the record is deleted.
pub(crate) async fn pending(session: &Session, operation: &Operation) -> Result<Option<Adoption>, Error> {
    let stack = &operation.stack;
    let Some(resources) = created_list::read(&session.state, stack).await? else {
        return Ok(None);
    };
    let recorded = applied_state::recorded(session, operation).await?;
    let adoption = Adoption::missing(resources, &recorded);
    if adoption.resources.is_empty() {
        created_list::forget(&session.state, stack).await?;
        return Ok(None);
    }
    Ok(Some(adoption))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_state_lacks_is_pending() {
        let state = json!({"resources": [
            {"mode": "managed", "type": "r", "name": "same", "instances": [{"attributes": {"id": "1"}}]},
            {"mode": "managed", "type": "r", "name": "replaced", "instances": [{"attributes": {"id": "1"}}]},
            {"mode": "managed", "type": "r", "name": "again", "instances": [{"attributes": {"id": "1"}}]},
        ]});
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        let recorded = Recorded::of_text(&state.to_string()).expect("a state");
        let rejected =
            json!({"id": "2", "key": "id", "has_replaced": false, "rejected": "no import", "rejected_with": one});
        let resources =
            json!({"r.same": "1", "r.replaced": "2", "r.again": rejected, "r.rejected": rejected, "r.new": "2"});
        let resources = serde_json::from_value(resources).expect("a record");
        let mut adoption = Adoption::missing(resources, &recorded);
        let addresses = |resources: &Resources| resources.keys().cloned().collect::<Vec<_>>();
        assert_eq!(addresses(&adoption.resources), ["r.new", "r.rejected", "r.replaced"]);
        assert_eq!(adoption.importable(&one), ["r.new (id 2)", "r.replaced (id 2)"]);
        // Another version, or other values, may import it.
        assert_eq!(adoption.importable(&other).len(), 3);
        assert_eq!(adoption.replacing().count(), 1);
        assert_eq!(addresses(&adoption.split_off_replacing()), ["r.replaced"]);
        assert_eq!(addresses(&adoption.resources), ["r.new", "r.rejected"]);
        assert_eq!(adoption.replacing().count(), 0);
        assert!(adoption.split_off_rejected(&other).is_empty());
        assert_eq!(addresses(&adoption.split_off_rejected(&one)), ["r.rejected"]);
        assert_eq!(addresses(&adoption.resources), ["r.new"]);
    }
}
