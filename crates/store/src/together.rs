//! Two records that are needed at the same time, read with one request. [`Error::NotFound`] names the first that is not there.

use serde::de::DeserializeOwned;
use slipway_model::environment::Environment;
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::policy::PolicyHead;
use slipway_model::stack::Stack;

use crate::environment::called;
use crate::table::Key;
use crate::{Error, Store};

impl Store {
    /// The environment, and the newest revision of the policies.
    pub async fn environment_and_policy_head(&self, name: &Name) -> Result<(Environment, PolicyHead), Error> {
        self.record_and_policy_head(Key::environment(name), || called(name))
            .await
    }

    /// The stack, and the newest revision of the policies.
    pub async fn stack_and_policy_head(&self, id: &StackId) -> Result<(Stack, PolicyHead), Error> {
        self.record_and_policy_head(Key::stack(id), || format!("stack {id}"))
            .await
    }

    /// The operation, and the newest revision of the policies.
    pub async fn operation_and_policy_head(&self, id: &OperationId) -> Result<(Operation, PolicyHead), Error> {
        self.record_and_policy_head(Key::operation(id), || format!("operation {id}"))
            .await
    }

    /// The stack and the environment.
    pub async fn stack_and_environment(&self, id: &StackId, name: &Name) -> Result<(Stack, Environment), Error> {
        let keys = [Key::stack(id), Key::environment(name)];
        let (stack, environment) = self.both(&keys).await?;
        let missing = |what| Error::NotFound { what };
        let stack = stack.ok_or_else(|| missing(format!("stack {id}")))?;
        let environment = environment.ok_or_else(|| missing(called(name)))?;
        Ok((stack, environment))
    }

    /// The operation with its stack: one request where the caller knows the ID of the stack, two where it does not.
    pub async fn operation_and_stack(
        &self,
        id: &OperationId,
        stack: Option<&StackId>,
    ) -> Result<(Operation, Stack), Error> {
        let (operation, stack) = match stack {
            Some(stack) => self.both(&[Key::operation(id), Key::stack(stack)]).await?,
            None => (Some(self.operation(id).await?), None),
        };
        let operation: Operation = operation.ok_or_else(|| Error::NotFound {
            what: format!("operation {id}"),
        })?;
        // Nothing follows from the stack of another operation.
        let stack = match stack.filter(|stack: &Stack| stack.id == operation.stack) {
            Some(stack) => stack,
            None => self.stack(&operation.stack).await?,
        };
        Ok((operation, stack))
    }

    async fn record_and_policy_head<T: DeserializeOwned>(
        &self,
        key: Key,
        what: impl FnOnce() -> String,
    ) -> Result<(T, PolicyHead), Error> {
        let (record, head) = self.both(&[key, Key::policy_head()]).await?;
        let record = record.ok_or_else(|| Error::NotFound { what: what() })?;
        Ok((record, head.unwrap_or_default()))
    }

    async fn both<A: DeserializeOwned, B: DeserializeOwned>(
        &self,
        keys: &[Key; 2],
    ) -> Result<(Option<A>, Option<B>), Error> {
        let mut found = self.get_some(keys).await?;
        Ok((found.take(&keys[0])?, found.take(&keys[1])?))
    }
}
