//! What webhooks need when they are configured: the key of the installation, and a check of their address as it resolves.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use slipway_model::artifact::WEBHOOK_KEY;
use slipway_model::webhook::signature::{InstallationKey, LENGTH};
use slipway_model::webhook::{Settings, unreachable};
use tokio::net::lookup_host;

use crate::Api;
use crate::artifacts::unavailable;
use crate::error::Error;

/// How long the resolution of a name may take. Deliveries check it again.
const PATIENCE: Duration = Duration::from_secs(3);

const READING: &str = "reading the key of webhooks";
const MAKING: &str = "making the key of webhooks";

impl Api {
    /// Rejects an address that resolves to one that is not public. A name that does not resolve now may do so later.
    pub(crate) async fn require_reachable(&self, settings: &Settings) -> Result<(), Error> {
        let (host, port) = settings.url.endpoint();
        let Ok(Ok(resolved)) = tokio::time::timeout(PATIENCE, lookup_host((host.as_str(), port))).await else {
            return Ok(());
        };
        let resolved: Vec<_> = resolved.collect();
        let permitted = self.reach.permit(&resolved).map(drop);
        permitted.map_err(|forbidden| Error::invalid(vec![unreachable(&forbidden)]))
    }

    /// The key of the installation, which is made when it is needed first.
    pub(crate) async fn installation_key(&self) -> Result<InstallationKey, Error> {
        if let Some(key) = self.stored_key().await? {
            return Ok(key);
        }
        let key = InstallationKey::new(rand::random());
        let request = self.s3.put_object().bucket(&self.artifacts_bucket).key(WEBHOOK_KEY);
        let body = ByteStream::from(key.as_bytes().to_vec());
        match request.if_none_match("*").body(body).send().await {
            Ok(_) => Ok(key),
            // Another request made it.
            Err(error) if is_there(&error) => {
                let stored = self.stored_key().await?;
                stored.ok_or_else(|| unavailable(MAKING, "another request is making it"))
            }
            Err(error) => Err(unavailable(MAKING, aws_sdk_s3::Error::from(error))),
        }
    }

    async fn stored_key(&self) -> Result<Option<InstallationKey>, Error> {
        let Some(bytes) = self.artifact(READING, WEBHOOK_KEY, Some(LENGTH)).await? else {
            return Ok(None);
        };
        let key = InstallationKey::read(&bytes.into_bytes());
        key.map(Some)
            .map_err(|error| Error::internal(READING, error.to_string()))
    }
}

/// Whether an object was not written because there is one, or is about to be.
fn is_there<R>(error: &SdkError<PutObjectError, R>) -> bool {
    matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict"))
}
