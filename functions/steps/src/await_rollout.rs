//! Wait until stable, Wait until restored: the token of the state is answered when ECS has ended the rollout.
//!
//! The token is stored first and the service checked afterwards, so no end of a rollout is missed: an earlier one is found by the
//! check, a later one is an event, which the function `events` handles. The workflow repeats this step now and then, in case an
//! event is lost, or ECS sends none.

use std::collections::HashMap;

use aws_sdk_ecs::types::{CreatedAt, ServiceDeployment};
use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};
use slipway_control::rollout::{self, Ended};
use slipway_model::count::counted;
use slipway_model::id::OperationId;
use slipway_store::pause::PROGRESSIVE;
use slipway_store::rollout::Rollout;

use crate::judge_rollout::{Said, by_rollout_state, by_service_deployments, by_tasks, created};
use crate::payload::Rollout as Deployed;
use crate::progressive::{Seen, progressive_strategy};
use crate::stack_account::{Place, StackAccount};
use crate::state::Direction;
use crate::{Done, StepError, Steps, aws};

/// How far the clocks of Step Functions and of ECS may be apart.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// The most ARNs that `ecs:DescribeServiceDeployments` and `ecs:DescribeServiceRevisions` take in one call.
const ARNS_A_CALL: usize = 20;

/// The state that waits.
#[derive(Debug)]
pub(crate) struct Waits {
    pub token: String,
    pub direction: Direction,
    /// When the workflow entered it, this time.
    pub entered: Timestamp,
    /// The cluster of the service that it waits for.
    pub cluster: String,
}

impl Steps {
    pub(crate) async fn await_rollout(
        &self,
        operation: &OperationId,
        place: &Place,
        waits: Waits,
        rollout: &Deployed,
    ) -> Result<Done, StepError> {
        let step = waits.direction.step_of(&rollout.key);
        let waiting = Rollout {
            step: step.clone(),
            service: rollout.service.clone(),
            deployment: if rollout.progressive {
                PROGRESSIVE.to_owned()
            } else {
                rollout.deployment.clone()
            },
            token: waits.token.clone(),
            operation: operation.clone(),
        };
        self.store.put_rollout(&waiting).await?;
        let begun = self.store.begin_step(operation, &step).await?;
        // A cancel that met the token of an earlier attempt. What is being restored is not cancelled.
        let cancelled = begun
            .cancel_requested()
            .filter(|_| waits.direction == Direction::Release);
        let ended = if let Some(failure) = cancelled {
            Some(Ended::Cancelled(failure.message.clone()))
        } else {
            let account = self.stack_account(place, operation).await?;
            let seen = account.see(&waits, rollout).await?;
            let following = self.follow(begun, &account, waits.direction, rollout, seen);
            let ended = Box::pin(following).await?;
            ended.or_else(|| too_late(rollout, waits.entered))
        };
        if let Some(ended) = ended {
            let answered = rollout::end(&self.store, &self.sfn, &waiting, &ended).await;
            answered.map_err(|error| StepError::unanswered("answer the step that waits for the rollout", error))?;
        }
        Ok(Done {})
    }
}

/// Both times are by the clock of Step Functions.
fn too_late(rollout: &Deployed, entered: Timestamp) -> Option<Ended> {
    let limit = rollout.timeout_seconds;
    let waited = entered.duration_since(rollout.since);
    let is_over = waited >= SignedDuration::from_secs(i64::from(limit));
    is_over.then(|| Ended::Failed(format!("it was not stable within {}", counted(limit, "second"))))
}

impl StackAccount {
    /// How the rollout stands.
    async fn see(&self, waits: &Waits, rollout: &Deployed) -> Result<Seen, StepError> {
        let cluster = &waits.cluster;
        let doing = format!("read the rollout of the service `{}`", rollout.key);
        let Some(service) = self.service(cluster, &rollout.service, &doing).await? else {
            let missing = format!("it no longer exists in the cluster {cluster}");
            return Ok(Seen {
                ended: Some(Ended::Failed(missing)),
                deployment: None,
            });
        };
        let mut said = by_rollout_state(&service, rollout);
        let mut deployment = None;
        if said == Said::Nothing && waits.direction == Direction::Restore {
            // Deployments may be those of the release: what runs decides.
            said = match by_tasks(&service, rollout, waits.direction) {
                Said::InProgress if service.desired_count() > 0 => Said::Nothing,
                said => said,
            };
        }
        if said == Said::Nothing {
            let deployments = self.service_deployments(cluster, rollout).await?;
            let runs = self.task_definitions_of(&deployments, &rollout.key).await?;
            said = by_service_deployments(&deployments, &runs, rollout);
            let strategy = progressive_strategy(&service);
            deployment = strategy.cloned().zip(deployments.into_iter().next());
        }
        if said == Said::Nothing {
            said = by_tasks(&service, rollout, waits.direction);
        }
        Ok(Seen {
            ended: match said {
                Said::Ended(ended) => Some(ended),
                Said::InProgress | Said::Nothing => None,
            },
            deployment,
        })
    }

    /// The service deployments that ECS has begun since the service was updated.
    async fn service_deployments(
        &self,
        cluster: &str,
        rollout: &Deployed,
    ) -> Result<Vec<ServiceDeployment>, StepError> {
        let doing = format!("read the deployments of the service `{}`", rollout.key);
        let since = rollout.since.saturating_sub(SKEW).unwrap_or(rollout.since);
        let after = CreatedAt::builder()
            .after(DateTime::from_millis(since.as_millisecond()))
            .build();
        let listed = self.ecs.list_service_deployments().cluster(cluster);
        let listed = listed.service(&rollout.service).created_at(after).send().await;
        let listed = listed.map_err(|error| aws::failed(doing.clone(), error))?;
        let briefs = listed.service_deployments.unwrap_or_default();
        let mut arns: Vec<String> = briefs
            .into_iter()
            .filter_map(|brief| brief.service_deployment_arn)
            .collect();
        // They come newest first: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/view-service-deployment.html
        arns.truncate(ARNS_A_CALL);
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let described = self.ecs.describe_service_deployments();
        let described = described.set_service_deployment_arns(Some(arns)).send().await;
        let described = described.map_err(|error| aws::failed(doing, error))?;
        let mut deployments = described.service_deployments.unwrap_or_default();
        deployments.sort_by_key(|deployment| std::cmp::Reverse(created(deployment)));
        Ok(deployments)
    }

    /// The task definitions of the service revisions that the deployments lead to, by the revisions' ARNs.
    async fn task_definitions_of(
        &self,
        deployments: &[ServiceDeployment],
        key: &slipway_model::name::Name,
    ) -> Result<HashMap<String, String>, StepError> {
        let targets = deployments
            .iter()
            .filter_map(|deployment| deployment.target_service_revision());
        let mut arns: Vec<String> = targets.filter_map(|target| target.arn().map(str::to_owned)).collect();
        arns.dedup();
        if arns.is_empty() {
            return Ok(HashMap::new());
        }
        let described = self.ecs.describe_service_revisions();
        let described = described.set_service_revision_arns(Some(arns)).send().await;
        let doing = format!("read the revisions of the service `{key}`");
        let described = described.map_err(|error| aws::failed(doing, error))?;
        let revisions = described.service_revisions.unwrap_or_default().into_iter();
        Ok(revisions
            .filter_map(|revision| Some((revision.service_revision_arn?, revision.task_definition?)))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_fails_when_its_time_is_up() {
        let rollout: Deployed = serde_json::from_value(serde_json::json!({
            "key": "web", "service": "arn", "deployment": "", "task_definition": "web:1",
            "since": "2026-01-01T00:00:00Z", "timeout_seconds": 90,
        }))
        .expect("a rollout");
        let after = |seconds: i64| too_late(&rollout, rollout.since + SignedDuration::from_secs(seconds));
        assert_eq!(after(89), None);
        assert!(matches!(after(90), Some(Ended::Failed(text)) if text.contains("90 seconds")));
    }
}
