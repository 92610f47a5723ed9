//! Uploads of large requests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The announcement of an upload.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "digest": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "bytes": 4_194_304
}))]
pub struct RequestUpload {
    /// The SHA-256 digest of the document.
    pub digest: String,
    /// Its length in bytes.
    pub bytes: u32,
}

/// The address of an upload.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PutAddress {
    /// The document's digest, which a request sends as `upload`.
    pub upload: String,
    /// The method of the request to S3.
    pub method: String,
    /// The address, which permits an upload of this document and nothing else.
    pub url: String,
    /// The headers of the request to S3.
    pub headers: BTreeMap<String, String>,
    /// When the address expires.
    pub expires_at: Timestamp,
}
