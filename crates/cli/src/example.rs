//! An operation for tests.

use serde_json::{Value, json};
use slipway_api_types::Operation;

/// The answer about an update that runs, with these fields besides or instead of its own.
pub fn record(fields: &Value) -> Value {
    let mut record = json!({
        "id": "op-1", "kind": "update", "stack": {"id": "lusab-babad", "name": "shop"}, "environment": "live", "status": "running",
        "revision": 4, "created_at": "2026-11-30T00:00:00Z", "requested_by": "ann", "approvals": [],
        "blueprint": {"name": "web", "version": "1.0.0"}, "steps": [], "rollouts": [], "ways_forward": [],
        "links": {"self": "/v1/operations/op-1", "stack": "/v1/stacks/lusab-babad", "logs": "/v1/operations/op-1/logs"},
    });
    let fields = fields.as_object().cloned().expect("fields");
    record.as_object_mut().expect("a record").extend(fields);
    record
}

/// Likewise, read.
pub fn operation(fields: &Value) -> Operation {
    serde_json::from_value(record(fields)).expect("an operation")
}
