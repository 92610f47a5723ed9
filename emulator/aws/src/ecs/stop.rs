//! The calls that decide about a deployment in progress: `ContinueServiceDeployment`, `StopServiceDeployment`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::scheduler::Message;
use super::strategy::HookAction;
use super::{Ecs, invalid_parameter};
use crate::wire::{AwsError, input};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContinueInput {
    service_deployment_arn: String,
    hook_id: String,
    action: Option<HookAction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopInput {
    service_deployment_arn: String,
    #[serde(default)]
    stop_type: StopType,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum StopType {
    #[default]
    Rollback,
}

impl Ecs {
    pub(super) async fn continue_service_deployment(&self, body: Value) -> Result<Value, AwsError> {
        let ContinueInput {
            service_deployment_arn: arn,
            hook_id: hook,
            action,
        } = input(body)?;
        let (key, deployment) = parts(&arn)?;
        let ask = |reply| Message::EndPause {
            deployment,
            hook,
            action: action.unwrap_or(HookAction::Continue),
            reply,
        };
        self.shared.ask(&key, ask).await?;
        Ok(json!({"serviceDeploymentArn": arn}))
    }

    pub(super) async fn stop_service_deployment(&self, body: Value) -> Result<Value, AwsError> {
        let StopInput {
            service_deployment_arn: arn,
            stop_type: StopType::Rollback,
        } = input(body)?;
        let (key, deployment) = parts(&arn)?;
        let ask = |reply| Message::Stop { deployment, reply };
        self.shared.ask(&key, ask).await?;
        Ok(json!({"serviceDeploymentArn": arn}))
    }
}

/// The key of the service, and the id of the deployment, in `…:service-deployment/CLUSTER/SERVICE/ID`.
fn parts(arn: &str) -> Result<(String, String), AwsError> {
    match arn.split('/').collect::<Vec<_>>()[..] {
        [start, cluster, name, id] if start.ends_with(":service-deployment") => {
            Ok((format!("{cluster}/{name}"), format!("ecs-svc/{id}")))
        }
        _ => Err(invalid_parameter(format!(
            "{arn} is not the ARN of a service-deployment."
        ))),
    }
}
