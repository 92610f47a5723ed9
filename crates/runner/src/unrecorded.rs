//! What an apply may have changed without recording it in the state: the difference between Terraform's messages and the state.
//!
//! Terraform saves the state every twenty seconds and at its end. What it did since is in its messages alone if it does not come to
//! its end, however it dies: by a signal, a panic, for lack of memory, or below a script that hides how it ended. Resources are
//! compared by their IDs: at the address of a replaced one, the state has the one before it.

use std::collections::{BTreeMap, BTreeSet};

use slipway_model::operation::Operation;

use crate::applied_state::{self, Recorded};
use crate::created::{Created, Reported, importable};
use crate::error::Error;
use crate::report::Report;
use crate::session::Session;

/// What an apply may have changed without recording it.
#[derive(Debug, Default)]
pub(crate) struct Unrecorded {
    /// What it had begun, with the action, by address.
    begun: BTreeMap<String, String>,
    /// What it failed to create, and may have created.
    failed: BTreeSet<String>,
    /// What it had created and the state lacks.
    created: Reported,
}

impl Unrecorded {
    /// The difference between what Terraform reported and what the state has now.
    pub(crate) async fn of(session: &Session, operation: &Operation, report: &Report) -> Result<Self, Error> {
        let recorded = applied_state::recorded(session, operation).await?;
        Ok(Self::between(report, &recorded))
    }

    fn between(report: &Report, recorded: &Recorded) -> Self {
        let came_to_its_end = report.came_to_its_end();
        if recorded.is_encrypted && came_to_its_end {
            // Only OpenTofu reads it, which has saved it.
            return Self::default();
        }
        // Of an error of a resource, Terraform saves what the provider says that there is.
        let may_exist = !came_to_its_end || report.lost_a_provider();
        // At the address of a replaced one, the state has the one before it.
        let is_missing = |address: &&String| !recorded.has(address) || report.replaced.contains(*address);
        let failed = report.failed.iter().filter(|_| may_exist).filter(is_missing);
        let created = report.created.iter().filter(|(address, created)| match created {
            Some(created) => !recorded.has_created(address, created),
            None if came_to_its_end => !recorded.has(address),
            None => is_missing(address),
        });
        Self {
            begun: if came_to_its_end {
                BTreeMap::new()
            } else {
                report.begun.clone()
            },
            failed: failed.cloned().collect(),
            created: created
                .map(|(address, created)| (address.clone(), created.clone()))
                .collect(),
        }
    }

    /// Each with what is known of it, for people.
    pub(crate) fn named(&self) -> Vec<String> {
        let begun = self
            .begun
            .iter()
            .map(|(address, action)| format!("{address} ({action} begun)"));
        let failed = self.failed.iter().map(|address| format!("{address} (create failed)"));
        let created = self.created.iter().map(|(address, created)| match created {
            Some(Created { id, .. }) => format!("{address} (created, id {id})"),
            None => format!("{address} (created)"),
        });
        begun.chain(failed).chain(created).collect()
    }

    /// What the next plan can import.
    pub(crate) fn importable(&self) -> BTreeMap<String, Created> {
        importable(&self.created)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn hook(kind: &str, address: &str, action: &str, id: Option<&str>) -> Value {
        json!({"type": kind, "hook": {
            "resource": {"addr": address}, "action": action, "id_key": id.map(|_| "id"), "id_value": id,
        }})
    }

    fn error(summary: &str) -> Value {
        json!({"type": "diagnostic", "diagnostic": {"severity": "error", "summary": summary, "detail": ""}})
    }

    fn named(messages: &[Value], state: &Value) -> Vec<String> {
        let report = Report::of_messages(messages);
        let recorded = Recorded::of_text(&state.to_string()).expect("a state");
        Unrecorded::between(&report, &recorded).named()
    }

    fn state(id: &str) -> Value {
        json!({"resources": [{
            "mode": "managed", "type": "r", "name": "a",
            "instances": [{"index_key": "${x}", "attributes": {"id": id}}],
        }]})
    }

    /// As the stream writes it.
    const ADDRESS: &str = r#"r.a["$${x}"]"#;

    #[test]
    fn resources_are_compared_by_their_ids() {
        let created = [hook("apply_complete", ADDRESS, "create", Some("new"))];
        assert_eq!(named(&created, &state("new")), Vec::<String>::new());
        let missing = [format!("{ADDRESS} (created, id new)")];
        assert_eq!(named(&created, &state("old")), missing);
        assert_eq!(named(&created, &json!({})), missing);
        // Without an ID there is the address alone, at which the one before it was destroyed.
        let unknown = [hook("apply_complete", ADDRESS, "create", None)];
        assert_eq!(named(&unknown, &state("old")), Vec::<String>::new());
        let planned = json!({"type": "planned_change", "change": {"resource": {"addr": ADDRESS}, "action": "replace"}});
        let replaced = [planned, hook("apply_complete", ADDRESS, "create", None)];
        assert_eq!(named(&replaced, &state("old")), [format!("{ADDRESS} (created)")]);
    }

    #[test]
    fn a_failed_resource_may_exist_unless_terraform_and_its_provider_ended() {
        let failed = [
            hook("apply_start", "r.b", "create", None),
            hook("apply_errored", "r.b", "create", None),
        ];
        let with = |more: &[Value]| named(&[failed.as_slice(), more].concat(), &state("old"));
        assert_eq!(with(&[]), ["r.b (create failed)"]);
        assert_eq!(with(&[error("Plugin did not respond")]), ["r.b (create failed)"]);
        assert_eq!(with(&[error("AccessDenied")]), Vec::<String>::new());
    }

    #[test]
    fn an_encrypted_state_is_believed_if_terraform_came_to_its_end() {
        let encrypted = json!({"encrypted_data": "x"});
        let created = hook("apply_complete", "r.b", "create", Some("1"));
        assert_eq!(
            named(&[created.clone(), error("AccessDenied")], &encrypted),
            Vec::<String>::new()
        );
        assert_eq!(named(&[created], &encrypted), ["r.b (created, id 1)"]);
    }
}
