//! The events, as EventBridge brings them.

use serde::Deserialize;
use serde_json::Value;

use crate::EventError;

/// An event that something follows from.
#[derive(Debug)]
pub(crate) enum Event {
    Deployment(Deployment),
    Execution(Execution),
}

/// What every event has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Envelope {
    detail_type: String,
    #[serde(default)]
    resources: Vec<String>,
    detail: Value,
}

/// `ECS Deployment State Change`.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// The ARN of the service.
    pub service: String,
    pub detail: DeploymentDetail,
}

/// The detail of `ECS Deployment State Change`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeploymentDetail {
    pub event_name: String,
    pub deployment_id: String,
    #[serde(default)]
    pub reason: String,
}

/// The detail of `Step Functions Execution Status Change`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Execution {
    pub state_machine_arn: String,
    pub name: String,
    pub status: String,
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl Event {
    pub fn read(event: Value) -> Result<Self, EventError> {
        let envelope: Envelope = serde_json::from_value(event).map_err(EventError::ReadEvent)?;
        let detail_type = envelope.detail_type;
        let unreadable = |source| EventError::ReadDetail {
            detail_type: detail_type.clone(),
            source,
        };
        match detail_type.as_str() {
            "ECS Deployment State Change" => {
                let detail = serde_json::from_value(envelope.detail).map_err(unreadable)?;
                let service = envelope.resources.into_iter().next().ok_or(EventError::NoService)?;
                Ok(Self::Deployment(Deployment { service, detail }))
            }
            "Step Functions Execution Status Change" => {
                let execution = serde_json::from_value(envelope.detail).map_err(unreadable)?;
                Ok(Self::Execution(execution))
            }
            _ => Err(EventError::UnknownType(detail_type)),
        }
    }
}
