//! The place of an operation in the queue of its stack, and what it waits for.

use serde_json::Value;
use slipway_api_types::Operation;
use slipway_model::operation::OperationKind;

use crate::client::Client;
use crate::hint;
use crate::operation_text::title;
use crate::stack_id::operations_of;

/// Its position and what comes before it, in words. None if it is not queued. If the stack cannot be read, the position alone.
pub async fn queue_place(operation: &Operation, client: &Client) -> Option<String> {
    let position = operation.position?;
    let stack: Option<Value> = client.get(&operation.links.stack).await.ok();
    let Some(stack) = stack else {
        return Some(format!("position {position}"));
    };
    let operations = operations_of(&stack, client).await;
    Some(place(position, &stack, &operations))
}

fn place(position: usize, stack: &Value, operations: &[Operation]) -> String {
    let active = stack["active_operation"].as_str();
    let active = active.map(|id| match operations.iter().find(|operation| operation.id == id) {
        Some(plan) if plan.waits_for_decision() => {
            let sheet = hint::command(&format!("sheet {id}"));
            format!("; {} {id} waits for an approval: {sheet}", title(plan))
        }
        Some(active) => format!("; {} {id} is in progress", title(active)),
        None => format!("; {id} is in progress"),
    });
    let is_before = |other: &&Operation| other.position.is_some_and(|before| before < position);
    let mut before = operations.iter().filter(is_before);
    let destroy = before.find(|other| other.kind == OperationKind::Destroy);
    let destroy = destroy.map(|destroy| {
        let id = &destroy.id;
        format!("; destroy {id} is before it, and cancels it if it succeeds")
    });
    format!(
        "position {position}{}{}",
        active.unwrap_or_default(),
        destroy.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::example;

    fn operation(kind: &str, status: &str, position: Option<usize>) -> Operation {
        let id = format!("op-{kind}");
        example::operation(&json!({"id": id, "kind": kind, "status": status, "position": position}))
    }

    #[test]
    fn queued_operation_names_what_it_waits_for() {
        let stack = json!({"active_operation": "op-update"});
        assert_eq!(
            place(2, &stack, &[operation("update", "waiting_for_approval", None)]),
            "position 2; update op-update waits for an approval: slipway sheet op-update"
        );
        assert_eq!(
            place(2, &stack, &[operation("update", "running", None)]),
            "position 2; update op-update is in progress"
        );
        assert_eq!(place(2, &stack, &[]), "position 2; op-update is in progress");
        assert_eq!(place(1, &json!({"active_operation": null}), &[]), "position 1");
    }

    #[test]
    fn operation_behind_a_queued_destroy_names_it() {
        let stack = json!({"active_operation": null});
        let destroy = [operation("destroy", "queued", Some(2))];
        assert_eq!(
            place(3, &stack, &destroy),
            "position 3; destroy op-destroy is before it, and cancels it if it succeeds"
        );
        assert_eq!(place(1, &stack, &destroy), "position 1");
    }
}
