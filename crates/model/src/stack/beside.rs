//! The place beside an update whose plan waits for its approval, which may take days.
//!
//! Operations that leave the infrastructure alone run there, one after another in the order of the queue. They pass the waiting update
//! and queued updates, none of which they depend on: each was judged by the stack as it is. Nothing passes a destroy.
//!
//! The first approval closes the place, and takes it empty: nothing that runs there changes what other approvers agree to, and an apply
//! runs alone. An approval that finds it taken keeps it for a while. So operations which follow each other without a gap do not keep the
//! plan from its approvals.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Stack;
use crate::id::OperationId;

/// How long the place is kept for an approver who found it taken.
const KEPT: SignedDuration = SignedDuration::from_mins(15);

/// The place beside the operation that has the slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// The operation that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// Until when no other operation gets it, because an approver waits until it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}

impl Beside {
    /// The place, which this operation has.
    pub fn of(operation: OperationId) -> Self {
        Self {
            operation: Some(operation),
            kept_until: None,
        }
    }

    /// Keeps the place for an approver: no other operation gets it for a while.
    pub fn keep(&mut self, now: Timestamp) {
        self.kept_until = Some(now.saturating_add(KEPT).unwrap_or(Timestamp::MAX));
    }

    fn is_free(&self, now: Timestamp) -> bool {
        self.operation.is_none() && self.kept_until.is_none_or(|until| until <= now)
    }
}

/// Where an operation in progress is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It has the slot.
    Slot,
    /// It runs beside the one that has.
    Beside,
}

impl Stack {
    /// The operation beside the one that has the slot.
    pub fn operation_beside(&self) -> Option<&OperationId> {
        self.beside.as_ref()?.operation.as_ref()
    }

    /// The operations in progress: the one that has the slot, then the one beside it.
    pub fn in_progress(&self) -> impl DoubleEndedIterator<Item = &OperationId> {
        self.active_operation.iter().chain(self.operation_beside())
    }

    /// Where this operation is; none if it is not in progress.
    pub fn place(&self, operation: &OperationId) -> Option<Place> {
        if self.active_operation.as_ref() == Some(operation) {
            return Some(Place::Slot);
        }
        (self.operation_beside() == Some(operation)).then_some(Place::Beside)
    }

    /// Whether an operation may begin beside the one that has the slot.
    pub fn has_place_beside(&self, now: Timestamp) -> bool {
        self.beside.as_ref().is_some_and(|beside| beside.is_free(now))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::name::Digest;

    #[test]
    fn record_has_a_place_beside_only_where_it_says_so() {
        let ids = [OperationId::generate(), OperationId::generate()];
        let stack = |fields: Value| -> Stack {
            let at = "2026-01-01T00:00:00Z";
            let mut record = json!({
                "id": "lusab-babad", "name": "shop", "environment": "live", "owner": "ann", "status": "updating", "revision": 7,
                "configuration": {"blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "variables": {}, "sensitive": []},
                "last_release": 0, "active_operation": ids[0], "created_at": at, "updated_at": at,
            });
            let fields = fields.as_object().cloned().expect("fields");
            record.as_object_mut().expect("a record").extend(fields);
            serde_json::from_value(record).expect("a stack")
        };
        let (earlier, empty) = (stack(json!({})), stack(json!({"beside": {}})));
        let taken = stack(json!({"beside": {"operation": ids[1]}}));
        let now = Timestamp::UNIX_EPOCH;
        assert!(!earlier.has_place_beside(now) && empty.has_place_beside(now) && !taken.has_place_beside(now));
        let mut kept = empty.clone();
        kept.beside.as_mut().expect("a place").keep(now);
        assert!(!kept.has_place_beside(now) && kept.has_place_beside(now + KEPT));
        assert_eq!(taken.in_progress().collect::<Vec<_>>(), [&ids[0], &ids[1]]);
        assert_eq!(taken.place(&ids[0]), Some(Place::Slot));
        assert_eq!(taken.place(&ids[1]), Some(Place::Beside));
        assert_eq!(empty.place(&ids[1]), None);
        for record in [earlier, empty, taken, kept] {
            let text = serde_json::to_value(&record).expect("JSON");
            assert_eq!(serde_json::from_value::<Stack>(text).expect("a stack"), record);
        }
    }
}
