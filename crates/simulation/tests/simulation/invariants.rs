//! What must hold while a simulation runs, and at its end. What must hold of records after every write is in `records`.

use std::collections::BTreeSet;

use slipway_model::id::{OperationId, StackId};

use crate::records::{Operation, Records, Stack};
use crate::world::World;

impl World {
    /// A build begins to apply the plan of an operation: for the first time, and with a verdict that allows it.
    pub fn begin_apply(&self, stack: &StackId, operation: &OperationId) {
        let (stack, operation) = (stack.as_str(), operation.as_str());
        if self.states().applies(operation) > 0 {
            self.violate(format!("the plan of {operation} is applied twice"));
        }
        let allowed = self
            .records()
            .operations
            .get(operation)
            .is_some_and(Operation::may_apply);
        if !allowed {
            self.violate(format!(
                "the plan of {operation} is applied without a verdict or an approval"
            ));
        }
        let beside = self
            .records()
            .stacks
            .get(stack)
            // A build whose operation has ended may not have read that yet, whatever has the slot by now.
            .filter(|stack| stack.active_operation() == Some(operation))
            .and_then(Stack::operation_beside)
            .map(str::to_owned);
        if let Some(beside) = beside {
            self.violate(format!(
                "the plan of {operation} is applied, and {beside} runs beside it"
            ));
        }
        if self.acknowledged().rejected.contains(operation) {
            self.violate(format!(
                "the plan of {operation} is applied, and its rejection was acknowledged"
            ));
        }
        self.states().begin_apply(stack, operation);
    }

    /// A build deletes the lock of another: that one has ended.
    pub fn release_lock(&self, stack: &StackId, holder: &str) {
        if self.builds().is_running(holder) {
            self.violate(format!("the lock of {stack} is released while {holder} runs"));
        }
        let mut states = self.states();
        let state = states.of(stack.as_str());
        state.lock = state.lock.take().filter(|lock| lock != holder);
    }

    /// Why the world has not come to rest; `None` where it has.
    pub fn unrest(&self) -> Option<String> {
        let running = self.executions().running();
        if !running.is_empty() {
            return Some(format!("the executions {running:?} run"));
        }
        let records = self.records();
        let open: Vec<&String> = records
            .operations
            .iter()
            .filter(|(_, operation)| !operation.has_ended())
            .map(|(id, _)| id)
            .collect();
        if !open.is_empty() {
            return Some(format!("the operations {open:?} have not ended"));
        }
        let builds = self.builds().running();
        (builds > 0).then(|| format!("{builds} builds run"))
    }

    /// Checks what must hold in the end: nothing that was acknowledged is lost, and the records say what is real.
    pub fn check_end(&self) {
        let wrong = {
            let records = self.records();
            self.lost(&records).or_else(|| self.unreal(&records))
        };
        if let Some(wrong) = wrong {
            self.violate(wrong);
        }
    }

    fn lost(&self, records: &Records) -> Option<String> {
        let acknowledged = self.acknowledged();
        let operation = |id: &String| records.operations.get(id);
        let missing = acknowledged.operations.iter().find(|id| operation(id).is_none());
        if let Some(id) = missing {
            return Some(format!("{id} was acknowledged, and has no record"));
        }
        let (made, requested) = (records.operations.len(), acknowledged.requested);
        if made > requested {
            return Some(format!("{requested} requests made {made} operations"));
        }
        if let Some(key) = self.orders().without_result() {
            return Some(format!("the request `{key}` by event has no result"));
        }
        let wrong = |ids: &BTreeSet<String>, what: &str, holds: &dyn Fn(&Operation) -> bool| {
            let wrong = ids.iter().find(|id| !operation(id).is_some_and(holds));
            wrong.map(|id| {
                let ended =
                    operation(id).map(|operation| (operation.status().to_owned(), operation.failure().to_owned()));
                format!("the {what} of {id} was acknowledged, and it ended as {ended:?}")
            })
        };
        wrong(&acknowledged.cancelled, "cancel", &|operation| {
            operation.status() == "cancelled"
        })
        .or_else(|| {
            wrong(&acknowledged.approved, "approval", &|operation| {
                operation.status() != "discarded" && operation.may_apply()
            })
        })
        .or_else(|| {
            wrong(&acknowledged.rejected, "rejection", &|operation| {
                matches!(operation.status(), "discarded" | "cancelled")
            })
        })
    }

    /// Whether the service of a stack that is `ready` runs something else than its release.
    fn runs_another(&self, id: &str, stack: &Stack, records: &Records) -> bool {
        let ecs = self.ecs();
        let Some((image, desired)) = ecs.runs(id) else {
            return true;
        };
        match stack.current_release().and_then(|number| records.image(id, number)) {
            Some(released) => image != Some(released) || Some(desired) != stack.desired_count(),
            // It has no tasks before its first release.
            None => desired > 0,
        }
    }

    fn unreal(&self, records: &Records) -> Option<String> {
        let mut states = self.states();
        records.stacks.iter().find_map(|(id, stack)| {
            let state = states.of(id);
            let wrong = match stack.status() {
                "ready" => !state.exists || state.partial.is_some() || self.runs_another(id, stack, records),
                "destroyed" => state.exists,
                "failed" => false,
                // No operation is at work on it.
                _ => true,
            };
            let runs = self
                .ecs()
                .runs(id)
                .map(|(image, desired)| (image.map(str::to_owned), desired));
            wrong.then(|| {
                format!(
                    "the stack {id} is {}, and real is {state:?}, which runs {runs:?}",
                    stack.status()
                )
            })
        })
    }
}
