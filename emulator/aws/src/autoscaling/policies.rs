//! The calls on scaling policies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::metric::{self, Specification};
use super::targets::{DIMENSION, NAMESPACE, Target, check, no_target, parts};
use super::{Autoscaling, POLICY, TARGET, invalid};
use crate::wire::{AwsError, arn, epoch_seconds, input, request_id};

const TRACKING: &str = "TargetTrackingScaling";
/// How long a count must have been too high when a policy says nothing of it, as on AWS for ECS.
const COOLDOWN: u32 = 300;

/// A scaling policy, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Policy {
    name: String,
    target: String,
    arn: String,
    created: Timestamp,
    /// `TargetTrackingScalingPolicyConfiguration`, as it was given.
    configuration: Value,
    /// What the configuration says.
    pub(super) queue: String,
    pub(super) target_value: f64,
    pub(super) scale_in_cooldown: u32,
    pub(super) disable_scale_in: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutScalingPolicy {
    policy_name: String,
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
    policy_type: Option<String>,
    target_tracking_scaling_policy_configuration: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Configuration {
    target_value: f64,
    customized_metric_specification: Option<Specification>,
    scale_in_cooldown: Option<u32>,
    /// Of no meaning here: the count follows the whole queue, and no task is counted twice.
    #[serde(rename = "ScaleOutCooldown")]
    _scale_out_cooldown: Option<u32>,
    #[serde(default)]
    disable_scale_in: bool,
    predefined_metric_specification: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteScalingPolicy {
    policy_name: String,
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeScalingPolicies {
    #[serde(default)]
    policy_names: Vec<String>,
    service_namespace: String,
    resource_id: Option<String>,
    scalable_dimension: Option<String>,
}

/// The policies of a target are next to each other in the ledger.
pub(super) fn prefix(target: &str) -> String {
    format!("{target}#")
}

impl Autoscaling {
    /// Putting a policy of the same name again replaces it.
    pub(super) fn put_scaling_policy(&self, request: PutScalingPolicy) -> Result<Value, AwsError> {
        let id = request.resource_id;
        check(&request.service_namespace, &request.scalable_dimension)?;
        check_name(&request.policy_name)?;
        if request.policy_type.is_some_and(|kind| kind != TRACKING) {
            return Err(invalid(format!("PolicyType: this emulator supports {TRACKING}.")));
        }
        let configuration = request.target_tracking_scaling_policy_configuration;
        let configuration = configuration
            .ok_or_else(|| invalid("TargetTrackingScalingPolicyConfiguration is needed for this PolicyType."))?;
        let read: Configuration = input(configuration.clone())?;
        if !(read.target_value.is_finite() && read.target_value > 0.0) {
            return Err(invalid("TargetValue must be greater than 0."));
        }
        let (cluster, service) = parts(&id)?;
        let queue = match (
            &read.customized_metric_specification,
            &read.predefined_metric_specification,
        ) {
            (Some(metric), None) => metric.queue(cluster, service)?,
            _ => return Err(metric::refused("CustomizedMetricSpecification is what it is given in")),
        };
        let key = format!("{}{}", prefix(&id), request.policy_name);
        let policy = self.ledger.transaction(|ledger| {
            if ledger.get::<Target>(TARGET, &id)?.is_none() {
                return Err(no_target(&id));
            }
            let known = ledger.get::<Policy>(POLICY, &key)?;
            let policy = Policy {
                created: known.as_ref().map_or_else(Timestamp::now, |known| known.created),
                arn: known.map_or_else(|| new_arn(&id, &request.policy_name), |known| known.arn),
                name: request.policy_name,
                target: id,
                queue,
                target_value: read.target_value,
                scale_in_cooldown: read.scale_in_cooldown.unwrap_or(COOLDOWN),
                disable_scale_in: read.disable_scale_in,
                configuration,
            };
            ledger.put(POLICY, &key, &policy)?;
            Ok(policy)
        })?;
        Ok(json!({"PolicyARN": policy.arn, "Alarms": []}))
    }

    pub(super) fn delete_scaling_policy(&self, request: &DeleteScalingPolicy) -> Result<Value, AwsError> {
        check(&request.service_namespace, &request.scalable_dimension)?;
        let (target, name) = (&request.resource_id, &request.policy_name);
        if self.ledger.delete(POLICY, &format!("{}{name}", prefix(target)))? {
            return Ok(json!({}));
        }
        let message = format!(
            "No scaling policy found for service namespace: {NAMESPACE}, resource ID: {target}, scalable dimension: \
             {DIMENSION}, policy name: {name}"
        );
        Err(AwsError::new("ObjectNotFoundException", message))
    }

    pub(super) fn describe_scaling_policies(&self, request: &DescribeScalingPolicies) -> Result<Value, AwsError> {
        check(
            &request.service_namespace,
            request.scalable_dimension.as_deref().unwrap_or(DIMENSION),
        )?;
        let mut policies = self.ledger.list::<Policy>(POLICY)?;
        let names = &request.policy_names;
        policies.retain(|(_, policy)| {
            (names.is_empty() || names.contains(&policy.name))
                && request.resource_id.as_ref().is_none_or(|id| *id == policy.target)
        });
        let shown = policies.iter().map(|(_, policy)| {
            json!({
                "PolicyARN": policy.arn,
                "PolicyName": policy.name,
                "ServiceNamespace": NAMESPACE,
                "ResourceId": policy.target,
                "ScalableDimension": DIMENSION,
                "PolicyType": TRACKING,
                "TargetTrackingScalingPolicyConfiguration": policy.configuration,
                "Alarms": [],
                "CreationTime": epoch_seconds(policy.created),
            })
        });
        Ok(json!({"ScalingPolicies": shown.collect::<Vec<_>>()}))
    }
}

fn check_name(name: &str) -> Result<(), AwsError> {
    if (1..=256).contains(&name.len()) && !name.contains(|c: char| c.is_control()) {
        return Ok(());
    }
    Err(invalid("PolicyName must have 1 to 256 characters."))
}

fn new_arn(target: &str, name: &str) -> String {
    let id = request_id();
    arn(
        "autoscaling",
        &format!("scalingPolicy:{id}:resource/{NAMESPACE}/{target}:policyName/{name}"),
    )
}
