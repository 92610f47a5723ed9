//! `slipway image`

use std::path::Path;

use serde_json::json;
use slipway_model::name::Name;

use super::aws;
use crate::error::Error;
use crate::local_image::upload;
use crate::output::Output;
use crate::server::LocalAws;

/// Pushes a folder, and prints the image's name.
pub async fn push(
    folder: &Path,
    repository: &Name,
    tag: Option<&str>,
    local: &LocalAws,
    output: Output,
) -> Result<(), Error> {
    let image = upload(folder, repository, local).await?;
    if let (Some(tag), Some((_, digest))) = (tag, image.split_once('@')) {
        let request = json!({"repositoryName": repository, "imageTag": tag, "imageDigest": digest});
        aws::send(local, "ecr", "PutImage", &request).await?;
    }
    output.answer(&json!({ "image": image }), |_| image.clone());
    Ok(())
}
