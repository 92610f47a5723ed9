//! The API itself, and its caller.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The status of the service.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: String,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: String,
}

/// The caller of this request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CallerView {
    /// The name of the caller, as owner of stacks and requester of operations.
    #[schema(example = "ann@example.com")]
    pub name: String,
    /// Whether the caller is an administrator.
    pub admin: bool,
    /// The groups of the caller, as the identity provider names them. A stack of `team:payments` belongs to all members of `payments`.
    #[schema(example = json!(["payments"]))]
    pub groups: BTreeSet<String>,
}
