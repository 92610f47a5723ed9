//! ECR, for the pushes of images: `PutImage` of an image that is in the bucket of images, and its event.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::events::EventBus;
use crate::s3::S3;
use crate::wire::{ACCOUNT, AwsError, input};

/// The ECR service.
#[derive(Clone)]
pub struct Ecr {
    s3: S3,
    /// The bucket with the images.
    images: &'static str,
    events: EventBus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutImage {
    repository_name: String,
    image_tag: String,
    image_digest: String,
}

impl Ecr {
    /// A registry of the images in the bucket `images`, which reports pushes to `events`.
    pub fn new(s3: S3, images: &'static str, events: EventBus) -> Self {
        Self { s3, images, events }
    }

    /// One call of the wire API.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        match action {
            "PutImage" => self.put_image(input(body)?).await,
            _ => Err(AwsError::unknown_operation(action)),
        }
    }

    /// A tag is nothing that is kept: images are named by digest, and what a tag is for is the event.
    async fn put_image(&self, image: PutImage) -> Result<Value, AwsError> {
        let hex = image.image_digest.strip_prefix("sha256:").unwrap_or_default();
        let key = format!("{}/sha256-{hex}.tar", image.repository_name);
        if self.s3.get(self.images, &key).await?.is_none() {
            let message = format!(
                "There is no image {}@{} in the bucket {}: push it first.",
                image.repository_name, image.image_digest, self.images
            );
            return Err(AwsError::new("ImageNotFoundException", message));
        }
        let detail = json!({
            "result": "SUCCESS",
            "repository-name": image.repository_name,
            "image-digest": image.image_digest,
            "action-type": "PUSH",
            "image-tag": image.image_tag,
        });
        self.events.put("aws.ecr", "ECR Image Action", &[], &detail)?;
        Ok(json!({"image": {
            "registryId": ACCOUNT,
            "repositoryName": image.repository_name,
            "imageId": {"imageDigest": image.image_digest, "imageTag": image.image_tag},
        }}))
    }
}
