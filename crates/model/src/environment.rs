//! Where stacks live, and the rules there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::account::AccountId;
use crate::name::Name;

/// When somebody has to approve a plan before it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// Plans are applied at once.
    #[default]
    Never,
    /// A plan that deletes or replaces a resource waits for an approval.
    WhenDestroying,
    /// Every plan that changes something waits for an approval.
    Always,
}

/// A place for stacks: an AWS account and region, the role that deploys there, and the rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The name by which requests call it.
    pub name: Name,
    /// The AWS account.
    pub account: AccountId,
    /// The AWS region.
    pub region: String,
    /// The ARN of the role that Terraform assumes; `None` means the runner's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The external id that the role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When a plan waits for an approval.
    #[serde(default)]
    pub approval: Approval,
    /// Whether stacks here are kept from being destroyed.
    #[serde(default)]
    pub protected: bool,
    /// Values that the environment gives to every blueprint which declares a variable of that name (a VPC, a domain): a
    /// request cannot set these.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
}
