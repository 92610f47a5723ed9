//! Steps of the workflow that wait for the end of an ECS deployment.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use slipway_model::id::OperationId;
use slipway_model::operation::current_name;

use crate::idempotency::expiry;
use crate::item::encode;
use crate::query::Query;
use crate::table::{self, EXPIRES_AT, Index, Key, LISTED};
use crate::write::{Condition, Write, Written};
use crate::{Error, PAGE, Store};

/// How long a token is kept: longer than a step may wait.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A step of the workflow that waits for an ECS deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The ARN of the ECS service.
    pub service: String,
    /// The id of the deployment: `ecs-svc/…`.
    pub deployment: String,
    /// The task token that its end answers.
    pub token: String,
    /// The operation whose step waits.
    pub operation: OperationId,
    /// The name of the step.
    #[serde(deserialize_with = "current_name")]
    pub step: String,
}

impl Store {
    /// Keeps the token of a step that waits; a repeated step's token takes the place of the earlier one.
    pub async fn put_rollout(&self, rollout: &Rollout) -> Result<(), Error> {
        let places = vec![
            (LISTED, rollout.step.clone()),
            (Index::Collection.partition(), table::rollouts_of(&rollout.operation)),
        ];
        let mut item = encode(&rollout.key(), places, rollout)?;
        item.insert(EXPIRES_AT.to_owned(), expiry(Timestamp::now(), KEPT));
        let writes = vec![Write::Put(item, Condition::Always)];
        match self.write("keep the token of a rollout", writes).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(Error::Conflict {
                what: format!("the rollout {}", rollout.deployment),
            }),
        }
    }

    /// The step that waits for this deployment.
    pub async fn rollout(&self, service: &str, deployment: &str) -> Result<Option<Rollout>, Error> {
        self.get(&Key::rollout(service, deployment)).await
    }

    /// The rollouts that an operation waits for; one of this moment may be missing.
    pub async fn rollouts(&self, operation: &OperationId) -> Result<Vec<Rollout>, Error> {
        let query = Query::of_index(Index::Collection, table::rollouts_of(operation));
        Ok(self.indexed_page(&query, PAGE, None).await?.items)
    }

    /// Forgets a step whose token was answered. Reading and forgetting are two calls, so that an answer that did not reach Step
    /// Functions can be sent again; a token that a repeated step has put in its place since stays.
    pub async fn forget_rollout(&self, rollout: &Rollout) -> Result<(), Error> {
        let condition = Condition::Text("token", rollout.token.clone());
        let writes = vec![Write::Delete(rollout.key(), condition)];
        match self.write("forget a rollout", writes).await? {
            Written::Yes | Written::Conflict => Ok(()),
        }
    }
}

impl Rollout {
    fn key(&self) -> Key {
        Key::rollout(&self.service, &self.deployment)
    }
}
