//! Application Auto Scaling, as far as the autoscaler of a service has to be suspended and resumed.
//!
//! Two operations are called, so they are called by hand, as those of RDS.
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-suspend-resume-scaling.html>

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slipway_aws::signed::{Call, Service};
use slipway_model::operation::quiesce::Suspended;

use crate::{StepError, aws};

/// As the SDK knows it.
const SERVICE: Service = Service {
    id: "Application Auto Scaling",
    name: "application-autoscaling",
};

/// Application Auto Scaling in one account and Region.
#[derive(Debug, Clone)]
pub(crate) struct Autoscaling {
    sdk: SdkConfig,
}

/// `SuspendedState` as it goes over the wire. AWS omits what is false.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SuspendedState {
    dynamic_scaling_in_suspended: bool,
    dynamic_scaling_out_suspended: bool,
    scheduled_scaling_suspended: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Targets {
    #[serde(default)]
    scalable_targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    #[serde(default)]
    suspended_state: SuspendedState,
}

/// The error of a service, in JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refused {
    #[serde(rename = "__type")]
    code: String,
    #[serde(alias = "Message")]
    message: String,
}

impl Autoscaling {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone() }
    }

    /// The suspended activities of a service's autoscaler; none if it has no autoscaler.
    pub(crate) async fn suspended(&self, cluster: &str, service: &str) -> Result<Option<Suspended>, StepError> {
        let doing = format!("read the autoscaler of the service `{service}`");
        let ids = json!({"ServiceNamespace": "ecs", "ResourceIds": [resource(cluster, service)]});
        let target = "AnyScaleFrontendService.DescribeScalableTargets";
        let answer = self.call(&doing, target, &ids).await?;
        let targets: Targets = serde_json::from_str(&answer).map_err(|error| StepError::Unavailable {
            doing,
            source: Box::new(error),
        })?;
        Ok(targets.scalable_targets.first().map(|target| Suspended {
            scale_in: target.suspended_state.dynamic_scaling_in_suspended,
            scale_out: target.suspended_state.dynamic_scaling_out_suspended,
            scheduled: target.suspended_state.scheduled_scaling_suspended,
        }))
    }

    /// Suspends these activities of a service's autoscaler and resumes the others. Its bounds remain.
    pub(crate) async fn suspend(&self, cluster: &str, service: &str, suspended: Suspended) -> Result<(), StepError> {
        let doing = format!("suspend or resume the autoscaler of the service `{service}`");
        let body = json!({
            "ServiceNamespace": "ecs",
            "ResourceId": resource(cluster, service),
            "ScalableDimension": "ecs:service:DesiredCount",
            "SuspendedState": SuspendedState {
                dynamic_scaling_in_suspended: suspended.scale_in,
                dynamic_scaling_out_suspended: suspended.scale_out,
                scheduled_scaling_suspended: suspended.scheduled,
            },
        });
        let target = "AnyScaleFrontendService.RegisterScalableTarget";
        self.call(&doing, target, &body).await.map(drop)
    }

    async fn call(&self, doing: &str, target: &'static str, body: &Value) -> Result<String, StepError> {
        let region = self.sdk.region().map(ToString::to_string).unwrap_or_default();
        let call = Call {
            path: "/".to_owned(),
            content_type: "application/x-amz-json-1.1",
            header: Some(("x-amz-target", target)),
            body: body.to_string(),
        };
        let answer = SERVICE.send(&self.sdk, &region, call).await;
        let (status, body) = answer.map_err(|source| StepError::Unavailable {
            doing: doing.to_owned(),
            source,
        })?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let Refused { code, message } = serde_json::from_str(&body).unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default();
        let source = format!("{code}: {message}").into();
        Err(aws::sorted(doing.to_owned(), status, code, &message, source))
    }
}

/// The resource ID of a service. A cluster is named by its ARN or by its name.
fn resource(cluster: &str, service: &str) -> String {
    let cluster = cluster.rsplit('/').next().unwrap_or_default();
    format!("service/{cluster}/{service}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_id_has_the_name_of_the_cluster() {
        let arn = "arn:aws:ecs:us-east-1:000000000000:cluster/main";
        assert_eq!(resource(arn, "worker"), "service/main/worker");
        assert_eq!(resource("main", "worker"), "service/main/worker");
    }

    #[test]
    fn absent_flag_is_not_suspended() {
        let answer = r#"{"ScalableTargets": [{"SuspendedState": {"DynamicScalingInSuspended": true}}, {}]}"#;
        let targets: Targets = serde_json::from_str(answer).expect("an answer");
        let state = |at: usize| &targets.scalable_targets[at].suspended_state;
        assert!(state(0).dynamic_scaling_in_suspended && !state(0).dynamic_scaling_out_suspended);
        assert!(!state(1).dynamic_scaling_in_suspended);
    }
}
