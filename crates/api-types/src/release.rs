//! Releases.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::release;
use utoipa::ToSchema;

/// A set of images of a stack's services.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Release {
    /// The ID of the stack.
    #[schema(example = "lusab-babad")]
    pub stack: String,
    /// Its number.
    #[schema(example = 1)]
    pub number: u32,
    /// The image of each service.
    pub images: BTreeMap<String, String>,
    /// Its status: `requested`, `releasing`, `current`, `superseded` or `failed`.
    #[schema(value_type = String, example = "current")]
    pub status: release::ReleaseStatus,
    /// The identifier of the database snapshot before its migrations.
    pub snapshot: Option<String>,
    /// Whether it declares that the release before it works with the database after its migrations.
    pub compatible_with_previous: bool,
    /// The ID of the last operation that rolled out its images: its own release, a rollback to it, or an update that released them
    /// again.
    #[schema(example = "op-01kaj3v9mz5x0q8r2t4w6y7z9a")]
    pub last_operation: String,
    /// The same as `last_operation`, which replaces it.
    #[schema(deprecated)]
    pub operation: String,
    /// The requester of its first operation.
    pub requested_by: String,
    /// When it was requested first.
    pub created_at: Timestamp,
    /// When it became current last, or failed.
    pub ended_at: Option<Timestamp>,
    /// Related paths.
    pub links: ReleaseLinks,
}

/// Paths related to a release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReleaseLinks {
    /// The release.
    #[serde(rename = "self")]
    #[schema(example = "/v1/stacks/lusab-babad/releases/1")]
    pub this: String,
    /// Its stack.
    pub stack: String,
    /// Its last operation.
    pub operation: String,
}

impl From<release::Release> for Release {
    fn from(release: release::Release) -> Self {
        let stack = format!("/v1/stacks/{}", release.stack);
        let images = release.images.into_iter();
        Self {
            links: ReleaseLinks {
                this: format!("{stack}/releases/{}", release.number),
                operation: format!("/v1/operations/{}", release.operation),
                stack,
            },
            stack: release.stack.to_string(),
            number: release.number.0,
            images: images.map(|(service, image)| (service.into(), image.into())).collect(),
            status: release.status,
            snapshot: release.snapshot,
            compatible_with_previous: release.compatible_with_previous,
            last_operation: release.operation.to_string(),
            operation: release.operation.to_string(),
            requested_by: release.requested_by,
            created_at: release.created_at,
            ended_at: release.ended_at,
        }
    }
}
