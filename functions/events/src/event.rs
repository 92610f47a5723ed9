//! Events in EventBridge's format.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use slipway_model::account::AccountId;
use slipway_model::fields::Fields;
use slipway_model::id::{OperationId, StackId};

use crate::EventError;

/// The fields of every event. EventBridge sets `account`, the sender of the event; the sender chooses `detail`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Envelope {
    pub detail_type: String,
    pub source: String,
    pub account: AccountId,
    pub region: String,
    pub time: Timestamp,
    #[serde(default)]
    pub resources: Vec<String>,
    pub detail: Value,
    /// What is lost of a request's detail.
    #[serde(skip)]
    pub lossy: Option<Lossy>,
}

/// The detail of an event, as it was written.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    detail: &'a RawValue,
}

/// A detail of which something would be lost if it were read: a digit of a number, or one of two fields of the same name.
#[derive(Debug, Clone)]
pub(crate) struct Lossy {
    /// What the detail is, as the API says it of a body.
    pub what: String,
    /// The detail, as it was written.
    pub detail: String,
}

impl Lossy {
    /// What is lost of the detail in the text of an event, if something is.
    pub fn of(text: &str) -> Option<Self> {
        let Written { detail } = serde_json::from_str(text).ok()?;
        let detail = detail.get();
        // Another value than an object is rejected as that.
        let what = Fields::parse(detail.as_bytes())
            .err()
            .filter(|_| detail.starts_with('{'))?;
        Some(Self {
            what,
            detail: detail.to_owned(),
        })
    }
}

/// The detail of `ECS Deployment State Change`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    pub event_name: String,
    #[serde(rename = "deploymentId")]
    pub id: String,
    #[serde(default)]
    pub reason: String,
}

/// The detail of `ECS Hook State Change`, without unused fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hook {
    pub service_arn: String,
}

/// The detail of `ECS Task State Change`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "the names of ECS")]
pub(crate) struct Task {
    pub task_arn: String,
    pub last_status: String,
    #[serde(default)]
    pub started_by: String,
}

/// The detail of `RDS DB Snapshot Event` and of `RDS DB Cluster Snapshot Event`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Snapshot {
    #[serde(rename = "EventID")]
    pub event_id: String,
    pub source_identifier: String,
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
    /// Left out by EventBridge where it is long.
    input: Option<String>,
}

impl Execution {
    /// The stack that it is about, where its input says so.
    pub(crate) fn stack(&self) -> Option<StackId> {
        let input: Value = serde_json::from_str(self.input.as_deref()?).ok()?;
        input["stack_id"].as_str()?.parse().ok()
    }
}

/// The detail of `Slipway Result Due`.
#[derive(Debug, Deserialize)]
pub(crate) struct Due {
    pub operation: OperationId,
}

/// The detail of `ECR Image Action`, without unused fields.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ImageAction {
    pub action_type: String,
    pub result: String,
    pub repository_name: String,
    #[serde(default)]
    pub image_digest: String,
    #[serde(default)]
    pub image_tag: String,
}

impl Envelope {
    pub fn read(event: &Value) -> Result<Self, EventError> {
        Self::deserialize(event).map_err(EventError::ReadEvent)
    }

    /// The detail, in the form that AWS documents for the event's type.
    pub fn detail<T: DeserializeOwned>(&self) -> Result<T, EventError> {
        T::deserialize(&self.detail).map_err(|source| EventError::ReadDetail {
            detail_type: self.detail_type.clone(),
            source,
        })
    }

    /// The error for an event whose source or account does not fit its type.
    pub fn spoofed(&self) -> EventError {
        EventError::Spoofed {
            detail_type: self.detail_type.clone(),
            source_name: self.source.clone(),
            account: self.account.to_string(),
        }
    }
}
