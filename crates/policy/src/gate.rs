//! The policies of an installation. They are loaded with the first question, and again when their revision changes: a function that
//! asks nothing pays nothing, and a change holds from the next question on.

use std::sync::{Arc, Mutex, PoisonError};

use slipway_model::environment::Environment;
use slipway_model::name::Name;
use slipway_model::operation::Operation;
use slipway_model::policy::PolicyHead;
use slipway_model::stack::Stack;
use slipway_store::Store;

use crate::facts::EnvironmentFacts;
use crate::policies::Policies;
use crate::text::Invalid;

/// Why there are no policies to ask. Nothing is permitted then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table could not be read.
    #[error("the policies could not be read")]
    Store(#[from] slipway_store::Error),
    /// A stored policy does not parse: it was written by hand, or by another version.
    #[error("the stored policies are not valid")]
    Invalid(#[from] Invalid),
}

/// The policies of an installation. Clones share what is loaded.
#[derive(Debug, Clone)]
pub struct Gate {
    store: Store,
    loaded: Arc<Mutex<Option<Loaded>>>,
}

/// Policies, and the revision that they are.
#[derive(Debug)]
struct Loaded {
    revision: u64,
    policies: Arc<Policies>,
}

impl Gate {
    /// The policies in this table.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            loaded: Arc::default(),
        }
    }

    /// The environment as policies know it. One that does not exist, or cannot be read, counts as protected.
    pub async fn environment(&self, name: &Name) -> Result<EnvironmentFacts, Error> {
        match self.store.environment(name).await {
            Ok(environment) => Ok(EnvironmentFacts::from(&environment)),
            Err(slipway_store::Error::NotFound { .. } | slipway_store::Error::Decode { .. }) => {
                Ok(EnvironmentFacts::unknown(name.as_str()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The stack of an operation, and its environment as policies know it: one request.
    pub async fn stack_and_environment(&self, operation: &Operation) -> Result<(Stack, EnvironmentFacts), Error> {
        let (stack, name) = (&operation.stack, &operation.environment);
        match self.store.stack_and_environment(stack, name).await {
            Ok((stack, environment)) => Ok((stack, EnvironmentFacts::from(&environment))),
            Err(slipway_store::Error::NotFound { .. } | slipway_store::Error::Decode { .. }) => {
                Ok((self.store.stack(stack).await?, EnvironmentFacts::unknown(name.as_str())))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The policies as they are now, and the environment as they know it: one request. With its record, where it exists and can
    /// be read.
    pub async fn policies_and_environment(
        &self,
        name: &Name,
    ) -> Result<(Arc<Policies>, EnvironmentFacts, Option<Environment>), Error> {
        match self.store.environment_and_policy_head(name).await {
            Ok((environment, head)) => {
                let facts = EnvironmentFacts::from(&environment);
                Ok((self.policies_at(head).await?, facts, Some(environment)))
            }
            Err(slipway_store::Error::NotFound { .. } | slipway_store::Error::Decode { .. }) => {
                let facts = EnvironmentFacts::unknown(name.as_str());
                Ok((self.policies().await?, facts, None))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The policies as they are now.
    pub async fn policies(&self) -> Result<Arc<Policies>, Error> {
        let head = self.store.policy_head().await?;
        self.policies_at(head).await
    }

    /// The policies at what was read as their newest revision.
    pub async fn policies_at(&self, head: PolicyHead) -> Result<Arc<Policies>, Error> {
        if let Some(loaded) = &*self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
            && loaded.revision == head.revision
        {
            return Ok(Arc::clone(&loaded.policies));
        }
        let stored = self.store.policies(head.revision).await?;
        let policies = Arc::new(Policies::new(&stored.policies)?);
        let loaded = Loaded {
            revision: head.revision,
            policies: Arc::clone(&policies),
        };
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        Ok(policies)
    }
}
