//! Service deployments and service revisions: how each deployment of a service ended, for every kind of service.
//!
//! AWS keeps them for 90 days (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html>); here they are
//! those that the service still shows. As on AWS, a revision's ARN ends with the digits of the deployment's id.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clusters::cluster_arn;
use super::service::{Deployment, RolloutState, Service};
use super::services::service_name;
use super::shift::Hook;
use super::{Ecs, SERVICE, invalid_parameter};
use crate::wire::{AwsError, arn, epoch_seconds, input};

/// What AWS takes in one call.
const MOST_ARNS: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListInput {
    cluster: Option<String>,
    service: String,
    #[serde(default)]
    status: Vec<String>,
    #[serde(default)]
    created_at: CreatedAt,
}

/// Times in seconds since 1970.
#[derive(Default, Deserialize)]
struct CreatedAt {
    after: Option<f64>,
    before: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeploymentsInput {
    service_deployment_arns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RevisionsInput {
    service_revision_arns: Vec<String>,
}

impl Ecs {
    pub(super) fn list_service_deployments(&self, body: Value) -> Result<Value, AwsError> {
        let list: ListInput = input(body)?;
        let cluster = self.shared.cluster(list.cluster.as_deref())?;
        let key = format!("{cluster}/{}", service_name(&list.service));
        let Some(service) = self.shared.host.ledger.get::<Service>(SERVICE, &key)? else {
            return Err(AwsError::new("ServiceNotFoundException", "Service not found."));
        };
        let CreatedAt { after, before } = list.created_at;
        let mut found: Vec<&Deployment> = service.deployments.iter().collect();
        found.retain(|deployment| {
            let created = seconds(deployment.created_at);
            let status = service.status_of(deployment);
            after.is_none_or(|after| created > after)
                && before.is_none_or(|before| created < before)
                && (list.status.is_empty() || list.status.iter().any(|asked| asked == status))
        });
        found.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
        let briefs: Vec<Value> = found.into_iter().map(|deployment| service.brief(deployment)).collect();
        Ok(json!({"serviceDeployments": briefs}))
    }

    pub(super) fn describe_service_deployments(&self, body: Value) -> Result<Value, AwsError> {
        let describe: DeploymentsInput = input(body)?;
        let asked = describe.service_deployment_arns;
        let (found, failures) = self.each(&asked, "service-deployment", |service, deployment| {
            let mut whole = service.brief(deployment);
            whole["targetServiceRevision"] = json!({"arn": service.part_arn("service-revision", deployment)});
            whole["deploymentConfiguration"] = json!(service.configuration);
            service.add_shift(deployment, &mut whole);
            whole["updatedAt"] = epoch_seconds(deployment.updated_at);
            whole
        })?;
        Ok(json!({"serviceDeployments": found, "failures": failures}))
    }

    pub(super) fn describe_service_revisions(&self, body: Value) -> Result<Value, AwsError> {
        let describe: RevisionsInput = input(body)?;
        let asked = describe.service_revision_arns;
        let (found, failures) = self.each(&asked, "service-revision", |service, deployment| {
            json!({
                "serviceRevisionArn": service.part_arn("service-revision", deployment),
                "serviceArn": service.arn(),
                "clusterArn": cluster_arn(&service.cluster),
                "taskDefinition": deployment.definition,
                "createdAt": epoch_seconds(deployment.created_at),
            })
        })?;
        Ok(json!({"serviceRevisions": found, "failures": failures}))
    }

    /// What `show` says of the deployment that each ARN names, and the ARNs that name none.
    fn each(
        &self,
        arns: &[String],
        kind: &str,
        show: impl Fn(&Service, &Deployment) -> Value,
    ) -> Result<(Vec<Value>, Vec<Value>), AwsError> {
        if arns.is_empty() || arns.len() > MOST_ARNS {
            return Err(invalid_parameter("1 to 20 ARNs are taken."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for asked in arns {
            // `arn:aws:ecs:REGION:ACCOUNT:service-deployment/CLUSTER/SERVICE/ID`
            let parts: Vec<&str> = asked.split('/').collect();
            let [start, cluster, name, id] = parts[..] else {
                return Err(invalid_parameter(format!("{asked} is not the ARN of a {kind}.")));
            };
            if !start.ends_with(&format!(":{kind}")) {
                return Err(invalid_parameter(format!("{asked} is not the ARN of a {kind}.")));
            }
            let service = self
                .shared
                .host
                .ledger
                .get::<Service>(SERVICE, &format!("{cluster}/{name}"))?;
            let shown = service.and_then(|service| {
                let deployment = service.deployments.iter().find(|known| digits(known) == id)?;
                Some(show(&service, deployment))
            });
            match shown {
                Some(shown) => found.push(shown),
                None => failures.push(json!({"arn": asked, "reason": "MISSING"})),
            }
        }
        Ok((found, failures))
    }
}

impl Service {
    fn brief(&self, deployment: &Deployment) -> Value {
        json!({
            "serviceDeploymentArn": self.part_arn("service-deployment", deployment),
            "serviceArn": self.arn(),
            "clusterArn": cluster_arn(&self.cluster),
            "createdAt": epoch_seconds(deployment.created_at),
            "startedAt": epoch_seconds(deployment.created_at),
            "targetServiceRevisionArn": self.part_arn("service-revision", deployment),
            "status": self.status_of(deployment),
            "statusReason": deployment.reason,
        })
    }

    /// The stage, the weights and the pauses of a progressive deployment.
    fn add_shift(&self, deployment: &Deployment, shown: &mut Value) {
        let Some(shift) = &deployment.shift else { return };
        let percent = match deployment.state {
            RolloutState::Failed => 0.0,
            RolloutState::InProgress | RolloutState::Completed => shift.percent,
        };
        shown["lifecycleStage"] = json!(shift.stage);
        shown["targetServiceRevision"]["requestedProductionTrafficWeight"] = json!(percent);
        if let Some(source) = self.deployments.iter().find(|known| known.id == shift.source) {
            let source = self.part_arn("service-revision", source);
            shown["sourceServiceRevisions"] =
                json!([{"arn": source, "requestedProductionTrafficWeight": 100.0 - percent}]);
        }
        let hook = |hook: &Hook| {
            json!({
                "hookId": hook.id,
                "targetType": "PAUSE",
                "status": hook.status,
                "expiresAt": epoch_seconds(hook.expires_at),
                "timeoutAction": hook.action,
            })
        };
        let present = shift.hooks.iter().filter(|hook| hook.stage == shift.stage);
        shown["lifecycleHookDetails"] = present.map(hook).collect();
        if deployment.state == RolloutState::Failed {
            shown["rollback"] = json!({"reason": deployment.reason, "startedAt": epoch_seconds(deployment.updated_at)});
        }
    }

    fn part_arn(&self, kind: &str, deployment: &Deployment) -> String {
        let (cluster, name) = (&self.cluster, &self.name);
        arn("ecs", &format!("{kind}/{cluster}/{name}/{}", digits(deployment)))
    }

    /// One whose circuit breaker opened is rolled back with the deployment that took its place, or stopped where none did.
    fn status_of(&self, deployment: &Deployment) -> &'static str {
        match deployment.state {
            // A deployment to which the service is rolled back has completed before.
            RolloutState::InProgress if deployment.has_completed => "SUCCESSFUL",
            RolloutState::InProgress => "IN_PROGRESS",
            RolloutState::Completed => "SUCCESSFUL",
            RolloutState::Failed => match self.primary() {
                Some(primary) if primary.id == deployment.id => "STOPPED",
                Some(primary) if primary.state == RolloutState::InProgress => "ROLLBACK_IN_PROGRESS",
                Some(primary) if primary.state == RolloutState::Failed => "ROLLBACK_FAILED",
                _ => "ROLLBACK_SUCCESSFUL",
            },
        }
    }
}

/// The part of a deployment's id after `ecs-svc/`.
pub(super) fn digits(deployment: &Deployment) -> &str {
    deployment.id.rsplit('/').next().unwrap_or_default()
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}
