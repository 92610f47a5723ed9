//! Stacks, and the queues of operations that wait for them.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Name;
use slipway_model::stack::Stack;

use crate::item::{Item, encode, key_attributes, key_of, text};
use crate::notification::notification_writes;
use crate::query::Query;
use crate::table::{Key, QUEUE, stack_places};
use crate::write::{Condition, Write};
use crate::{Error, Store};

/// An operation's place in the queue of its stack.
#[derive(Debug, Clone)]
pub(crate) struct QueuePlace {
    pub key: Key,
    pub operation: OperationId,
}

impl Store {
    /// The stack, also a destroyed one, or [`Error::NotFound`].
    pub async fn stack(&self, id: &StackId) -> Result<Stack, Error> {
        self.require(&Key::stack(id), || format!("stack {id}")).await
    }

    /// The live stack of this name in an environment, or [`Error::NotFound`].
    pub async fn stack_named(&self, environment: &Name, name: &Name) -> Result<Stack, Error> {
        let claim = Key::name(environment, name);
        let missing = || Error::NotFound {
            what: format!("stack `{name}` in the environment `{environment}`"),
        };
        let item = self.get_item(&claim).await?.ok_or_else(missing)?;
        self.stack(&claimed(&claim, &item)?).await
    }

    /// The operations that wait for the stack's slot, the next one first.
    pub async fn queue(&self, stack: &StackId) -> Result<Vec<OperationId>, Error> {
        let places = self.places(stack, None).await?;
        Ok(places.into_iter().map(|place| place.operation).collect())
    }

    /// The place of an operation in its stack's queue, 1 for the next; `None` when it does not wait.
    pub async fn position(&self, stack: &StackId, operation: &OperationId) -> Result<Option<usize>, Error> {
        let queue = self.queue(stack).await?;
        Ok(queue
            .iter()
            .position(|waiting| waiting == operation)
            .map(|index| index + 1))
    }

    /// The first places of a stack's queue, or all of them.
    pub(crate) async fn places(&self, stack: &StackId, most: Option<u16>) -> Result<Vec<QueuePlace>, Error> {
        let partition = Key::stack(stack).pk;
        let query = Query::of_items(&partition, QUEUE);
        let items = self.query_all(&query, most).await?;
        items.iter().map(place).collect()
    }
}

fn place(item: &Item) -> Result<QueuePlace, Error> {
    let key = key_of(item);
    let operation = text(&key, item, "operation")?.parse();
    let operation = operation.map_err(|source| Error::Decode {
        what: key.to_string(),
        source: Box::new(source),
    })?;
    Ok(QueuePlace { key, operation })
}

/// The stack that a claim on a name is of.
pub(crate) fn claimed(claim: &Key, item: &Item) -> Result<StackId, Error> {
    text(claim, item, "stack")?.parse().map_err(|source| Error::Decode {
        what: claim.to_string(),
        source: Box::new(source),
    })
}

/// The item of a place in the queue.
pub(crate) fn place_item(key: &Key, operation: &OperationId) -> Item {
    let mut item = key_attributes(key);
    item.insert("operation".to_owned(), AttributeValue::S(operation.to_string()));
    item
}

/// The writes of a changed stack, under the revision after the one that was read.
pub(crate) fn next_stack_revision(stack: &mut Stack, now: Timestamp) -> Result<Vec<Write>, Error> {
    let read = stack.revision;
    stack.revision += 1;
    stack.updated_at = now;
    stack_writes(stack, Condition::Revision(read), now)
}

/// The writes of a stack, and of the notifications that it owes.
pub(crate) fn stack_writes(stack: &mut Stack, condition: Condition, now: Timestamp) -> Result<Vec<Write>, Error> {
    let made = stack.notifications(now);
    let mut writes = vec![stack_write(stack, condition)?];
    writes.extend(notification_writes(&made)?);
    Ok(writes)
}

/// The write of a stack whose status is as it was read.
pub(crate) fn stack_write(stack: &Stack, condition: Condition) -> Result<Write, Error> {
    let item = encode(&Key::stack(&stack.id), stack_places(stack), stack)?;
    Ok(Write::Put(item, condition))
}
