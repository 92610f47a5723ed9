//! What a list of stacks says beside their status.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};
use slipway_model::operation::OperationStatus;

use crate::client::Client;
use crate::error::Error;
use crate::output::text_at;
use crate::stack_view::lacks_release;

/// How many releases are read at once.
const RELEASES_AT_ONCE: usize = 8;

/// Adds to each stack what its status does not say. It is for people only: what cannot be read is left out.
pub async fn note(stacks: &mut [Value], client: &Client) {
    let status = [("status", OperationStatus::WaitingForApproval.to_string())];
    let waiting = if stacks.iter().any(|stack| stack["active_operation"].is_string()) {
        client.list("/v1/operations", &status).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    let waiting: BTreeSet<String> = waiting.iter().map(|operation| text_at(operation, "id")).collect();
    let last: Vec<(String, String)> = stacks.iter().filter_map(unsettled_release).collect();
    let mut failed = BTreeSet::new();
    for some in last.chunks(RELEASES_AT_ONCE) {
        let releases = join_all(some.iter().map(|(_, path)| client.get::<Value>(path))).await;
        let has_failed = |release: &Result<Value, Error>| {
            let status = release.as_ref().ok().map(|release| &release["status"]);
            status.is_some_and(|status| status == "failed")
        };
        let known = some.iter().zip(releases).filter(|(_, release)| has_failed(release));
        failed.extend(known.map(|((id, _), _)| id.clone()));
    }
    for stack in stacks {
        let id = text_at(stack, "id");
        let note = note_of(stack, &waiting, failed.contains(&id));
        stack["note"] = json!(note);
    }
}

/// The ID of a stack, and the path of its last release, if that is not the current one: it may have failed.
fn unsettled_release(stack: &Value) -> Option<(String, String)> {
    let last = stack["last_release"].as_u64().filter(|last| *last > 0)?;
    let is_settled = stack["current_release"].as_u64() == Some(last) || stack["status"] == "destroyed";
    let id = text_at(stack, "id");
    let path = format!("/v1/stacks/{id}/releases/{last}");
    (!is_settled).then_some((id, path))
}

/// What the status of a stack does not say: that it waits for an approval, has no release, or that its last release failed.
fn note_of(stack: &Value, waiting: &BTreeSet<String>, last_release_failed: bool) -> Option<String> {
    let active = stack["active_operation"].as_str();
    let is_waiting = active.is_some_and(|id| waiting.contains(id));
    let notes = [
        is_waiting.then(|| "waits for approval".to_owned()),
        last_release_failed.then(|| format!("release {} failed", text_at(stack, "last_release"))),
        (stack["status"] == "ready" && lacks_release(stack)).then(|| "not released".to_owned()),
    ];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_notes_what_the_status_does_not_say() {
        let waiting = BTreeSet::from(["op-1".to_owned()]);
        let provision = json!({"status": "provisioning", "active_operation": "op-1"});
        assert_eq!(
            note_of(&provision, &waiting, false).as_deref(),
            Some("waits for approval")
        );
        let stack = json!({"id": "lusab-babad", "status": "ready", "services": ["web"], "last_release": 0});
        assert_eq!(note_of(&stack, &waiting, false).as_deref(), Some("not released"));
        assert_eq!(unsettled_release(&stack), None);
        let released = json!({"id": "lusab-babad", "status": "ready", "current_release": 1, "last_release": 2});
        assert_eq!(note_of(&released, &waiting, true).as_deref(), Some("release 2 failed"));
        assert_eq!(note_of(&released, &waiting, false), None);
        let path = "/v1/stacks/lusab-babad/releases/2".to_owned();
        assert_eq!(unsettled_release(&released), Some(("lusab-babad".to_owned(), path)));
        let current = json!({"id": "lusab-babad", "status": "ready", "current_release": 2, "last_release": 2});
        assert_eq!(unsettled_release(&current), None);
    }
}
