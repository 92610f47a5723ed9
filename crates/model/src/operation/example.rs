//! An operation for tests.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Operation;
use crate::id::{OperationId, StackId};
use crate::name::Digest;

/// The record of an update that runs, with these fields besides or instead of its own.
pub(crate) fn record(fields: &Value) -> Value {
    let mut record = json!({
        "id": OperationId::generate(), "kind": "update", "stack": StackId::from_bits(7), "stack_name": "shop", "environment": "live",
        "status": "running", "revision": 1, "requested_by": "ann", "created_at": Timestamp::UNIX_EPOCH,
        "configuration": {"blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "variables": {}, "sensitive": []},
    });
    let fields = fields.as_object().cloned().expect("fields");
    record.as_object_mut().expect("a record").extend(fields);
    record
}

/// Likewise, read.
pub(crate) fn operation(fields: &Value) -> Operation {
    serde_json::from_value(record(fields)).expect("an operation")
}
