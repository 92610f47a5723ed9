//! The transfer of a stack, which the operations in progress follow.

use jiff::Timestamp;
use serde_json::json;
use slipway_model::audit::{Action, Entry};
use slipway_model::principal::Owner;
use slipway_model::stack::Stack;

use crate::operation::next_revision;
use crate::stack::next_stack_revision;
use crate::watch;
use crate::write::Written;
use crate::{Error, Store};

impl Store {
    /// Gives a stack to another owner, and the operations in progress with it; `None` where one of them was changed since it was read. An
    /// operation that waits follows when it leaves the queue.
    pub async fn transfer_stack(&self, read: &Stack, owner: &Owner, by: &str) -> Result<Option<Stack>, Error> {
        let mut stack = read.clone();
        owner.as_str().clone_into(&mut stack.owner);
        if stack == *read {
            return Ok(Some(stack));
        }
        let now = Timestamp::now();
        let entry = Entry::new(by, Action::Transfer, format!("stack/{}", stack.id)).with_change(
            Some(json!({"owner": read.owner})),
            Some(json!({"owner": stack.owner})),
            |_| false,
        );
        let mut writes = next_stack_revision(&mut stack, now)?;
        for id in stack.in_progress() {
            let mut operation = self.operation(id).await?;
            operation.stack_owner = Some(stack.owner.clone());
            writes.extend(next_revision(&mut operation)?);
        }
        writes.extend(self.audit_writes(entry, now).await?);
        if self.write("transfer a stack", writes).await? == Written::Conflict {
            return Ok(None);
        }
        stack.in_progress().for_each(watch::changed);
        Ok(Some(stack))
    }
}
