//! An update whose plan waits for its approval, and the operation that runs beside it ([`crate::stack::beside`]).
//!
//! While the update waits, the stack has its status. The status that the stack has without it is on its record (`found`), which the
//! operation beside it changes. It becomes the stack's if the update ends before its apply.

use jiff::Timestamp;

use super::approval::Undecidable;
use super::work::Work;
use super::{Operation, OperationKind, OperationStatus};
use crate::stack::beside::Beside;
use crate::stack::{IllegalTransition, Stack, StackEvent, StackStatus};

impl Operation {
    /// Whether others may run beside it: it is an update whose plan waits, and has no approval yet. Nothing runs beside a provision, whose
    /// stack has nothing yet, or a destroy.
    pub fn lets_others_beside(&self) -> bool {
        self.status == OperationStatus::WaitingForApproval
            && self.kind() == OperationKind::Update
            && self.approvals.is_empty()
    }

    /// Opens the place beside this operation if others may run there, and returns whether the stack changed.
    pub fn open_beside(&self, stack: &mut Stack) -> bool {
        let opens = self.lets_others_beside() && stack.active_operation.as_ref() == Some(&self.id);
        if opens {
            stack.beside = Some(Beside::default());
        }
        opens
    }

    /// The status that the stack has without this operation, which waits, while `beside` runs or is about to.
    pub fn status_without(&self, beside: &Self) -> Result<StackStatus, IllegalTransition> {
        match beside.found {
            Some(found) => found.after(StackEvent::Begun(beside.kind())),
            None => Ok(self.found_before()),
        }
    }

    /// The status that the stack has without this operation, which waits, and without any beside it.
    pub fn found_before(&self) -> StackStatus {
        self.found.unwrap_or(StackStatus::Failed)
    }

    /// `beside` has ended, and left the stack in this status. After a release, Terraform may give schedules what they ran when this plan
    /// was made; so the update releases the current images again, as after a failure.
    pub fn ended_beside(&mut self, beside: &Self, status: StackStatus) {
        self.found = Some(status);
        let has_released = beside.status == OperationStatus::Succeeded && beside.release().is_some();
        if let Work::Update { mends, .. } = &mut self.work {
            *mends |= has_released || status == StackStatus::Failed;
        }
    }
}

impl Stack {
    /// Closes the place beside a plan that is approved now, and returns whether the stack changed. If an operation has the place, the plan
    /// cannot be approved, and the place is kept for the approver.
    pub fn close_beside(&mut self, now: Timestamp) -> Result<bool, Undecidable> {
        let Some(place) = &mut self.beside else {
            return Ok(false);
        };
        if let Some(runs) = place.operation.clone() {
            place.keep(now);
            return Err(Undecidable::RunsBeside(runs));
        }
        self.beside = None;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::operation::example;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn stack(beside: &Value, active: &Operation) -> Stack {
        let at = "2026-01-01T00:00:00Z";
        let record = json!({
            "id": active.stack, "name": "shop", "environment": "live", "owner": "ann", "status": "updating", "revision": 7,
            "configuration": active.configuration, "last_release": 1, "active_operation": active.id, "beside": beside,
            "created_at": at, "updated_at": at,
        });
        serde_json::from_value(record).expect("a stack")
    }

    #[test]
    fn only_an_update_that_waits_has_a_place_beside_it() {
        let approval = json!({"by": "bob", "at": NOW});
        for (kind, status, approvals, opens) in [
            ("update", "waiting_for_approval", json!([]), true),
            ("update", "waiting_for_approval", json!([approval]), false),
            ("update", "running", json!([]), false),
            ("provision", "waiting_for_approval", json!([]), false),
            ("destroy", "waiting_for_approval", json!([]), false),
        ] {
            let operation = example::operation(&json!({"kind": kind, "status": status, "approvals": approvals}));
            let mut stack = stack(&Value::Null, &operation);
            assert_eq!(operation.open_beside(&mut stack), opens, "{kind} {status} {approvals}");
            assert_eq!(stack.has_place_beside(NOW), opens);
        }
    }

    #[test]
    fn approval_closes_the_place_beside_the_plan_if_that_is_empty() {
        let waits = example::operation(&json!({"status": "waiting_for_approval"}));
        let beside = example::operation(&json!({})).id;
        let mut taken = stack(&json!({"operation": beside}), &waits);
        assert_eq!(taken.close_beside(NOW), Err(Undecidable::RunsBeside(beside)));
        let place = taken.beside.as_ref().expect("a place");
        assert!(place.kept_until.is_some_and(|until| until > NOW));
        let mut empty = stack(&json!({}), &waits);
        assert_eq!(empty.close_beside(NOW), Ok(true));
        assert_eq!(empty.beside, None);
        assert_eq!(
            empty.close_beside(NOW),
            Ok(false),
            "also where an earlier version asked"
        );
    }

    #[test]
    fn release_beside_a_plan_is_released_again_after_its_apply() {
        let waits = example::operation(&json!({"status": "waiting_for_approval", "found": "ready"}));
        let release = |status: &str| {
            example::operation(&json!({"kind": "release", "release": 2, "status": status, "found": "ready"}))
        };
        assert_eq!(waits.status_without(&release("running")), Ok(StackStatus::Releasing));
        for (beside, status, mends) in [
            (release("succeeded"), StackStatus::Ready, true),
            (release("failed"), StackStatus::Ready, false),
            (release("failed"), StackStatus::Failed, true),
            (
                example::operation(&json!({"kind": "drift", "status": "succeeded", "found": "ready"})),
                StackStatus::Ready,
                false,
            ),
        ] {
            let mut waits = waits.clone();
            waits.ended_beside(&beside, status);
            assert_eq!((waits.found, waits.work.mends()), (Some(status), mends), "{beside:?}");
        }
    }
}
