//! `slipway image`: images of the local ECS.
//!
//! An image is a tar of a folder with an `image.json`; it goes into the local S3, and its digest is that of the tar.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use slipway_local::ecs::Manifest;
use slipway_model::name::{Digest, Name};

use super::aws;
use crate::error::Error;
use crate::files;
use crate::output::Output;
use crate::server;

/// The bucket in which the local ECS looks for images.
const BUCKET: &str = "slipway-images";

/// Pushes a folder, and prints the image's name.
pub async fn push(
    folder: &Path,
    repository: &Name,
    tag: Option<&str>,
    endpoint: &str,
    output: Output,
) -> Result<(), Error> {
    let image = upload(folder, repository, endpoint).await?;
    if let (Some(tag), Some((_, digest))) = (tag, image.split_once('@')) {
        let request = json!({"repositoryName": repository, "imageTag": tag, "imageDigest": digest});
        aws::send(endpoint, "ecr", "PutImage", &request).await?;
    }
    output.answer(&json!({ "image": image }), |_| image.clone());
    Ok(())
}

/// Pushes a folder; gives the image's name by digest.
pub async fn upload(folder: &Path, repository: &Name, endpoint: &str) -> Result<String, Error> {
    let manifest = folder.join("image.json");
    let wrong = |what: String| {
        let like = "it names the entrypoint, {\"entrypoint\": [\"./app\"]}";
        Error::Usage(format!("{}: {what}: {like}", manifest.display()))
    };
    let json = std::fs::read(&manifest).map_err(|error| wrong(error.to_string()))?;
    Manifest::parse(&json).map_err(|error| wrong(error.to_string()))?;
    let tar = pack(folder)?;
    let digest = Digest::of(&tar);
    let key = format!("{repository}/sha256-{}.tar", digest.hex());
    let vars = BTreeMap::from(server::variables(endpoint).map(|(name, value)| (name.to_owned(), value.to_owned())));
    let config = aws_sdk_s3::config::Builder::from(&slipway_store::aws::sdk_config(&vars))
        .force_path_style(slipway_store::aws::s3_path_style(&vars))
        .build();
    let put = aws_sdk_s3::Client::from_conf(config)
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(tar.into());
    put.send().await.map_err(|source| Error::PushImage {
        endpoint: endpoint.to_owned(),
        source: Box::new(source.into()),
    })?;
    Ok(format!("{repository}@{digest}"))
}

/// The folder as a tar with sorted entries and no times, so that the same files have the same digest.
fn pack(folder: &Path) -> Result<Vec<u8>, Error> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.mode(tar::HeaderMode::Deterministic);
    for name in files::below(folder, |_| false)? {
        let path = folder.join(&name);
        builder
            .append_path_with_name(&path, &name)
            .map_err(|source| Error::File {
                action: "pack",
                path: path.clone(),
                source,
            })?;
    }
    builder.into_inner().map_err(|source| Error::File {
        action: "pack",
        path: folder.to_owned(),
        source,
    })
}
