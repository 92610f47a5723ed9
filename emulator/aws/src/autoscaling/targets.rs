//! The calls on scalable targets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Autoscaling, POLICY, TARGET, invalid, policies};
use crate::wire::{AwsError, arn, epoch_seconds, request_id};

pub(super) const NAMESPACE: &str = "ecs";
pub(super) const DIMENSION: &str = "ecs:service:DesiredCount";
/// The role that AWS uses when a request names none.
const SERVICE_ROLE: &str = "arn:aws:iam::000000000000:role/aws-service-role/\
    ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService";

/// A scalable target, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) cluster: String,
    pub(super) service: String,
    least: u32,
    most: u32,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    suspended: SuspendedState,
    created: Timestamp,
    arn: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct SuspendedState {
    dynamic_scaling_in_suspended: bool,
    dynamic_scaling_out_suspended: bool,
    /// There are no scheduled actions here.
    scheduled_scaling_suspended: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RegisterScalableTarget {
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
    min_capacity: Option<u32>,
    max_capacity: Option<u32>,
    #[serde(rename = "RoleARN")]
    role: Option<String>,
    suspended_state: Option<SuspendedState>,
    /// There is one user, so tags distinguish nothing.
    #[serde(rename = "Tags")]
    _tags: Option<Value>,
}

/// The input of the calls that take a target alone.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct OfTarget {
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeScalableTargets {
    service_namespace: String,
    #[serde(default)]
    resource_ids: Vec<String>,
    scalable_dimension: Option<String>,
}

impl Target {
    pub(super) fn within(&self, count: u32) -> u32 {
        count.clamp(self.least, self.most)
    }

    pub(super) fn is_in_suspended(&self) -> bool {
        self.suspended.dynamic_scaling_in_suspended
    }

    pub(super) fn is_out_suspended(&self) -> bool {
        self.suspended.dynamic_scaling_out_suspended
    }
}

impl Autoscaling {
    /// Registering a target again changes what the request names.
    pub(super) async fn register_scalable_target(&self, request: RegisterScalableTarget) -> Result<Value, AwsError> {
        let id = request.resource_id;
        check(&request.service_namespace, &request.scalable_dimension)?;
        let (cluster, service) = parts(&id)?;
        let known = self.ledger.get::<Target>(TARGET, &id)?;
        let needed = |name: &str, given: Option<u32>, before: Option<u32>| {
            let missing = || {
                invalid(format!(
                    "{name} is needed when a target is registered for the first time."
                ))
            };
            given.or(before).ok_or_else(missing)
        };
        let target = Target {
            least: needed(
                "MinCapacity",
                request.min_capacity,
                known.as_ref().map(|known| known.least),
            )?,
            most: needed(
                "MaxCapacity",
                request.max_capacity,
                known.as_ref().map(|known| known.most),
            )?,
            role: request
                .role
                .or_else(|| known.as_ref().and_then(|known| known.role.clone())),
            suspended: request
                .suspended_state
                .unwrap_or_else(|| known.as_ref().map(|known| known.suspended).unwrap_or_default()),
            created: known.as_ref().map_or_else(Timestamp::now, |known| known.created),
            arn: known.map_or_else(new_arn, |known| known.arn),
            cluster: cluster.to_owned(),
            service: service.to_owned(),
        };
        if target.least > target.most {
            return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
        }
        if self.current(&target).await?.is_none() {
            return Err(invalid(format!("ECS service doesn't exist: {id}")));
        }
        self.ledger.put(TARGET, &id, &target)?;
        Ok(json!({"ScalableTargetARN": target.arn}))
    }

    /// Its policies go with it.
    pub(super) fn deregister_scalable_target(&self, request: &OfTarget) -> Result<Value, AwsError> {
        check(&request.service_namespace, &request.scalable_dimension)?;
        let id = &request.resource_id;
        self.ledger.transaction(|ledger| {
            if !ledger.delete(TARGET, id)? {
                return Err(no_target(id));
            }
            for (policy, _) in ledger.list_under::<Value>(POLICY, &policies::prefix(id))? {
                ledger.delete(POLICY, &policy)?;
            }
            Ok(json!({}))
        })
    }

    pub(super) fn describe_scalable_targets(&self, request: &DescribeScalableTargets) -> Result<Value, AwsError> {
        let dimension = request.scalable_dimension.as_deref().unwrap_or(DIMENSION);
        check(&request.service_namespace, dimension)?;
        let mut targets = self.ledger.list::<Target>(TARGET)?;
        let ids = &request.resource_ids;
        targets.retain(|(id, _)| ids.is_empty() || ids.contains(id));
        let shown = targets.iter().map(|(id, target)| {
            json!({
                "ServiceNamespace": NAMESPACE,
                "ResourceId": id,
                "ScalableDimension": DIMENSION,
                "MinCapacity": target.least,
                "MaxCapacity": target.most,
                "RoleARN": target.role.as_deref().unwrap_or(SERVICE_ROLE),
                "CreationTime": epoch_seconds(target.created),
                "SuspendedState": target.suspended,
                "ScalableTargetARN": target.arn,
            })
        });
        Ok(json!({"ScalableTargets": shown.collect::<Vec<_>>()}))
    }
}

/// The emulator scales the tasks of ECS services.
pub(super) fn check(namespace: &str, dimension: &str) -> Result<(), AwsError> {
    if namespace == NAMESPACE && dimension == DIMENSION {
        return Ok(());
    }
    Err(invalid(format!(
        "This emulator scales the ServiceNamespace `{NAMESPACE}` in the ScalableDimension `{DIMENSION}`, not `{namespace}` in \
         `{dimension}`."
    )))
}

/// The cluster and the service of `service/cluster/name`.
pub(super) fn parts(id: &str) -> Result<(&str, &str), AwsError> {
    let mut parts = id.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("service"), Some(cluster), Some(service), None) if !cluster.is_empty() && !service.is_empty() => {
            Ok((cluster, service))
        }
        _ => Err(invalid(format!(
            "ResourceId `{id}` is not of the form service/CLUSTER/NAME."
        ))),
    }
}

pub(super) fn no_target(id: &str) -> AwsError {
    let message = format!(
        "No scalable target found for service namespace: {NAMESPACE}, resource ID: {id}, scalable dimension: {DIMENSION}"
    );
    AwsError::new("ObjectNotFoundException", message)
}

fn new_arn() -> String {
    arn("application-autoscaling", &format!("scalable-target/{}", request_id()))
}
